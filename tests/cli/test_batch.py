"""What every command on a user's photos does with those that fail, with a disk that refuses, and with what is done already.

Through `loupe fuse --method average`, which needs no model, and `loupe enhance`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cli.main import main
from models.enhancers import create
from models.storage import save_weights
from pictures import read_array, write_png
from tasks import enhancers

ROOT = Path(__file__).resolve().parents[2]


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
    save_weights(enhancer, Path("data/finetune/r01/model.safetensors"))
    enhancers.opened.cache_clear()  # a command is one process, a test runs several


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


# What fails is named, counted and passed over.


def test_a_full_disk_stops_with_one_line_and_the_summary(
    here: Path, disk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(4):
        write_png(f"in/{number}.png", noise(180))
    assert loupe(monkeypatch, "enhance", "in", "--out", str(disk / "out")) == 1
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert said.err.startswith("stopped: ") and "No space left on device" in said.err
    done = made(disk / "out")
    assert 1 <= len(done) < 4
    assert f"{len(done)} of 4 photos enhanced" in said.out and f"{4 - len(done)} not reached" in said.out
    assert all(read_array(disk / "out" / name).shape == (180, 180, 3) for name in done), "what is there is whole"
    assert temporaries(disk) == []


def test_a_full_disk_at_the_first_photo(
    here: Path, disk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (disk / "ballast").write_bytes(bytes(250_000))
    write_png("o.png", noise()[::-1])
    write_png("u.png", noise())
    fused = ("fuse", "u.png", "o.png", "--out", str(disk / "x.png"), "--method", "average", "--no-align")
    assert loupe(monkeypatch, *fused) == 1
    said = capsys.readouterr()
    assert "stopped: " in said.err and "No space left on device" in said.err and "Traceback" not in said.err
    assert "0 of 1 scenes fused" in said.out
    assert made(disk) == ["ballast"]


def test_a_read_only_disk(
    here: Path, disk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    assert loupe(monkeypatch, "enhance", "in", "--out", str(disk / "out")) == 1
    said = capsys.readouterr()
    assert said.err.count("\n") == 1 and "Read-only file system" in said.err
    assert "0 of 4 photos enhanced" in said.out and "4 not reached" in said.out


def test_a_folder_without_permission(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(path: Path, *_: object) -> None:  # root, who may run this, is refused nothing
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("cli.enhancing.save_like", refuse)
    assert loupe(monkeypatch, "enhance", "in", "--out", "out") == 1
    said = capsys.readouterr()
    assert said.err == "stopped: out/0.png could not be written: Permission denied; the same command goes on\n"
    assert "0 of 4 photos enhanced" in said.out


def test_a_link_to_itself_and_a_pipe_are_passed_over(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("in/loop.png").symlink_to("loop.png")
    os.mkfifo("in/pipe.png")
    assert loupe(monkeypatch, "enhance", "in", "--out", "out") == 3
    said = capsys.readouterr()
    assert "skipped: in/loop.png: a link that leads back to itself" in said.err
    assert "skipped: in/pipe.png: a pipe (FIFO), not a file" in said.err
    assert "4 of 6 photos enhanced" in said.out and "; 2 left out (named above)" in said.out
    assert loupe(monkeypatch, "enhance", "in/loop.png", "in/0.png", "--out", "named") == 3
    said = capsys.readouterr()
    assert "skipped: in/loop.png: " in said.err and "1 of 2 photos" in said.out


def test_a_name_that_is_not_utf_8_is_said_escaped_and_may_be_enhanced(here: Path) -> None:
    name = b"caf\xe9.png"
    Path("in/0.png").rename(Path("in") / os.fsdecode(name))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8:strict"}
    command = [sys.executable, "-m", "cli.main", "enhance", "in", "--out", "out"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 3 and "Traceback" not in done.stderr
    assert r"skipped: in/caf\udce9.png: its name is not UTF-8" in done.stderr
    assert "3 of 4 photos enhanced" in done.stdout
    named = [os.fsencode(part) for part in command[:4]] + [b"in/" + name, b"--out", b"n\xe4med"]
    done = subprocess.run(named, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert r"into n\udce4med" in done.stdout
    assert os.path.isfile(b"n\xe4med/" + name)  # noqa: PTH113
    again = subprocess.run(named, env=environment, capture_output=True, text=True, check=False)
    assert "1 was done already" in again.stdout


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MemoryError(), "too large for this machine's memory"),
        (ValueError("the image holds NaN"), "ValueError: the image holds NaN (--debug, or LOUPE_DEBUG=1, shows where)"),
        (RuntimeError("CUDA error\nmore lines"), "RuntimeError: CUDA error (--debug"),
    ],
)
def test_whatever_a_photo_raises_the_others_are_made(
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    reason: str,
) -> None:
    from models import tiling

    whole = tiling.enhance_tiled
    marked = read_array("in/1.png")

    def sometimes(enhancer: object, photo: np.ndarray, *rest: object) -> np.ndarray:
        if np.array_equal(photo, marked):
            raise error
        return whole(enhancer, photo, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(tiling, "enhance_tiled", sometimes)
    assert loupe(monkeypatch, "enhance", "in", "--out", "out") == 3
    said = capsys.readouterr()
    assert f"skipped: in/1.png: {reason}" in said.err and said.err.count("\n") == 1
    assert "3 of 4 photos enhanced" in said.out
    assert made("out") == ["0.png", "2.png", "3.png"] and temporaries("out") == []
    assert loupe(monkeypatch, "enhance", "in", "--out", "out", "--debug") == 3
    assert "Traceback" in capsys.readouterr().err
    monkeypatch.setattr(tiling, "enhance_tiled", whole)
    assert loupe(monkeypatch, "enhance", "in", "--out", "out") == 0
    assert "1 of 4 photos enhanced" in capsys.readouterr().out


def test_nothing_done_ends_with_1_and_help_says_the_codes(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert loupe(monkeypatch, "enhance", "absent.png", "--out", "out") == 1
    assert "0 of 1 photos enhanced" in capsys.readouterr().out
    for command in (("enhance",), ("fuse",), ("genetic", "search")):
        loupe(monkeypatch, *command, "--help")
        said = " ".join(capsys.readouterr().out.split())
        assert "Ends with 0 when all is done" in said and "3 when some photos were left out" in said


# What else lies there is said; sub-folders.


def test_sub_folders_are_said_or_mirrored(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_png("in/a/0.png", scene(7))
    write_png("in/a/b/9.png", scene(9))
    Path("in/clip.mov").touch()
    assert loupe(monkeypatch, "enhance", "in", "--out", "out") == 0
    said = capsys.readouterr()
    assert "2 photos in sub-folders were not read; --recursive reads them" in said.err
    assert "in: 1 file was not read: clip.mov" in said.err
    assert made("out") == ["0.png", "1.png", "2.png", "3.png"]
    assert loupe(monkeypatch, "enhance", "in", "--out", "out", "--recursive") == 0
    said = capsys.readouterr()
    assert "sub-folders" not in said.err
    assert "2 of 6 photos enhanced" in said.out and "; 4 were done already" in said.out
    assert made("out") == ["0.png", "1.png", "2.png", "3.png", "a/0.png", "a/b/9.png"]


def test_an_output_folder_inside_is_not_read(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert loupe(monkeypatch, "enhance", "in", "--out", "in/better", "--recursive") == 0
        assert made("in/better") == ["0.png", "1.png", "2.png", "3.png"]
    assert "0 of 4 photos enhanced" in capsys.readouterr().out
    assert loupe(monkeypatch, "enhance", "in", "--out", "in/better") == 0
    assert "sub-folders" not in capsys.readouterr().err


# What is done is not made again.


def test_what_is_done_is_not_made_again(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert loupe(monkeypatch, "enhance", "in", "--out", "out") == 0
    before = {name: Path("out", name).stat() for name in made("out")}
    Path("out/3.png").unlink()
    assert loupe(monkeypatch, "enhance", "in", "--out", "out", "--tile", "64") == 0
    said = capsys.readouterr().out
    assert "1 of 4 photos enhanced" in said and "; 3 were done already" in said
    kept = [Path("out", name).stat() for name in ("0.png", "1.png", "2.png")]
    assert [(each.st_ino, each.st_mtime_ns) for each in kept] == [
        (before[name].st_ino, before[name].st_mtime_ns) for name in ("0.png", "1.png", "2.png")
    ]
    assert Path("out/3.png").is_file()
    with monkeypatch.context() as patched:
        patched.setattr("models.tiling.enhance_tiled", never)
        Path("in").rename("moved")
        assert loupe(monkeypatch, "enhance", "moved", "--out", "out") == 0, "the content counts, not the path"
        os.utime("moved/0.png")
        assert loupe(monkeypatch, "enhance", "moved", "--out", "out") == 0
    capsys.readouterr()
    assert loupe(monkeypatch, "enhance", "moved", "--out", "out", "--fresh") == 0
    assert "4 of 4 photos enhanced" in capsys.readouterr().out
    assert Path("out/0.png").stat().st_ino != before["0.png"].st_ino


def test_another_input_model_or_setting_makes_it_again(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert loupe(monkeypatch, "enhance", "in", "--out", "out") == 0
    first = Path("out/0.png").read_bytes()
    old = Path("in/0.png").stat()
    changed = scene()[::-1]
    write_png("in/0.png", changed)
    os.utime("in/0.png", ns=(old.st_atime_ns, old.st_mtime_ns))
    assert loupe(monkeypatch, "enhance", "in", "--out", "out") == 0
    assert "1 of 4 photos enhanced" in capsys.readouterr().out.splitlines()[-1]
    assert Path("out/0.png").read_bytes() != first
    train(0.1)
    assert loupe(monkeypatch, "enhance", "in", "--out", "out") == 0
    assert "4 of 4 photos enhanced" in capsys.readouterr().out
    write_png("o/0.png", 255 - scene())
    for method in ("average", "average", "laplacian"):
        assert loupe(monkeypatch, "fuse", "in", "o", "--out", "fused", "--method", method) == 3
    said = [line for line in capsys.readouterr().out.splitlines() if "scenes fused" in line]
    assert [line[0] for line in said] == ["1", "0", "1"]
    assert loupe(monkeypatch, "fuse", "in/0.png", "o/0.png", "--out", "fused/0.png", "--method", "laplacian") == 0
    assert "0 of 1 scenes fused by laplacian into fused/0.png; 1 was done already" in capsys.readouterr().out


def test_a_result_that_was_changed_is_kept(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert loupe(monkeypatch, "enhance", "in", "--out", "out") == 0
    Image.fromarray(scene(5)).save("out/0.png")
    retouched = Path("out/0.png").read_bytes()
    assert loupe(monkeypatch, "enhance", "in", "--out", "out") == 0
    assert "; 3 were done already; 1 changed since and kept as it is" in capsys.readouterr().out
    assert Path("out/0.png").read_bytes() == retouched
    train(0.1)
    assert loupe(monkeypatch, "enhance", "in", "--out", "out") == 1
    assert "out/0.png: exists and was not written by this command, or was changed since" in capsys.readouterr().err
    assert Path("out/0.png").read_bytes() == retouched
    assert loupe(monkeypatch, "enhance", "in", "--out", "out", "--overwrite") == 0
    assert "4 of 4 photos enhanced" in capsys.readouterr().out
    assert Path("out/0.png").read_bytes() != retouched


KILLED = """
import os, signal, sys
import pictures.atomic as atomic
from cli.main import main
when, sync, calls = sys.argv.pop(1), atomic._sync, []
def counted(path):
    calls.append(path)
    # Of each photo: its file, the folder, the receipt, its folder, the photo's file again, its folder.
    if len(calls) == int(when):
        os.kill(os.getpid(), signal.SIGKILL)
    sync(path)
