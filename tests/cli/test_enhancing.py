from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cli.enhancing import NothingTrained, enhance_photos, find_work
from cli.main import main
from models.core.storage import save_weights
from models.enhancers import create
from pictures import ImageError, read_array, write_png

ROOT = Path(__file__).resolve().parents[2]
CASES = ROOT.parent / "shared" / "data" / "cases"
TINY = {"width": 4, "iterations": 4, "scale": 4}  # the enhancer of tests/tiny.yaml


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace whose only round is trained; its curves brighten."""
    import torch

    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text((ROOT / "tests" / "tiny.yaml").read_text())
    enhancer = create("curve", **TINY)
    with torch.no_grad():
        enhancer.last.bias.fill_(0.5)  # type: ignore[union-attr,operator]
    save_weights(enhancer, Path("data/low_light/models/r01/model.safetensors"))
    return tmp_path


def scene(height: int = 50, width: int = 70) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 120 // width, y * 120 // height, (x + y) % 60], 2).astype(np.uint8)


def photos(folder: Path) -> Path:
    folder.mkdir()
    Image.fromarray(scene()).save(folder / "a ü.jpg", quality=95)
    Image.fromarray(scene()[..., 0]).save(folder / "grey.PNG")
    write_png(folder / "deep.png", scene().astype(np.uint16) * 257)
    (folder / "broken.png").write_bytes((folder / "deep.png").read_bytes()[:200])
    (folder / "empty.jpg").touch()
    (folder / "notes.txt").write_text("not a photo")
    return folder


def loupe(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The command in this process; returns its exit code."""
    monkeypatch.setattr(sys, "argv", ["loupe", "enhance", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


def test_a_folder_with_broken_photos_through_the_command(trained: Path) -> None:
    photos(trained / "in")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "cli.main", "enhance", "in", "--out", "out"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    summary = (
        "3 of 5 photos enhanced with data/low_light/models/r01/model.safetensors into out; 2 left out (named above)"
    )
    assert summary in done.stdout
    assert "in: 1 file was not read: notes.txt" in done.stderr
    skipped = [line for line in done.stderr.splitlines() if line.startswith("skipped: ")]
    assert [line.split(": ")[1] for line in skipped] == ["in/broken.png", "in/empty.jpg"]
    assert "Traceback" not in done.stderr
    assert sorted(file.name for file in (trained / "out").glob("[!.]*")) == ["a ü.jpg", "deep.png", "grey.PNG"]
    found = read_array(trained / "out" / "deep.png")
    assert found.dtype == np.uint16
    assert found.shape == (50, 70, 3)
    assert found.mean() > 1.5 * scene().mean() * 257


def test_good_photos_end_with_0(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos(trained / "in")
    assert enhance_photos([Path("in/deep.png"), Path("in/grey.PNG")], Path("out"), "r01", 1024) == 0
    assert "2 of 2 photos" in capsys.readouterr().out


def test_tiles_do_not_show(trained: Path) -> None:
    Path("in").mkdir()
    write_png("in/x.png", scene(200, 300))
    enhance_photos([Path("in")], Path("whole"), None, 1024)
    enhance_photos([Path("in")], Path("tiled"), None, 64)
    whole, tiled = read_array("whole/x.png"), read_array("tiled/x.png")
    assert np.abs(whole.astype(int) - tiled).max() <= 1


def test_a_photo_taken_sideways_comes_out_upright(trained: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    exif[272] = "Loupe 1"
    Path("in").mkdir()
    Image.fromarray(np.rot90(scene())).save("in/x.jpg", quality=95, exif=exif)
    assert enhance_photos([Path("in/x.jpg")], Path("out"), None, 1024) == 0
    with Image.open("out/x.jpg") as image:
        assert image.size == (70, 50)
        assert (image.getexif()[274], image.getexif()[272]) == (1, "Loupe 1")
        pixels = np.asarray(image).astype(int)
    assert pixels[:, -1, 0].mean() > pixels[:, 0, 0].mean() + 50  # red grows to the right of the scene
    assert pixels[-1, :, 1].mean() > pixels[0, :, 1].mean() + 50  # and green to its foot


def test_one_name_twice_is_refused_before_anything_is_written(trained: Path) -> None:
    for folder in ("one", "two"):
        Path(folder).mkdir()
        write_png(f"{folder}/x.png", scene())
    with pytest.raises(
        ImageError, match=r"two/x\.png: has the same name as one/x\.png: both .* out/x\.png; .*different"
    ):
        enhance_photos([Path("one"), Path("two")], Path("out"), None, 1024)
    assert not Path("out").exists()
    work, _ = find_work([Path("one"), Path("one/x.png")], Path("out"))
    assert [(item.sources, item.target) for item in work] == [((Path("one/x.png"),), Path("out/x.png"))]


def test_no_photo_is_overwritten(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("in").mkdir()
    Path("link").symlink_to("in")
    write_png("in/x.png", scene())
    before = Path("in/x.png").read_bytes()
    for out in ("in", "./in/../in", "link"):
        assert loupe(monkeypatch, "in", "--out", out) == 1
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.startswith("error: in/x.png: would be overwritten; choose another --out than ")
    assert Path("in/x.png").read_bytes() == before


def test_faults_of_the_arguments(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("file").touch()
    Path("none").mkdir()
    with pytest.raises(ImageError, match="file: a file, not a folder; choose another --out"):
        enhance_photos([Path("in.png")], Path("file"), None, 1024)
    with pytest.raises(ImageError, match="none: no photos in this folder"):
        enhance_photos([Path("none")], Path("out"), None, 1024)
    assert enhance_photos([Path("absent.png")], Path("out"), None, 1024) == 1
    assert "skipped: absent.png: no such file" in capsys.readouterr().err


def test_rounds_that_are_not_trained_or_unknown(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(
        NothingTrained, match=r"data/low_light/models/r00/model.safetensors is missing: round r00 .*--round takes r01$"
    ):
        enhance_photos([Path("x.png")], Path("out"), "r00", 1024)
    with pytest.raises(NothingTrained, match=r"no round is called 'r07'; params\.yaml has r00, r01$"):
        enhance_photos([Path("x.png")], Path("out"), "r07", 1024)
    Path("data/low_light/models/r01/model.safetensors").unlink()
    assert loupe(monkeypatch, "x.png", "--out", "out", "--round", "r01") == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "round r01 is not trained yet; `dvc repro report@low_light` trains it" in said


def test_a_file_that_is_not_ours_is_refused_before_anything_is_written(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    photos(trained / "in")
    Path("out").mkdir()
    Path("out/grey.PNG").write_bytes(b"mine")
    assert loupe(monkeypatch, "in", "--out", "out") == 1
    said = capsys.readouterr()
    assert said.err.startswith("error: out/grey.PNG: exists and was not written by this command")
    assert [path.name for path in Path("out").iterdir()] == ["grey.PNG"]
    assert Path("out/grey.PNG").read_bytes() == b"mine"
    assert loupe(monkeypatch, "in", "--out", "out", "--overwrite") == 3
    assert read_array("out/grey.PNG").shape == (50, 70, 3)


def test_a_hard_link_to_a_photo_is_not_replaced(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_png("in/a.png", scene())
    Path("out").mkdir()
    Path("out/a.png").hardlink_to("in/a.png")
    before = Path("in/a.png").read_bytes()
    assert loupe(monkeypatch, "in", "--out", "out", "--overwrite") == 1
    assert "in/a.png: would be overwritten" in capsys.readouterr().err
    assert Path("out/a.png").read_bytes() == before


def test_a_deep_photo_under_an_8_bit_name_gets_a_name_that_has_place(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_png("x.png", scene().astype(np.uint16) * 257)
    Path("x.png").rename("x.jpg")
    assert loupe(monkeypatch, "x.jpg", "--out", "out") == 0
    assert read_array("out/x.png").dtype == np.uint16
    write_png("x.png", scene())
    assert loupe(monkeypatch, "x.jpg", "x.png", "--out", "both") == 1
    assert "x.png: has the same name as x.jpg: both would be written to both/x.png" in capsys.readouterr().err
    assert not Path("both").exists()


def test_a_page_of_a_file_with_several(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    dark, light = Image.fromarray(scene() // 4), Image.fromarray(scene())
    Path("in").mkdir()
    for name in ("a.tif", "b.tif"):
        dark.save(f"in/{name}", save_all=True, append_images=[light])
    assert loupe(monkeypatch, "in", "--out", "out") == 0
    assert re.search(r"^2 photos: .*page", capsys.readouterr().out, re.MULTILINE)
    first = read_array("out/a.tif")
    assert loupe(monkeypatch, "in", "--out", "out", "--page", "2") == 0, "another page is another result"
    assert read_array("out/a.tif").mean() > first.mean() + 10
    assert loupe(monkeypatch, "in", "--out", "out", "--page", "3") == 1
    assert capsys.readouterr().err.count("skipped: in/") == 2


def test_photos_whose_codec_is_missing_are_not_passed_off_as_done(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from pictures import formats, listing

    monkeypatch.setattr(formats, "SUFFIXES", formats.SUFFIXES - formats.RAW_SUFFIXES)
    write_png("in/a.png", scene())
    Path("in/b.dng").touch()
    Path("in/clip.mov").touch()
    assert listing("in").photos == [Path("in/a.png")]
    assert loupe(monkeypatch, "in", "--out", "out") == 3
    said = capsys.readouterr()
    assert "in: 2 files were not read: b.dng (camera raw" in said.err
    assert "1 of 1 photos enhanced" in said.out and "; 1 of a kind that is not read here (see above)" in said.out


@pytest.mark.skipif(not CASES.is_dir(), reason=f"{CASES} is not there")
def test_the_cases_of_odd_photos(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever the files hold, each is enhanced, named as left out or said as not read, and the rest goes on."""
    for case in ("13-enhance", "17-stem"):
        count = len(list((CASES / case).iterdir()))
        code = loupe(monkeypatch, str(CASES / case), "--out", case)
        said = capsys.readouterr()
        written = len(list(Path(case).glob("[!.]*")))
        skipped = sum(line.startswith("skipped: ") for line in said.err.splitlines())
        not_read = sum(map(int, re.findall(r": (\d+) files? (?:was|were) not read: ", said.err)))
        assert code == (3 if skipped or (case == "17-stem" and not_read) else 0) and "Traceback" not in said.err
        assert (written >= 3, written + skipped + not_read) == (True, count), "each is accounted for"


MEASURE = """
import resource, sys, torch
from pathlib import Path
from cli.enhancing import enhance_photos
torch.set_num_threads(1)
def peak(name):
    assert enhance_photos([Path(name)], Path('out'), None, int(sys.argv[1])) == 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before = peak('small.jpg')
print(peak('large.jpg') - before)
"""


def test_memory_is_bounded(trained: Path) -> None:
    """A photo of 24 million pixels is 69 MiB; enhanced whole, this network takes 2,000 MiB, tile by tile under 700."""
    Image.fromarray(scene()).save("small.jpg")
    Image.fromarray(np.tile(scene(100, 100), (40, 60, 1))).save("large.jpg")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", MEASURE, "1024"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.splitlines()[-1]) < 700
    with Image.open("out/large.jpg") as image:
        assert image.size == (6000, 4000)


def test_the_page_of_before_and_after(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    photos(trained / "in")
    assert loupe(monkeypatch, "in", "--out", "out", "--compare") == 3
    assert "before and after: out/compare.html" in capsys.readouterr().out
    page = Path("out/compare.html").read_text()
    assert page.count('class="frame"') == 3 and page.count("data:image/jpeg;base64,") == 6
    assert "a ü.jpg" in page and "http" not in page.replace("http-equiv", "")
    assert loupe(monkeypatch, "in", "--out", "out", "--compare") == 3, "our own page is replaced"
    Path("out/compare.html").write_text("somebody's")
    assert loupe(monkeypatch, "in", "--out", "out", "--compare") == 1
    assert "is there and no page of ours" in capsys.readouterr().err
    assert Path("out/compare.html").read_text() == "somebody's"
    assert loupe(monkeypatch, "in", "--out", "out", "--compare", "--overwrite") == 3


def test_before_anything_is_trained_what_loupe_comes_with_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_png("in/dark.png", scene())
    assert loupe(monkeypatch, "in", "--out", "out") == 0
    said = capsys.readouterr().out
    assert "taking the enhancer that Loupe comes with (local_tone)" in said and "1 of 1 photos enhanced" in said
    made, before = read_array("out/dark.png").astype(float), scene().astype(float)
    assert made.mean() > before.mean() + 10, "a dark photo gets brighter"
    assert loupe(monkeypatch, "in", "--out", "out", "--round", "r01") == 1
    assert "there is no params.yaml here that names rounds of 'low_light'" in capsys.readouterr().err
    Path("params.yaml").write_text((ROOT / "tests" / "tiny.yaml").read_text())
    assert loupe(monkeypatch, "in", "--out", "out") == 0, "made already, by the same weights"
    said = capsys.readouterr().out
    assert "comes with (local_tone): round r01 is not trained here" in said and "1 was done already" in said


def test_what_loupe_comes_with_although_something_is_trained(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_png("in/dark.png", scene())
    assert loupe(monkeypatch, "in", "--out", "ours") == 0
    assert "comes with" not in capsys.readouterr().out
    assert loupe(monkeypatch, "in", "--out", "shipped", "--shipped") == 0
    assert "taking the enhancer that Loupe comes with" in capsys.readouterr().out
    assert not np.array_equal(read_array("ours/dark.png"), read_array("shipped/dark.png"))
    assert loupe(monkeypatch, "in", "--out", "shipped", "--shipped", "--round", "r01") == 2


def test_photos_side_by_side_are_those_of_one_after_the_other(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        write_png(f"in/{number}.png", np.roll(scene(), number * 7, 1))
    text = Path("params.yaml").read_text()
    for workers in (1, 3):
        Path("params.yaml").write_text(text.replace("workers: 1", f"workers: {workers}"))
        assert loupe(monkeypatch, "in", "--out", f"out{workers}") == 0
    for number in range(5):
        one, three = (read_array(f"out{workers}/{number}.png").astype(int) for workers in (1, 3))
        assert np.abs(one - three).max() <= 1
