"""Opening files that a user names: regular files only, of at most a given size. Nothing hangs, nothing fills the memory.

Pictures that `pictures.packed` put into tar files are opened by the paths that they had.
"""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path
from typing import BinaryIO

from pictures.errors import AbsentFile, FileFault, ImageError
from pictures.packed import read_packed

MAX_BYTES = 2_000_000_000  # of a picture file: 16 bits of 200 million pixels in three channels are 1.2 GB

_KINDS = {
    stat.S_IFIFO: "a pipe (FIFO)",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
    stat.S_IFDIR: "a folder",
}


def read_regular(path: Path | str, most: int) -> bytes:
    """All bytes of a regular file (links are followed) of at most `most` bytes.

    Raises `FileFault`: absent (`AbsentFile`), a folder, pipe, device or socket, a link to itself, without permission, larger
    than `most`.
    Never waits for a writer, and never reads a device.
    """
    path = Path(path)
    with open_regular(path) as file:
        if not isinstance(file, io.BytesIO):
            _refuse(path, os.fstat(file.fileno()), most)
        try:
            data = file.read(most + 1)
        except OSError as error:
            raise FileFault(path, f"cannot be read ({error.strerror or error})") from error
    if len(data) > most:
        raise FileFault(path, f"more than the {_size(most)} that such a file may have")
    return data


def kind_of(mode: int) -> str:
    """What a file that is no regular one is, in words; mode: `st_mode` of its status."""
    return _KINDS.get(stat.S_IFMT(mode), "no regular file")


def check_regular(path: Path | str, most: int) -> None:
    """What `read_regular` refuses, and packed pictures, for readers that open files themselves. Raises `FileFault`."""
    path = Path(path)
    try:
        status = path.stat()
    except FileNotFoundError:
        raise _absent(path) from None
    except (OSError, ValueError) as error:
        raise FileFault(path, f"cannot be read ({getattr(error, 'strerror', None) or error})") from error
    _refuse(path, status, most)


def _absent(path: Path) -> AbsentFile:
    return AbsentFile(path, "a link to a file that is not there" if path.is_symlink() else "no such file")


def _refuse(path: Path, status: os.stat_result, most: int | None) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise FileFault(path, f"{kind_of(status.st_mode)}, not a file")
    if most is not None and status.st_size > most:
        raise FileFault(path, f"{_size(status.st_size)}, more than the {_size(most)} that such a file may have")


def read_picture(path: Path | str) -> bytes:
    """All bytes of a picture file, as `read_regular` with `MAX_BYTES`. Raises `ImageError`, also for an empty file."""
    try:
        data = read_regular(path, MAX_BYTES)
    except FileFault as fault:
        raise ImageError(path, fault.reason) from fault.__cause__
    if not data:
        raise ImageError(path, "the file is empty; copy it again or take it out")
    return data


def open_regular(path: Path | str) -> BinaryIO:
    """A regular file (links are followed) of any size, opened to be read in pieces. Raises `FileFault` as `read_regular`."""
    path = Path(path)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except FileNotFoundError:
        packed = read_packed(path)
        if packed is None:
            raise _absent(path) from None
        return io.BytesIO(packed)
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise FileFault(path, f"cannot be read ({getattr(error, 'strerror', None) or error})") from error
    try:
        _refuse(path, os.fstat(descriptor), None)
    except FileFault:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb")


def _size(count: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} bytes"
