from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from pictures import (
    AbsentFile,
    FileFault,
    ImageError,
    fresh_folder,
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
    tar = next(path for path in sorted(folder.glob("*.tar")) if "dusk.png" in packed._inside(path))
    offset, _ = packed._inside(tar)["dusk.png"]
    whole = tar.read_bytes()
    for damaged in (whole[: offset + 10], b"x" * 5000):
        tar.write_bytes(damaged)
        with pytest.raises(
            ImageError, match=rf"dusk.png: its {tar.name} cannot be read .*`dvc checkout` brings it back"
        ):
            read_uint8(folder / "dusk.png")
        with pytest.raises(FileFault, match=rf"{tar.name}: cannot be read"):
            pictures_in(folder)
    tar.unlink()
    with pytest.raises(
        ImageError, match=rf"its {tar.name} cannot be read \(No such file or directory\); `dvc checkout`"
    ):
        read_uint8(folder / "dusk.png")
