"""A workspace with a trained enhancer and four photos, and what the tests of the commands on photos look at."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from cli.main import main
from models.core.storage import save_weights
from models.enhancers import create
from pictures import write_png

ROOT = Path(__file__).resolve().parents[2]
CASES = ROOT.parent / "shared" / "data" / "cases"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace whose only round is trained, with the photos in/0.png, in/1.png, ..."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LOUPE_DEBUG", raising=False)
    Path("params.yaml").write_text((ROOT / "tests" / "tiny.yaml").read_text())
    train(0.5)
    for number in range(4):
        write_png(f"in/{number}.png", scene(number))
    return tmp_path


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of 256 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    options = ["-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)]
    try:
        done = subprocess.run(["mount", *options], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount here")
    if done.returncode:
        pytest.skip(f"a small tmpfs cannot be mounted here: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def train(bias: float) -> None:
    import torch

    torch.manual_seed(0)
    enhancer = create("curve", width=4, iterations=4, scale=4)  # of tests/tiny.yaml
    with torch.no_grad():
        enhancer.last.bias.fill_(bias)  # type: ignore[union-attr,operator]
    save_weights(enhancer, Path("data/low_light/models/r01/model.safetensors"))


def scene(number: int = 0, height: int = 50, width: int = 70) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 120 // width, y * 120 // height, (x + y + number) % 60], 2).astype(np.uint8)


def noise(side: int = 200) -> np.ndarray:
    """What no format makes smaller: 120 kB as PNG."""
    return np.random.default_rng(0).integers(0, 255, (side, side, 3), dtype=np.uint8)


def loupe(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["loupe", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


def made(folder: str | Path) -> list[str]:
    """The files of an output folder, without its receipts."""
    found = [path.relative_to(folder) for path in Path(folder).rglob("*") if path.is_file()]
    return sorted(str(path) for path in found if path.parts[0] != ".receipts")


def temporaries(folder: str | Path) -> list[Path]:
    return [path for path in Path(folder).rglob("*") if path.name.endswith(".tmp")]


def never(*_: object, **__: object) -> None:
    pytest.fail("a photo was made again")
