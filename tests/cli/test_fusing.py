"""`loupe fuse` as a user runs it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from cli.main import main
from models.core.storage import save_weights
from models.enhancers import create
from models.fusers.searched import build, load, save
from models.search.genotype import balanced
from pictures import read_array, write_png
from tasks.brackets import fusers
from tasks.rounds import loop

ROOT = Path(__file__).resolve().parents[2]
CASES = ROOT.parent / "shared" / "data" / "cases"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text((ROOT / "tests" / "tiny.yaml").read_text())
    return tmp_path


def trained() -> None:
    """A fuser of the tiny params that was not trained."""
    save(build(balanced(), 2, 2), fusers.WEIGHTS)


def scene(level: float, height: int = 50, width: int = 70) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    pixels = np.stack([x * 255 / width, y * 255 / height, (x + y) % 60 * 4], 2) * level
    return np.clip(pixels, 0, 255).astype(np.uint8)


def loupe(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["loupe", "fuse", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


def test_two_files_by_every_method_keep_the_metadata(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exif = Image.Exif()
    exif[272] = "Loupe 1"
    Image.fromarray(scene(0.3)).save("u.png", exif=exif)
    Image.fromarray(scene(2.0)).save("o.png")
    trained()
    for method in fusers.METHODS:
        assert loupe(monkeypatch, "u.png", "o.png", "--out", f"{method}.png", "--method", method) == 0
        assert read_array(f"{method}.png").shape == (50, 70, 3)
        with Image.open(f"{method}.png") as image:
            assert image.getexif()[272] == "Loupe 1"
    mean = (scene(0.3).astype(float) + scene(2.0)) / 2
    assert np.abs(read_array("average.png") - mean).max() <= 0.51


def test_swapped_files_are_said_and_put_right(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trained()
    write_png("u.png", scene(0.3))
    write_png("o.png", scene(2.0))
    assert loupe(monkeypatch, "u.png", "o.png", "--out", "right.png") == 0
    assert "brighter" not in capsys.readouterr().out
    assert loupe(monkeypatch, "o.png", "u.png", "--out", "swapped.png") == 0
    assert "o.png is brighter than u.png" in capsys.readouterr().out
    assert np.array_equal(read_array("right.png"), read_array("swapped.png"))


def test_more_than_two_and_deep_ones(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, level in enumerate((2.0, 0.3, 1.0)):
        write_png(f"{number}.png", scene(level) if number else scene(level).astype(np.uint16) * 257)
    files = ("0.png", "1.png", "2.png")
    assert loupe(monkeypatch, *files, "--out", "all.png", "--method", "average") == 0
    fused = read_array("all.png")
    assert fused.dtype == np.uint16, "one of 16 bits makes all of 16"
    mean = sum(scene(level).astype(float) for level in (2.0, 0.3, 1.0)) / 3 * 257
    assert np.abs(fused - mean).max() <= 1
    assert loupe(monkeypatch, *files, "--out", "two.png", "--method", "average", "--rule", "extremes") == 0
    assert np.abs(read_array("two.png") - (scene(2.0).astype(float) + scene(0.3)) / 2 * 257).max() <= 1


def test_one_of_three_named_twice_is_refused(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, level in (("a", 0.3), ("b", 2.0), ("c", 2.0)):
        write_png(f"{name}.png", scene(level))
    assert loupe(monkeypatch, "a.png", "b.png", "c.png", "--out", "all.png", "--method", "average") == 1
    assert "b.png: is the same picture as c.png" in capsys.readouterr().err


def test_a_folder_of_jpegs_beside_deep_ones_gives_png(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("u").mkdir()
    Image.fromarray(scene(0.3)).save("u/a.jpg", quality=95)
    write_png("o/a.png", scene(2.0).astype(np.uint16) * 257)
    assert loupe(monkeypatch, "u", "o", "--out", "out", "--method", "average") == 0
    assert [path.name for path in Path("out").glob("[!.]*")] == ["a.png"]
    assert read_array("out/a.png").dtype == np.uint16
    assert loupe(monkeypatch, "u/a.jpg", "o/a.png", "--out", "one.jpg", "--method", "average") == 1
    assert "16-bit pixels do not fit into .jpg" in capsys.readouterr().err


def test_tiles_do_not_show(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained()
    write_png("u.png", scene(0.3, 200, 300))
    write_png("o.png", scene(2.0, 200, 300))
    assert loupe(monkeypatch, "u.png", "o.png", "--out", "whole.png") == 0
    assert loupe(monkeypatch, "u.png", "o.png", "--out", "tiled.png", "--tile", "64") == 0
    assert np.abs(read_array("whole.png").astype(int) - read_array("tiled.png")).max() <= 1


def test_folders_with_odd_photos(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("good", "same", "size", "alone"):
        write_png(f"under/{name}.png", scene(0.3))
    write_png("over/good.png", scene(2.0))
    write_png("over/same.png", scene(0.3))
    write_png("over/size.png", scene(2.0)[:-1])
    write_png("under/broken.png", scene(0.3))
    Path("over/broken.png").write_bytes(Path("over/good.png").read_bytes()[:200])
    assert loupe(monkeypatch, "under", "over", "--out", "out", "--method", "mertens") == 3
    said = capsys.readouterr()
    for line in (
        "skipped: under/alone.png: has no partner of the stem 'alone' in over",
        "skipped: over/broken.png: damaged or truncated",
        "skipped: under/same.png: is the same picture as over/same.png; name each exposure once",
        "skipped: under/size.png: differs in size from over/size.png (70 x 50 and 70 x 49)",
    ):
        assert line in said.err
    summary = "1 of 4 scenes fused by mertens into out; 3 left out (named above); 1 photo is in no scene (named above)"
    assert summary in said.out
    assert [path.name for path in Path("out").glob("[!.]*")] == ["good.png"]


def test_faults_of_the_arguments(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_png("u.png", scene(0.3))
    write_png("o.png", scene(2.0))
    write_png("one/a.png", scene(0.3))
    write_png("two/b.png", scene(2.0))
    before = Path("o.png").read_bytes()
    for arguments, expected in (
        (("u.png", "--out", "x.png"), "u.png: is one exposure"),
        (("u.png", "one", "--out", "x.png"), "u.png: is not a folder and another exposure is"),
        (("u.png", "o.png", "--out", "one"), "one: a folder; name the file to write"),
        (("one", "one", "--out", "u.png"), "u.png: a file, not a folder"),
        (("one", "two", "--out", "out"), "two: no photo here has the stem of one in one"),
        (("one", "one", "--out", "one"), "one/a.png: would be overwritten"),
        (("u.png", "o.png", "--out", "./o.png"), "o.png: would be overwritten"),
        (
            ("u.png", "o.png", "--out", "x.png", "--method", "searched"),
            "data/brackets/start/model.safetensors is missing: `dvc repro start@brackets`",
        ),
    ):
        assert loupe(monkeypatch, *arguments) == 1
        said = capsys.readouterr()
        assert f"error: {expected}" in said.err and said.err.count("\n") == 1
    assert Path("o.png").read_bytes() == before
    assert not Path("x.png").exists()
    write_png("deep.png", scene(2.0).astype(np.uint16) * 257)
    assert loupe(monkeypatch, "u.png", "deep.png", "--out", "x.jpg", "--method", "average") == 1
    assert "16-bit pixels do not fit into .jpg" in capsys.readouterr().err


def test_before_anything_is_trained_what_loupe_comes_with_is_taken(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_png("u.png", scene(0.3))
    write_png("o.png", scene(2.0))
    assert loupe(monkeypatch, "u.png", "o.png", "--out", "x.png") == 0
    assert (
        "fusing with the weights that Loupe comes with (learned_pyramid): data/brackets/start"
        in capsys.readouterr().out
    )
    assert read_array("x.png").shape == scene(1.0).shape
    Path("params.yaml").unlink()
    assert loupe(monkeypatch, "u.png", "o.png", "--out", "y.png") == 0
    assert np.array_equal(read_array("x.png"), read_array("y.png"))
    assert loupe(monkeypatch, "u.png", "o.png", "--out", "z.png", "--shipped", "--method", "average") == 2
    assert loupe(monkeypatch, "u.png", "o.png", "--out", "z.png", "--shipped", "--kind", "thermal") == 1
    assert "Loupe comes with no fuser for thermal" in capsys.readouterr().err


def test_the_fuser_that_the_rounds_taught_is_used(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trained()
    taught = load(fusers.WEIGHTS)
    torch.nn.init.constant_(taught.head.bias, 0.3)
    save(taught, loop.weights_of("brackets", "r01"))
    write_png("u.png", scene(0.3))
    write_png("o.png", scene(2.0))
    params = Path("params.yaml").read_text()
    without = yaml.safe_load(params) | {"searched": []}
    del without["kinds"]["brackets"], without["rounds"]["brackets-r01"]
    Path("params.yaml").write_text(yaml.safe_dump(without))
    assert loupe(monkeypatch, "u.png", "o.png", "--out", "first.png", "--round", "r01") == 1
    assert "`kinds` of params.yaml does not name 'brackets'" in capsys.readouterr().err
    assert loupe(monkeypatch, "u.png", "o.png", "--out", "first.png") == 0
    assert "fusing with data/brackets/start/model.safetensors" in capsys.readouterr().out
    Path("params.yaml").write_text(params)
    assert loupe(monkeypatch, "u.png", "o.png", "--out", "last.png") == 0
    assert "fusing with data/brackets/models/r01/model.safetensors" in capsys.readouterr().out
    assert loupe(monkeypatch, "u.png", "o.png", "--out", "named.png", "--round", "r01") == 0
    assert Path("last.png").read_bytes() == Path("named.png").read_bytes() != Path("first.png").read_bytes()
    assert loupe(monkeypatch, "u.png", "o.png", "--out", "x.png", "--round", "r00") == 1
    assert "round r00 is not trained yet; --round takes r01" in capsys.readouterr().err
    assert loupe(monkeypatch, "u.png", "o.png", "--out", "x.png", "--round", "r01", "--method", "average") == 2
    save_weights(create("curve", width=4, iterations=4, scale=4), loop.weights_of("brackets", "r01"))
    capsys.readouterr()
    assert loupe(monkeypatch, "u.png", "o.png", "--out", "again.png") == 1, "an enhancer is no fuser"
    assert f"error: {loop.weights_of('brackets', 'r01')} " in capsys.readouterr().err
    loop.weights_of("brackets", "r01").unlink()
    assert loupe(monkeypatch, "u.png", "o.png", "--out", "again.png") == 0, "f(0) where no round is trained"
    assert "fusing with data/brackets/start/model.safetensors" in capsys.readouterr().out
    assert Path("again.png").read_bytes() == Path("first.png").read_bytes()


def test_a_source_is_not_replaced_under_the_name_that_the_result_gets(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("jpegs").mkdir()
    Image.fromarray(scene(0.3)).save("jpegs/a.jpg", quality=95)
    write_png("deep/a.png", scene(2.0).astype(np.uint16) * 257)
    source = Path("deep/a.png").read_bytes()
    for overwrite in ((), ("--overwrite",)):
        assert loupe(monkeypatch, "jpegs", "deep", "--out", "deep", "--method", "average", *overwrite) == 1
        said = capsys.readouterr()
        assert said.err.startswith("error: deep/a.png: would be overwritten; choose another --out than deep")
        assert said.out == ""
    assert Path("deep/a.png").read_bytes() == source
    assert [str(path) for path in Path("deep").iterdir()] == ["deep/a.png"]


@pytest.mark.skipif(not CASES.is_dir(), reason=f"{CASES} is not there")
def test_the_case_where_a_source_was_overwritten(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(CASES / "18-overwrite", "case")
    source = Path("case/deep/a.png").read_bytes()
    assert loupe(monkeypatch, "case/jpegs", "case/deep", "--out", "case/deep", "--method", "average") == 1
    assert "would be overwritten" in capsys.readouterr().err
    assert Path("case/deep/a.png").read_bytes() == source
    assert loupe(monkeypatch, "case/jpegs", "case/deep", "--out", "fused", "--method", "average") == 0
    assert read_array("fused/a.png").dtype == np.uint16


def test_a_file_that_is_not_ours_is_refused_before_anything_is_written(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        write_png(f"u/{name}.png", scene(0.3))
        write_png(f"o/{name}.png", scene(2.0))
    write_png("out/b.png", scene(1.0))
    mine = Path("out/b.png").read_bytes()
    assert loupe(monkeypatch, "u", "o", "--out", "out", "--method", "average") == 1
    assert "out/b.png: exists and was not written by this command" in capsys.readouterr().err
    assert [path.name for path in Path("out").iterdir()] == ["b.png"]
    assert loupe(monkeypatch, "u/b.png", "o/b.png", "--out", "out/b.png", "--method", "average") == 1
    assert Path("out/b.png").read_bytes() == mine
    assert loupe(monkeypatch, "u", "o", "--out", "out", "--method", "average", "--overwrite") == 0
    assert Path("out/b.png").read_bytes() != mine


def test_folders_are_joined_by_order_and_sub_folders_are_mirrored(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in (1, 2):
        write_png(f"u/day/DSC{number}.png", scene(0.3 / number))
        write_png(f"o/day/DSC{number + 5}.png", scene(2.0 / number))
    assert loupe(monkeypatch, "u", "o", "--out", "out", "--method", "average", "--recursive") == 1
    assert "no photo here has the stem of one in u" in capsys.readouterr().err
    order = ("--recursive", "--pair-by", "order")
    assert loupe(monkeypatch, "u", "o", "--out", "out", "--method", "average", *order) == 0
    assert "2 of 2 scenes fused" in capsys.readouterr().out
    mean = (scene(0.15).astype(float) + scene(1.0)) / 2
    assert np.abs(read_array("out/day/DSC2.png") - mean).max() <= 1


def test_bursts_of_one_folder(here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    Path("card").mkdir()
    for number, (minute, seconds, level) in enumerate(
        [(0, 0.01, 0.3), (0, 0.04, 1.0), (0, 0.16, 2.0), (5, 0.01, 0.4), (5, 0.16, 1.8), (9, 0.01, 1.0)]
    ):
        exif = Image.Exif()
        exif[0x8769] = {0x9003: f"2024:05:01 12:{minute:02}:{number:02}", 0x829A: seconds}
        Image.fromarray(scene(level)).save(f"card/IMG_{number}.jpg", quality=95, exif=exif)
    assert loupe(monkeypatch, "card", "--out", "out", "--method", "average", "--bursts") == 3
    said = capsys.readouterr()
    assert "2 of 2 scenes fused by average into out; 1 photo is in no scene (named above)" in said.out
    assert "skipped: card/IMG_5.jpg: belongs to no burst" in said.err
    assert sorted(path.name for path in Path("out").glob("*.jpg")) == ["IMG_0.jpg", "IMG_3.jpg"]
    mean = sum(scene(level).astype(float) for level in (0.3, 1.0, 2.0)) / 3
    assert np.abs(read_array("out/IMG_0.jpg") - mean).mean() < 3
    assert loupe(monkeypatch, "card/IMG_0.jpg", "--out", "x.jpg", "--bursts") == 1
    assert "--bursts finds the scenes in a folder" in capsys.readouterr().err
