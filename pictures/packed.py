"""Pictures of a large folder in tar files of some hundred each: what DVC, copies and remotes do takes time by the file.

A picture keeps its path: where FOLDER/NAME.png is no file, the readers of `pictures.opening` look into FOLDER's tar files. Which
one has it follows from its name, so that a picture more or less changes one of them. `tar xf` makes files of them again, which
are read as well.
"""

from __future__ import annotations

import os
import re
import tarfile
from collections import OrderedDict
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from pictures.errors import FileFault, mended

PACKED_FROM = 2000
"""Pictures in a folder. With fewer, files cost DVC a second a command (docs/big-sets.md)."""
_MOST = 500
_KEPT = 1024
"""Tar files whose lists of some 400 pictures this process keeps, some 100 kB each."""
_NAME = re.compile(r"(\d{5})-of-(\d{5})\.tar")


def pack(folder: Path) -> None:
    """Put the PNG files of `folder`, and of each folder in it, into tar files beside them where they are `PACKED_FROM` or more.

    The tar files depend on names and bytes alone. For folders in the making (`pictures.fresh_folder`): an interruption leaves
    some pictures packed and some not.
    """
    for place in (folder, *sorted(inner for inner in folder.iterdir() if inner.is_dir())):
        names = sorted(entry.name for entry in os.scandir(place) if entry.name.endswith(".png") and entry.is_file())
        if len(names) >= PACKED_FROM:
            _pack(place, names)


def is_shard(name: str) -> bool:
    """Whether a file is called as one of the tar files."""
    return _NAME.fullmatch(name) is not None


def _pack(folder: Path, names: list[str]) -> None:
    count = 1
    while len(names) > count * _MOST:
        count *= 2  # doubled, so that growing seldom moves a picture
    shards: list[list[str]] = [[] for _ in range(count)]
    for name in names:
        shards[_place(name, count)].append(name)
    for place, inside in enumerate(shards):
        with tarfile.open(folder / f"{place:05d}-of-{count:05d}.tar", "x", format=tarfile.PAX_FORMAT) as tar:
            for name in inside:
                entry = tarfile.TarInfo(name)
                entry.size = (folder / name).stat().st_size
                with (folder / name).open("rb") as file:
                    tar.addfile(entry, file)
        for name in inside:
            (folder / name).unlink()


def _place(name: str, count: int) -> int:
    return int.from_bytes(sha256(os.fsencode(name)).digest()[:4], "big") % count


def pictures_in(folder: Path) -> list[Path]:
    """The PNG files of a folder, packed or not, by name; none where there is no such folder. Raises `FileFault`."""
    found = {path.name for path in folder.glob("*.png")}
    for tar in folder.glob("*.tar"):
        if is_shard(tar.name):
            try:
                with tar.open("rb") as file:
                    found |= _inside(file).keys()
            except (tarfile.TarError, OSError) as error:
                raise FileFault(tar, f"cannot be read ({error}); {mended(tar)}") from error
    return [folder / name for name in sorted(found)]


def read_packed(path: Path) -> bytes | None:
    """The bytes of a picture that its folder's tar files have; None where they have none of its name.

    Raises `FileFault` of the picture, which names the tar file that is missing or damaged.
    """
    tar = tar_of(path)
    if tar is None:
        return None
    try:
        with tar.open("rb") as file:
            offset, size = _inside(file)[path.name]
            file.seek(offset)
            return file.read(size)
    except KeyError:
        return None
    except FileNotFoundError:
        raise FileFault(path, f"its {tar.name} is not there; `dvc checkout {path.parent}` brings it back") from None
    except (tarfile.TarError, OSError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise FileFault(path, f"its {tar.name} cannot be read ({said}); {mended(tar)}") from error


def tar_of(path: Path) -> Path | None:
    """The tar file that has a picture, if any has; None for what is no picture of a packed folder."""
    if path.suffix != ".png":
        return None
    try:
        count = _count(str(path.parent), path.parent.stat().st_mtime_ns)
    except (OSError, ValueError):
        return None
    return path.parent / f"{_place(path.name, count):05d}-of-{count:05d}.tar" if count else None


@lru_cache(maxsize=1024)
def _count(folder: str, changed: int) -> int:
    """How many tar files a folder's pictures are spread over; 0: they are not packed."""
    named = (_NAME.fullmatch(entry.name) for entry in os.scandir(folder))
    return next((int(found[2]) for found in named if found), 0)


_INDICES: OrderedDict[tuple[int, ...], dict[str, tuple[int, int]]] = OrderedDict()


def _inside(file: BinaryIO) -> dict[str, tuple[int, int]]:
    """Where a tar file has each picture: name -> offset and size, bytes. Raises `tarfile.ReadError` where it is damaged."""
    status = os.fstat(file.fileno())
    known = status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size
    if known not in _INDICES:
        with tarfile.open(fileobj=file, mode="r:") as opened:
            found = {entry.name: (entry.offset_data, entry.size) for entry in opened if entry.isreg()}
            file.seek(opened.offset)
            end = file.read(tarfile.BLOCKSIZE)
            if end != bytes(tarfile.BLOCKSIZE):  # a damaged header ends the list without an error
                raise tarfile.ReadError("unexpected end of data")
        _INDICES[known] = found
        if len(_INDICES) > _KEPT:
            _INDICES.popitem(last=False)
    else:
        _INDICES.move_to_end(known)
    return _INDICES[known]
