"""`loupe fuse` on real brackets: exposures that show nothing, a hand-held camera, things that move."""

from __future__ import annotations

import math
import re
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage import data

from cli.main import main
from models.degradation import expose
from models.fusers.searched import build, save
from models.search.genotype import balanced
from pictures import quantise, read_array, read_uint8, write_png
from tasks.brackets import fusers

ROOT = Path(__file__).resolve().parents[2]
CASES = ROOT.parent / "shared" / "data" / "cases"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text((ROOT / "tests" / "tiny.yaml").read_text())
    return tmp_path


def loupe(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["loupe", "fuse", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


def shot(stops: float, x: float = 0.0, degrees: float = 0.0, photo: np.ndarray | None = None) -> np.ndarray:
    """An exposure (200, 300, 3) uint8 of a camera that was moved by `x` pixels and turned."""
    whole = (data.astronaut() if photo is None else photo).astype(np.float32) / 255
    matrix = cv2.getRotationMatrix2D((255.5, 255.5), degrees, 1.0)
    matrix[0, 2] += x
    turned = np.clip(cv2.warpAffine(whole, matrix, (512, 512), flags=cv2.INTER_CUBIC), 0, 1)[100:300, 100:400]
    return quantise(expose(turned, stops, 0.0003, 0.001, np.random.default_rng(0)), 8)


def test_exposures_that_show_nothing_are_left_out_and_named(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save(build(balanced(), 2, 2), fusers.WEIGHTS)
    for name, stops in (("a", -2.0), ("b", 0.0), ("c", 2.0)):
        write_png(f"{name}.png", shot(stops)[:100, :150])
    white = np.full((100, 150, 3), 255, np.uint8)
    for name, pixels in (("white", white), ("again", white), ("black", white * 0)):
        write_png(f"{name}.png", pixels)
    for method in ("searched", "mertens"):
        assert loupe(monkeypatch, "a.png", "b.png", "c.png", "--out", f"{method}.png", "--method", method) == 0
        assert "left out" not in capsys.readouterr().out
        files = ("white.png", "a.png", "black.png", "b.png", "c.png", "again.png")
        assert loupe(monkeypatch, *files, "--out", f"{method}_all.png", "--method", method) == 0
        said = capsys.readouterr().out
        assert "left out: white.png (100 % of it is white): nothing is to be seen in it" in said
        assert (
            "left out: again.png (100 % of it is white)" in said
            and "left out: black.png (100 % of it is black)" in said
        )
        assert np.array_equal(read_array(f"{method}.png"), read_array(f"{method}_all.png"))
    assert loupe(monkeypatch, "a.png", "white.png", "black.png", "--out", "none.png", "--method", "mertens") == 1
    assert "1 usable exposure of 3; nothing is to be seen in white.png (100 % of it is white), black.png" in (
        capsys.readouterr().err
    )
    assert not Path("none.png").exists()


@pytest.mark.parametrize("bits", [8, 16])
def test_hand_held_exposures_are_aligned_and_the_motion_is_said(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], bits: int
) -> None:
    scale = np.uint8(1) if bits == 8 else np.uint16(257)
    write_png("u.png", shot(-2) * scale)
    write_png("o.png", shot(1.5, 6.0, 0.4) * scale)
    write_png("still.png", shot(1.5) * scale)
    for arguments, out in (
        (("o.png",), "aligned"), (("o.png", "--no-align"), "crossed"), (("still.png",), "kept"),
        (("still.png", "--no-align"), "true"),
    ):  # fmt: skip
        assert loupe(monkeypatch, "u.png", *arguments, "--out", f"{out}.png", "--method", "mertens") == 0
        said = capsys.readouterr().out
        line = re.search(r"o.png: aligned with u.png, it was off by \d\.\d pixels, (.*) degrees", said)
        assert (line is not None) == (out == "aligned")
        assert line is None or float(line[1]) == pytest.approx(0.4, abs=0.06)
    aligned, crossed, kept, true = (
        read_array(f"{name}.png").astype(float) / (255 if bits == 8 else 65535)
        for name in ("aligned", "crossed", "kept", "true")
    )
    assert aligned.shape == true.shape
    assert np.array_equal(kept, true), "pictures of a tripod stay as they are"
    assert np.abs(aligned - true).mean() < np.abs(crossed - true).mean() / 3
    edges = [np.abs(np.diff(picture.mean(2), axis=1)).mean() for picture in (aligned, true)]
    assert edges[0] == pytest.approx(edges[1], rel=0.12), "no double edges"


def test_what_cannot_be_aligned_is_left_out_with_the_reason(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = cv2.resize(data.chelsea(), (512, 512))
    for name, pixels in (("a", shot(-2)), ("b", shot(0)), ("c", shot(1.5)), ("cat", shot(2.5, photo=other))):
        write_png(f"{name}.png", pixels)
    assert loupe(monkeypatch, "a.png", "cat.png", "--out", "two.png", "--method", "mertens") == 1
    said = capsys.readouterr().err
    assert "cat.png: cannot be aligned with a.png: they show no likeness at any motion" in said
    assert "--no-align takes it as it is" in said and not Path("two.png").exists()
    assert loupe(monkeypatch, "a.png", "cat.png", "--out", "two.png", "--method", "mertens", "--no-align") == 0
    assert "expect ghosts" in capsys.readouterr().out
    assert loupe(monkeypatch, "a.png", "b.png", "c.png", "cat.png", "--out", "all.png", "--method", "mertens") == 0
    assert "left out: cat.png: cannot be aligned with b.png" in capsys.readouterr().out
    assert loupe(monkeypatch, "a.png", "b.png", "c.png", "--out", "three.png", "--method", "mertens") == 0
    apart = read_array("all.png").astype(int) - read_array("three.png").astype(int)
    assert np.abs(apart).max() <= 1, "the sums of a convolution may be ordered otherwise"


def test_moving_things_are_said(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = data.astronaut().copy()
    photo[150:250, 150:250] = data.astronaut()[0:100, 0:100]
    write_png("u.png", shot(-2))
    write_png("still.png", shot(1))
    write_png("o.png", shot(1, photo=photo))
    assert loupe(monkeypatch, "u.png", "still.png", "--out", "a.png", "--method", "average") == 0
    assert "ghosts" not in capsys.readouterr().out
    assert loupe(monkeypatch, "u.png", "o.png", "--out", "b.png", "--method", "average") == 0
    said = capsys.readouterr().out
    assert "u.png and o.png show different things on" in said and "something moved, expect ghosts" in said


@pytest.mark.skipif(not CASES.is_dir(), reason=f"{CASES} is absent")
def test_the_hand_held_case(here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    folder = CASES / "06-handheld"
    for name, out in (("o", "ours"), ("o_aligned", "true")):
        files = (str(folder / "u.jpg"), str(folder / f"{name}.jpg"))
        assert loupe(monkeypatch, *files, "--out", f"{out}.png", "--method", "mertens") == 0
    assert "off by 7.2 pixels, 0.39 degrees" in capsys.readouterr().out.replace("0.40", "0.39")
    inner = (slice(12, -12), slice(12, -12))
    difference = read_uint8("ours.png")[inner].astype(int) - read_uint8("true.png")[inner]
    assert np.abs(difference).mean() < 4


@pytest.mark.skipif(not CASES.is_dir(), reason=f"{CASES} is absent")
def test_the_case_of_five_exposures(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fuser of which the weights are set so that it lightens, as trained ones do."""
    fuser = build(balanced(), 2, 2)
    fuser.head.weight.data.zero_()
    assert fuser.head.bias is not None
    fuser.head.bias.data[0], fuser.head.bias.data[1] = math.log(0.35 / 0.65), 0.08
    save(fuser, fusers.WEIGHTS)
    files = [str(path) for path in sorted((CASES / "16-brackets5").glob("e?.jpg"))]
    for rule in ("pairs", "fold"):
        assert loupe(monkeypatch, *files, "--out", f"{rule}.png", "--rule", rule) == 0
    assert loupe(monkeypatch, *files, "--out", "mertens.png", "--method", "mertens") == 0
    means = {name: np.asarray(Image.open(f"{name}.png")).mean() for name in ("pairs", "fold", "mertens")}
    assert means["fold"] > 200 and 100 < means["pairs"] < 155 and 105 < means["mertens"] < 125
