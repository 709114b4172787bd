"""`loupe fuse --kind thermal`: infrared and visible, whatever their depth, with the visible picture's colour."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from PIL import Image
from skimage import data

from cli.main import main
from models.fusers import create
from pictures import read_array, read_photo, write_png
from tasks.kinds.fusers import store

ROOT = Path(__file__).resolve().parents[2]
SIZE = (180, 140)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text((ROOT / "tests" / "tiny.yaml").read_text())
    Image.fromarray(heat()).save("ir.png")
    Image.fromarray(photo()).save("vis.jpg", quality=97)
    return tmp_path


def loupe(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["loupe", "fuse", "--kind", "thermal", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


def photo() -> np.ndarray:
    return np.asarray(cv2.resize(data.astronaut(), SIZE, interpolation=cv2.INTER_AREA))


def heat() -> np.ndarray:
    return np.asarray(255 - photo()[..., 1])


@pytest.mark.parametrize("method", ["average", "maximum", "pyramid", "wavelet", "guided"])
def test_methods_that_need_no_training(here: Path, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    assert loupe(monkeypatch, "ir.png", "vis.jpg", "--out", "out.png", "--method", method) == 0
    fused = read_photo(Path("out.png"))
    assert fused.pixels.shape == (SIZE[1], SIZE[0], 3) and not fused.grey
    if method == "average":
        y = read_array("vis.jpg").astype(float) @ [0.299, 0.587, 0.114]
        assert np.abs(fused.pixels.astype(float) @ [0.299, 0.587, 0.114] - (y + heat()) / 2).mean() < 2


def test_the_trained_one_is_the_default(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert loupe(monkeypatch, "ir.png", "vis.jpg", "--out", "out.png") == 1
    assert "`dvc repro start@thermal` trains it" in capsys.readouterr().err
    options = yaml.safe_load(Path("params.yaml").read_text())["thermal"]["model"]["options"]
    store(create("dcevo", **options), Path("data/thermal/start/model.safetensors"))
    assert loupe(monkeypatch, "ir.png", "vis.jpg", "--out", "out.png") == 0
    assert "fusing with data/thermal/start/model.safetensors" in capsys.readouterr().out


def test_deep_infrared_and_grey_pictures(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = 7300 + 2 * heat().astype(np.uint16)
    Image.fromarray(deep.astype(np.uint16)).save("deep.png")
    assert loupe(monkeypatch, "deep.png", "vis.jpg", "--out", "deep_out.jpg", "--method", "average") == 0
    spread = read_array("deep_out.jpg")
    assert spread.dtype == np.uint8 and spread.std() > 30, "the camera's few levels have the range"
    Image.fromarray(photo()[..., 0]).save("grey.png")
    assert loupe(monkeypatch, "ir.png", "grey.png", "--out", "grey_out.png", "--method", "average") == 0
    assert read_photo(Path("grey_out.png")).grey


def test_infrared_that_is_read_otherwise_is_fused_again(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        write_png(f"i/{name}.png", np.repeat(heat()[..., None], 3, 2))
        write_png(f"v/{name}.png", photo())
    fuse = ("i", "v", "--out", "out", "--method", "average")
    assert loupe(monkeypatch, *fuse) == 0
    first, made = read_array("out/a.png"), Path("out/a.png").stat().st_mtime_ns
    assert loupe(monkeypatch, *fuse) == 0
    assert Path("out/a.png").stat().st_mtime_ns == made, "done already"
    params = yaml.safe_load(Path("params.yaml").read_text())
    params["thermal"]["dataset"]["folder"]["hot"] = "black"
    Path("params.yaml").write_text(yaml.safe_dump(params))
    assert loupe(monkeypatch, *fuse) == 0
    assert np.abs(read_array("out/a.png").astype(int) - first).mean() > 5


def test_folders_are_joined_and_bad_pairs_named(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, pixels in (("a", heat()), ("flat", np.full_like(heat(), 90)), ("small", heat()[:90])):
        write_png(f"i/{name}.png", np.repeat(pixels[..., None], 3, 2))
        write_png(f"v/{name}.png", photo())
    write_png("i/alone.png", photo())
    assert loupe(monkeypatch, "i", "v", "--out", "out", "--method", "maximum") == 3
    said = capsys.readouterr()
    assert sorted(path.name for path in Path("out").glob("*.png")) == ["a.png"]
    assert "flat.png: it is flat" in said.err and "small.png: differs in size" in said.err and "alone" in said.err


def test_a_pair_that_is_off_is_said_and_moved_where_that_is_asked(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = data.astronaut()
    Image.fromarray(255 - whole[40:340, 50:450, 1]).save("ir.png")
    Image.fromarray(whole[44:344, 44:444]).save("vis.png")
    assert loupe(monkeypatch, "ir.png", "vis.png", "--out", "as_is.png", "--method", "average") == 0
    assert "ir.png: looks off from vis.png by 7.2 pixels" in capsys.readouterr().out
    assert loupe(monkeypatch, "ir.png", "vis.png", "--out", "moved.png", "--method", "average", "--align") == 0
    assert "ir.png: moved over vis.png, it was off by 7.2 pixels" in capsys.readouterr().out


def test_wrong_numbers_and_kinds_are_refused(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert loupe(monkeypatch, "ir.png", "vis.jpg", "ir.png", "--out", "out.png") == 1
    assert "thermal fuses infrared and visible, files or folders in this order, not 3" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", ["loupe", "fuse", "--kind", "low_light", "ir.png", "vis.jpg", "--out", "x.png"])
    with pytest.raises(SystemExit):
        main()
    assert "known are brackets (under, over); thermal (infrared, visible)" in capsys.readouterr().err
