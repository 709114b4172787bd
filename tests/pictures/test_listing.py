"""The photos of a folder: what is listed, and that whatever is not is named with the reason."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import numpy as np
import pytest

from pictures import ImageError, Listing, list_photos, listing, printable, write_png


def reasons(found: Listing) -> dict[str, str]:
    return {found.name_of(error.path): error.reason for error in found.left_out}


def names(found: Listing) -> list[str]:
    return [path.relative_to(found.folder).as_posix() for path in found.photos]


def touched(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_photos_of_a_folder(tmp_path: Path) -> None:
    touched(tmp_path, "b.JPG", "a b ü\u202f.png", "c.tiff", ".hidden.png", "notes.txt", "Thumbs.db")
    (tmp_path / "folder.png").mkdir()
    assert [path.name for path in list_photos(tmp_path)] == ["a b ü\u202f.png", "b.JPG", "c.tiff"]


def test_folders_that_cannot_be_used(tmp_path: Path) -> None:
    touched(tmp_path, "file")
    (tmp_path / "none").mkdir()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    wrong = {
        "absent": "no such folder",
        "file": "not a folder",
        "none": "no photos in this folder",
        "loop": "a link that leads back to itself",
    }
    for name, reason in wrong.items():
        with pytest.raises(ImageError, match=reason) as error:
            list_photos(tmp_path / name)
        assert str(error.value).startswith(f"{tmp_path / name}: ")


def test_what_is_no_photo_is_named_with_the_reason(tmp_path: Path) -> None:
    touched(tmp_path, "a.png", "clip.mov", "notes.txt", "desktop.ini", ".hidden")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    (tmp_path / "gone.jpg").symlink_to("nowhere.jpg")
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket.png"))
    found = listing(tmp_path)
    assert names(found) == ["a.png"]
    assert list(reasons(found)) == [
        "clip.mov",
        "gone.jpg",
        "loop.jpg",
        "notes.txt",
        "pipe.png",
        "socket.png",
        "zero.png",
    ]
    assert reasons(found)["pipe.png"] == "a pipe (FIFO), not a file"
    assert reasons(found)["socket.png"] == "a socket, not a file"
    assert reasons(found)["zero.png"] == "a device, not a file"
    assert reasons(found)["loop.jpg"] == "a link that leads back to itself"
    assert reasons(found)["gone.jpg"] == "a link to a file that is not there"


@pytest.mark.parametrize(("name", "shown"), [("a\udcff.png", r"a\udcff.png"), ("a\nb.png", r"a\nb.png")])
def test_a_name_that_is_no_text_leaves_one_file_out(tmp_path: Path, name: str, shown: str) -> None:
    touched(tmp_path, name, "b.png")
    found = listing(tmp_path)
    assert names(found) == ["b.png"]
    assert reasons(found) == {shown: "its name is not UTF-8, or has control characters; rename it"}
    for line in (*found.said(), str(found.left_out[0])):
        assert shown in line and "\n" not in line and line.encode(), "any terminal can show it"


def test_what_was_left_out_is_said_by_reason_with_a_few_names(tmp_path: Path) -> None:
    touched(tmp_path, "a.png", *(f"{number}.txt" for number in range(7)))
    os.mkfifo(tmp_path / "pipe.png")
    (line,) = listing(tmp_path).said()
    assert line.startswith(f"{tmp_path}: 8 files were not read: 0.txt, 1.txt, 2.txt and 4 more (")
    assert line.endswith("pipe.png (a pipe (FIFO), not a file)")
    assert listing(touched(tmp_path / "good", "a.png")).said() == []


def test_photos_in_sub_folders_are_counted_or_read(tmp_path: Path) -> None:
    touched(tmp_path, "a.png", "x/a.png", "x/y/b.jpg", "x/notes.txt", "x/.trash/c.png")
    flat = listing(tmp_path)
    assert (names(flat), flat.below) == (["a.png"], 2)
    assert flat.said() == [f"{tmp_path}: 2 photos in sub-folders were not read; --recursive reads them"]
    assert flat.said("recursive: true")[0].endswith("recursive: true reads them")
    deep = listing(tmp_path, recursive=True)
    assert (names(deep), deep.below) == (["a.png", "x/a.png", "x/y/b.jpg"], 0)
    assert list(reasons(deep)) == ["x/notes.txt"]
    assert list_photos(tmp_path, recursive=True) == deep.photos


def test_a_folder_with_photos_in_sub_folders_alone(tmp_path: Path) -> None:
    touched(tmp_path, "x/a.png", "phone.mov")
    with pytest.raises(ImageError, match=r"no photos in this folder.*1 photo in sub-folders was not read.*phone\.mov"):
        listing(tmp_path)
    assert names(listing(tmp_path, recursive=True)) == ["x/a.png"]


def test_links_are_followed_once(tmp_path: Path) -> None:
    touched(tmp_path, "z/a.png")
    (tmp_path / "a").symlink_to(tmp_path / "z")
    (tmp_path / "z" / "up").symlink_to(tmp_path)
    outside = touched(tmp_path.parent / f"{tmp_path.name}-outside", "b.png")
    (tmp_path / "linked").symlink_to(outside)
    found = listing(tmp_path, recursive=True)
    assert names(found) == ["linked/b.png", "z/a.png"]
    assert reasons(found) == dict.fromkeys(["a", "z/up"], "a link to a folder that is read already")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_a_sub_folder_without_permission_is_named(tmp_path: Path) -> None:
    touched(tmp_path, "a.png", "shut/b.png")
    (tmp_path / "shut").chmod(0)
    try:
        found = listing(tmp_path, recursive=True)
    finally:
        (tmp_path / "shut").chmod(0o700)
    assert names(found) == ["a.png"]
    assert reasons(found) == {"shut": "a sub-folder that cannot be listed (Permission denied)"}


def test_an_unreadable_sub_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touched(tmp_path, "a.png", "shut/b.png")
    real = os.scandir

    def scandir(path: Path) -> object:
        if Path(path).name == "shut":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found = listing(tmp_path, recursive=True)
    assert (names(found), list(reasons(found))) == (["a.png"], ["shut"])


def test_names_are_printable() -> None:
    assert printable(Path("a\udcff/b\tc é.png")) == r"a\udcff/b\tc é.png"


def test_errors_name_such_a_file_in_one_line(tmp_path: Path) -> None:
    error = ImageError(tmp_path / "a\nb\udcff", "why")
    assert str(error) == f"{tmp_path}/a\\nb\\udcff: why"
    write_png(tmp_path / "b.png", np.zeros((2, 2, 3), np.uint8))
    assert names(listing(tmp_path)) == ["b.png"]
