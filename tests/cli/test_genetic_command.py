"""`loupe genetic` as a user runs it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cli.main import main
from pictures import read_array, write_png
from tasks.genetic import one_photo as genetic_search

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text((ROOT / "tests" / "tiny.yaml").read_text())
    folder = tmp_path / "photos"
    folder.mkdir()
    random = np.random.default_rng(0)
    write_png(folder / "plain.png", (random.random((24, 30, 3)) * 60).astype(np.uint8))
    write_png(folder / "deep.png", (random.random((24, 30, 3)) * 20000).astype(np.uint16))
    write_png(folder / "black.png", np.zeros((5, 5, 3), np.uint8))
    write_png(folder / "pixel.png", np.full((1, 1, 3), 9, np.uint8))
    (folder / "broken.png").write_bytes((folder / "plain.png").read_bytes()[:150])
    return folder


def loupe(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["loupe", "genetic", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


def test_a_folder_with_odd_photos_twice(
    photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert loupe(monkeypatch, str(photos), "--out", "out") == 3
    said = capsys.readouterr()
    assert "broken.png: damaged or truncated" in said.err
    assert "4 of 5 photos searched into out" in said.out
    assert read_array("out/deep.png").dtype == np.uint16
    assert read_array("out/plain.png").mean() > read_array(photos / "plain.png").mean()
    (photos / "broken.png").unlink()
    monkeypatch.setattr(genetic_search, "_search", lambda job: pytest.fail(f"{job.name} was searched again"))
    assert loupe(monkeypatch, "search", str(photos), "--out", "out") == 0
    assert "0 of 4 photos searched into out; 4 were done already" in capsys.readouterr().out


def test_pick_shows_the_front_and_takes_another_point(
    photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = str(photos / "plain.png")
    assert loupe(monkeypatch, "pick", photo, "--out", "out") == 1
    assert f"{photo} was not searched into out; run `loupe genetic {photo} --out out` first" in capsys.readouterr().err
    assert loupe(monkeypatch, photo, "--out", "out") == 0
    assert loupe(monkeypatch, "pick", photo, "--out", "out") == 0
    assert read_array("out/plain.png.front.png").shape[0] > 100
    front = genetic_search.read_front(Path("out/.fronts/plain.png.json"))
    assert front is not None
    leaders = [place for place, rank in enumerate(front.rank) if rank == 0]
    other = next(place for place in leaders if place != front.chosen)
    before = read_array("out/plain.png")
    assert loupe(monkeypatch, "pick", photo, "--out", "out", "--individual", str(other)) == 0
    picked = read_array("out/plain.png")
    assert not np.array_equal(picked, before)
    assert loupe(monkeypatch, photo, "--out", "out") == 0
    assert np.array_equal(read_array("out/plain.png"), picked), "a search that is done leaves what was picked"
    capsys.readouterr()
    assert loupe(monkeypatch, "pick", photo, "--out", "out", "--individual", "999") == 1
    assert "has no individual 999 on its front; it has" in capsys.readouterr().err


def test_sheets_of_photos_that_differ_in_suffix_alone_are_two_files(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.fromarray(read_array(photos / "plain.png")).save("plain.jpg", quality=95)
    both = ("plain.jpg", str(photos / "plain.png"))
    assert loupe(monkeypatch, *both, "--out", "out") == 0
    for photo in both:
        assert loupe(monkeypatch, "pick", photo, "--out", "out") == 0
    sheets = sorted(path.name for path in Path("out").glob("*.front.png"))
    assert sheets == ["plain.jpg.front.png", "plain.png.front.png"]
    assert loupe(monkeypatch, "pick", both[0], "--out", "out") == 0, "its own sheet is replaced"


def test_pick_replaces_its_own_version_and_nothing_else(
    photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = str(photos / "plain.png")
    assert loupe(monkeypatch, photo, "--out", "out") == 0
    front = genetic_search.read_front(Path("out/.fronts/plain.png.json"))
    assert front is not None
    number = str([place for place, rank in enumerate(front.rank) if rank == 0][-1])
    assert loupe(monkeypatch, "pick", photo, "--out", "out", "--individual", number) == 0
    write_png("out/plain.png", np.zeros((4, 4, 3), np.uint8))
    write_png("out/plain.png.front.png", np.zeros((4, 4, 3), np.uint8))
    mine = Path("out/plain.png").read_bytes()
    capsys.readouterr()
    for arguments in ((), ("--individual", number)):
        assert loupe(monkeypatch, "pick", photo, "--out", "out", *arguments) == 1
        assert "exists and was not written by this command" in capsys.readouterr().err
    assert Path("out/plain.png").read_bytes() == mine == Path("out/plain.png.front.png").read_bytes()
    assert loupe(monkeypatch, "pick", photo, "--out", "out", "--individual", number, "--overwrite") == 0
    assert read_array("out/plain.png").shape == (24, 30, 3)


def test_sub_folders_are_mirrored_and_picked_from(
    photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_png("in/a.png", read_array(photos / "plain.png"))
    write_png("in/b/a.png", read_array(photos / "plain.png")[::-1])
    Path("in/loop.png").symlink_to("loop.png")
    assert loupe(monkeypatch, "in", "--out", "out", "--recursive") == 3
    said = capsys.readouterr()
    assert "2 of 3 photos searched into out; 1 left out (named above)" in said.out
    assert "skipped: in/loop.png: a link that leads back to itself" in said.err
    assert sorted(str(path) for path in Path("out/.fronts").rglob("*.json")) == [
        "out/.fronts/a.png.json",
        "out/.fronts/b/a.png.json",
    ]
    assert loupe(monkeypatch, "pick", "in/b/a.png", "--out", "out") == 0
    assert Path("out/b/a.png.front.png").is_file() and not Path("out/a.png.front.png").exists()
    os.mkfifo("in/pipe.png")
    assert loupe(monkeypatch, "in/pipe.png", "in/a.png", "in/absent.png", "--out", "out") == 3
    assert "0 of 3 photos searched into out; 1 was done already; 2 left out" in capsys.readouterr().out
