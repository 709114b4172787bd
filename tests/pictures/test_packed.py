from __future__ import annotations

import subprocess
import tarfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from pictures import (
    AbsentFile,
    FileFault,
    ImageError,
    fresh_folder,
    list_photos,
    pack,
    packed,
    pictures_in,
    read_regular,
    read_uint8,
    sha256_file,
    write_png,
)

NAMES = ("dusk", "quay at night", "Bäckerei", "x" * 120, "a-1", "a-2", "a-3", "a-4", "a-5")


def picture(name: str) -> np.ndarray:
    return np.full((3, 4, 3), sum(name.encode()) % 256, np.uint8)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "PACKED_FROM", 4)
    monkeypatch.setattr(packed, "_MOST", 3)


def made(folder: Path, names: tuple[str, ...] = NAMES) -> Path:
    with fresh_folder(folder) as new:
        for name in names:
            write_png(new / "input" / f"{name}.png", picture(name))
        for name in names[:3]:
            write_png(new / "few" / f"{name}.png", picture(name))
        (new / "input" / "notes.txt").write_text("beside")
        pack(new)
    return folder


def tars(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.tar")}


def test_packed_pictures_are_read_by_the_paths_that_they_had(tmp_path: Path) -> None:
    files = tmp_path / "files"
    for name in NAMES:
        write_png(files / f"{name}.png", picture(name))
    folder = made(tmp_path / "new") / "input"
    assert [path.name for path in sorted(folder.iterdir())] == [f"{n:05d}-of-00004.tar" for n in range(4)] + [
        "notes.txt"
    ]
    for name in NAMES:
        assert read_regular(folder / f"{name}.png", 10_000) == (files / f"{name}.png").read_bytes()
        assert np.array_equal(read_uint8(folder / f"{name}.png"), picture(name))
        assert sha256_file(folder / f"{name}.png") == sha256_file(files / f"{name}.png")
    assert pictures_in(folder) == [folder / path.name for path in pictures_in(files)]
    assert len(pictures_in(files)) == len(NAMES)
    assert pictures_in(tmp_path / "nowhere") == []


def test_few_pictures_stay_files(tmp_path: Path) -> None:
    folder = made(tmp_path / "new") / "few"
    assert {path.name for path in folder.iterdir()} == {f"{name}.png" for name in NAMES[:3]}


def test_the_same_pictures_make_the_same_tar_files_and_one_more_changes_one(tmp_path: Path) -> None:
    first, again = made(tmp_path / "first"), made(tmp_path / "again", NAMES[::-1])
    assert tars(first / "input") == tars(again / "input")
    more = tars(made(tmp_path / "more", (*NAMES, "one more")) / "input")
    assert sum(more[name] != data for name, data in tars(first / "input").items()) == 1


def test_a_file_comes_before_the_packed_picture_and_tar_brings_all_back(tmp_path: Path) -> None:
    folder = made(tmp_path / "new") / "input"
    write_png(folder / "dusk.png", picture("another"))
    assert np.array_equal(read_uint8(folder / "dusk.png"), picture("another"))
    for tar in folder.glob("*.tar"):
        subprocess.run(["tar", "xf", tar.name], cwd=folder, check=True)
        tar.unlink()
    assert np.array_equal(read_uint8(folder / "dusk.png"), picture("dusk"))
    assert len(list(folder.glob("*.png"))) == len(NAMES)


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    folder = made(tmp_path / "new") / "input"
    for absent in (folder / "night.png", tmp_path / "nowhere" / "dusk.png", tmp_path / "dusk.png"):
        with pytest.raises(AbsentFile, match="no such file"):
            read_regular(absent, 100)
        with pytest.raises(AbsentFile, match="no such file"):
            sha256_file(absent)
    with pytest.raises(FileFault, match="more than the 10 bytes"):
        read_regular(folder / "dusk.png", 10)


def test_a_tar_file_that_is_damaged_or_gone_is_named(tmp_path: Path) -> None:
    folder = made(tmp_path / "new") / "input"
    tar = packed.tar_of(folder / "dusk.png")
    assert tar is not None
    with tarfile.open(tar) as opened:
        first, *others = opened.getmembers()
        end = opened.offset
    assert others, "a header that is not the first is damaged below"
    whole = bytearray(tar.read_bytes())
    flipped = whole.copy()
    flipped[others[0].offset + 3] ^= 1
    cuts = (first.offset_data + 10, others[0].offset, others[0].offset + 100, end)
    for damaged in (*(whole[:cut] for cut in cuts), flipped, b"x" * 5000, b""):
        tar.write_bytes(damaged)
        for name in (first.name, "dusk.png", others[0].name):
            with pytest.raises(
                ImageError, match=rf"{name}: its {tar.name} cannot be read .*`loupe repair .*{tar.name}`"
            ):
                read_uint8(folder / name)
        with pytest.raises(FileFault, match=rf"{tar.name}: cannot be read .*`loupe repair"):
            pictures_in(folder)
    tar.write_bytes(whole)
    assert np.array_equal(read_uint8(folder / "dusk.png"), picture("dusk"))
    tar.unlink()
    with pytest.raises(ImageError, match=rf"its {tar.name} is not there; `dvc checkout {folder}` brings it back"):
        read_uint8(folder / "dusk.png")


def test_few_lists_of_tar_files_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "_KEPT", 2)
    monkeypatch.setattr(packed, "_INDICES", OrderedDict())
    folder = made(tmp_path / "new") / "input"
    for _ in range(2):
        for name in NAMES:
            assert np.array_equal(read_uint8(folder / f"{name}.png"), picture(name))
    assert len(packed._INDICES) == 2


def test_another_file_that_is_absent_costs_no_look_into_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed, "_count", lambda *_: pytest.fail("looked"))
    with pytest.raises(AbsentFile):
        read_regular(tmp_path / "front.json", 100)


def test_a_folder_of_photos_that_is_packed_is_told(tmp_path: Path) -> None:
    with pytest.raises(
        ImageError, match=r"its pictures are packed: `for tar in .*input/\*\.tar; do tar xf \$tar -C FOLDER; done`"
    ):
        list_photos(made(tmp_path / "new") / "input")
