"""Opening files that a user names: regular files only, of at most a given size. Nothing hangs, nothing fills the memory."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from pictures.errors import FileFault

_KINDS = {
    stat.S_IFIFO: "a pipe (FIFO)",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
    stat.S_IFDIR: "a folder",
}


def read_regular(path: Path | str, most: int) -> bytes:
    """All bytes of a regular file (links are followed) of at most `most` bytes.

    Raises `FileFault`: absent, a folder, pipe, device or socket, a link to itself, without permission, larger than `most`.
    Never waits for a writer, and never reads a device.
    """
    path = Path(path)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except FileNotFoundError:
        raise FileFault(path, "a link to a file that is not there" if path.is_symlink() else "no such file") from None
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise FileFault(path, f"cannot be read ({getattr(error, 'strerror', None) or error})") from error
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise FileFault(path, f"{_KINDS.get(stat.S_IFMT(status.st_mode), 'no regular file')}, not a file")
        if status.st_size > most:
            raise FileFault(path, f"{_size(status.st_size)}, more than the {_size(most)} that such a file may have")
        try:
            data = file.read(most + 1)
        except OSError as error:
            raise FileFault(path, f"cannot be read ({error.strerror or error})") from error
    if len(data) > most:
        raise FileFault(path, f"more than the {_size(most)} that such a file may have")
    return data


def open_regular(path: Path | str) -> BinaryIO:
    """A regular file (links are followed) of any size, opened to be read in pieces. Raises `FileFault` as `read_regular`."""
    path = Path(path)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except FileNotFoundError:
        raise FileFault(path, "a link to a file that is not there" if path.is_symlink() else "no such file") from None
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise FileFault(path, f"cannot be read ({getattr(error, 'strerror', None) or error})") from error
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        raise FileFault(path, f"{_KINDS.get(stat.S_IFMT(mode), 'no regular file')}, not a file")
    return os.fdopen(descriptor, "rb")


def _size(count: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} bytes"