atomic._sync = counted
main()
"""


@pytest.mark.parametrize("when", [8, 10, 11, 12])
def test_a_killed_run_goes_on(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], when: int
) -> None:
    """Before the second photo is whole, before its receipt, between receipt and photo, and after both."""
    assert loupe(monkeypatch, "enhance", "in", "--out", "whole") == 0
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", KILLED, str(when), "enhance", "in", "--out", "out"]
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    capsys.readouterr()
    assert temporaries("out")
    known = len([name for name in made("out") if ".tmp" not in name])
    assert loupe(monkeypatch, "enhance", "in", "--out", "out") == 0
    assert f"{4 - known} of 4 photos enhanced" in capsys.readouterr().out
    assert temporaries("out") == []
    assert {name: Path("out", name).read_bytes() for name in made("out")} == {
        name: Path("whole", name).read_bytes() for name in made("whole")
    }


@pytest.mark.parametrize("when", [10, 11, 12])
def test_a_run_killed_while_it_replaces_its_own_goes_on(here: Path, monkeypatch: pytest.MonkeyPatch, when: int) -> None:
    assert loupe(monkeypatch, "enhance", "in", "--out", "out") == 0
    train(0.1)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", KILLED, str(when), "enhance", "in", "--out", "out"]
    assert subprocess.run(command, env=environment, capture_output=True, check=False).returncode == -signal.SIGKILL
    assert loupe(monkeypatch, "enhance", "in", "--out", "out") == 0, "what lies there is known as ours"
    assert loupe(monkeypatch, "enhance", "in", "--out", "whole") == 0
    assert Path("out/1.png").read_bytes() == Path("whole/1.png").read_bytes()
    assert temporaries("out") == []


def test_ctrl_c_says_how_far_it_came(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from models import tiling

    whole, calls = tiling.enhance_tiled, []

    def interrupted(*arguments: object) -> np.ndarray:
        calls.append(time.time())
        if len(calls) == 3:
            raise KeyboardInterrupt
        return whole(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(tiling, "enhance_tiled", interrupted)
    assert loupe(monkeypatch, "enhance", "in", "--out", "out") == 1
    said = capsys.readouterr()
    assert said.err == "stopped: by Ctrl-C; the same command goes on\n"
    assert "2 of 4 photos enhanced" in said.out and "2 not reached" in said.out
    assert temporaries("out") == []


def test_a_receipt_says_what_was_made_of_what(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert loupe(monkeypatch, "enhance", "in/0.png", "--out", "out") == 0
    (path,) = Path("out/.receipts").iterdir()
    receipt = json.loads(path.read_text())
    assert receipt["target"] == "0.png" and receipt["loupe"]
    assert receipt["recipe"]["command"] == "enhance" and len(receipt["recipe"]["model"]) == 64
    assert [Path(each["path"]).name for each in receipt["inputs"]] == ["0.png"]


def test_notes_of_the_photos_are_counted(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from dataclasses import replace

    from cli import enhancing

    read = enhancing.read_photo

    def converted(path: Path, page: int) -> object:
        photo = read(path, page)
        return photo if path.name == "0.png" else replace(photo, notes=("converted from Adobe RGB to sRGB",))

    monkeypatch.setattr(enhancing, "read_photo", converted)
    assert loupe(monkeypatch, "enhance", "in", "--out", "out") == 0
    assert "3 photos: converted from Adobe RGB to sRGB\n" in capsys.readouterr().out
