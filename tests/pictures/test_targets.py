"""Names of what is written: all of them, and every refusal, before anything is written."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pictures import ImageError, Receipts, Work, depth_of, find_photos, plan, targets, write_png, written_name

RECIPE = {"command": "test"}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "b.png"):
        write_png(f"in/{name}", np.zeros((2, 3, 3), np.uint8))
    return tmp_path


def work(*pairs: tuple[str, str]) -> list[Work]:
    return [Work((Path(source),), Path(target)) for source, target in pairs]


def write(source: str, target: str, content: bytes = b"ours", recipe: dict[str, str] = RECIPE) -> None:
    with Receipts(Path("out")).writing([Path(source)], Path(target), recipe) as temporary:
        temporary.write_bytes(content)


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("way", ["path", "dots", "folder link", "link", "hard link"])
def test_a_photo_of_the_run_is_never_a_target(way: str, overwrite: bool) -> None:
    Path("out").mkdir()
    target = {
        "path": "in/b.png",
        "dots": "out/../in/b.png",
        "folder link": "linked/b.png",
        "link": "out/x.png",
        "hard link": "out/x.png",
    }[way]
    if way == "folder link":
        Path("linked").symlink_to("in")
    elif way == "link":
        Path("out/x.png").symlink_to("../in/b.png")
    elif way == "hard link":
        Path("out/x.png").hardlink_to("in/b.png")
    # Not the photo's own: a.jpg is written as a.png, and a.png is another photo of the run.
    with pytest.raises(ImageError, match=r"in/b\.png: would be overwritten; choose another --out"):
        plan(work(("in/a.png", target), ("in/b.png", "out/b.png")), Receipts(Path("out")), RECIPE, overwrite=overwrite)
    assert not Path("out/.receipts").exists()


def test_two_photos_of_one_target_are_both_named(monkeypatch: pytest.MonkeyPatch) -> None:
    receipts = Receipts(Path("out"))
    with pytest.raises(ImageError, match=r"in/b\.png: has the same name as in/a\.png: .* out/x\.png"):
        plan(work(("in/a.png", "out/x.png"), ("in/b.png", "out/x.png")), receipts, RECIPE, overwrite=True)
    alike = work(("in/a.png", "out/Caf\u00e9.png"), ("in/b.png", "out/CAFE\u0301.png"))
    monkeypatch.setattr(targets, "ignores_case", lambda folder: False)
    assert len(plan(alike, receipts, RECIPE).todo) == 2
    monkeypatch.setattr(targets, "ignores_case", lambda folder: True)
    with pytest.raises(ImageError, match=r"in/b\.png: has the same name as in/a\.png"):
        plan(alike, receipts, RECIPE)


def test_a_file_system_that_ignores_case_is_told_without_writing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not targets.ignores_case(Path("in"))
    assert not targets.ignores_case(Path("in/absent/below"))
    Path("empty").mkdir()
    assert targets.ignores_case(Path("empty")), "it cannot be told, so the names are to differ in more"
    identity = targets._identity
    monkeypatch.setattr(targets, "_identity", lambda path, follow=True: identity(Path(str(path).lower()), follow))
    assert targets.ignores_case(Path("in")), "IN is in there"


def test_what_is_not_ours_is_refused_and_named() -> None:
    todo = work(("in/a.png", "out/a.png"), ("in/b.png", "out/b.png"))
    receipts = Receipts(Path("out"))
    assert plan(todo, receipts, RECIPE).todo == todo
    write("in/a.png", "out/a.png")
    found = plan(todo, receipts, RECIPE)
    assert (found.todo, found.done) == (todo[1:], 1)
    assert plan(todo, receipts, RECIPE, fresh=True).todo == todo
    assert plan(todo, receipts, {"command": "other"}).todo == todo, "its own old file may be replaced"
    Path("out/b.png").write_bytes(b"the user's")
    with pytest.raises(ImageError, match=r"out/b\.png: exists and was not written by this command"):
        plan(todo, receipts, RECIPE)
    Path("out/a.png").write_bytes(b"retouched")
    with pytest.raises(ImageError, match=r"out/a\.png: exists .*\(nor 1 more\)"):
        plan(todo, receipts, RECIPE, fresh=True)
    assert plan(todo, receipts, RECIPE, overwrite=True).todo == todo
    Path("out/b.png").unlink()
    assert plan(todo, receipts, RECIPE).kept == [Path("out/a.png")]


def test_a_folder_or_a_link_in_the_way() -> None:
    Path("out/a.png").mkdir(parents=True)
    Path("out/b.png").symlink_to("nowhere")
    with pytest.raises(ImageError, match=r"out/a\.png: a folder lies where"):
        plan(work(("in/a.png", "out/a.png")), Receipts(Path("out")), RECIPE, overwrite=True)
    with pytest.raises(ImageError, match=r"out/b\.png: exists"):
        plan(work(("in/b.png", "out/b.png")), Receipts(Path("out")), RECIPE)


def test_names_follow_kind_and_depth() -> None:
    assert written_name(Path("x/a.JPG")) == Path("x/a.JPG")
    assert written_name(Path("x/a.jpg"), deep=True) == Path("x/a.png")
    assert written_name(Path("a.tif"), deep=True) == Path("a.tif")
    assert written_name(Path("a.nef")) == Path("a.png")


def test_depth_is_read_from_the_header() -> None:
    deep = np.zeros((2, 3, 3), np.uint16)
    write_png("deep.png", deep)
    Path("deep.png").rename("deep.jpg")  # the content counts
    Image.fromarray(np.zeros((2, 3), np.uint16)).save("deep.tif")
    Image.fromarray(np.zeros((2, 3), np.uint8)).save("plain.tif")
    Path("broken.tif").write_bytes(b"II*\0")
    os.mkfifo("pipe.png")
    names = ("deep.jpg", "deep.tif", "plain.tif", "in/a.png", "broken.tif", "pipe.png", "absent.png")
    assert [depth_of(Path(name)) for name in names] == [16, 16, 8, 8, 8, 8, 8]


def test_photos_of_files_and_folders_with_their_places() -> None:
    write_png("in/deeper/a.png", np.zeros((2, 3, 3), np.uint8))
    found = find_photos([Path("in"), Path("in/b.png"), Path("in/deeper/a.png")], Path("out"), recursive=True)
    assert [(str(photo), str(place)) for photo, place in found.photos] == [
        ("in/a.png", "a.png"),
        ("in/b.png", "b.png"),
        ("in/deeper/a.png", "deeper/a.png"),
        ("in/deeper/a.png", "a.png"),
    ]
    assert [str(place) for _, place in find_photos([Path("in")], Path("in/deeper"), recursive=True).photos] == [
        "a.png",
        "b.png",
    ]
    with pytest.raises(ImageError, match="no photos in this folder but those in in/deeper"):
        Path("in/a.png").unlink()
        Path("in/b.png").unlink()
        find_photos([Path("in")], Path("in/deeper"), recursive=True)
