"""Whole or absent: files and folders that a killed process never leaves half written, and their hashes."""

from __future__ import annotations

import fcntl
import glob
import hashlib
import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_CHUNK = 1 << 20


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside `path` that becomes `path` when the block ends without an error.

    The temporary file keeps the suffix, because writers choose their format by it, and is hidden, because listings of
    a folder skip hidden files. Parent folders are made. On an error the temporary file is removed and `path` stays as
    it was.

    Raises:
        FileNotFoundError: the block ended without writing the file.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem[:100]}.", suffix=f".tmp{path.suffix}", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    temporary.unlink()  # the writer makes it, under the umask of the user and not mkstemp's 0600
    try:
        yield temporary
        if not temporary.exists():
            raise FileNotFoundError(f"{path}: nothing was written to the temporary file {temporary.name}")
        _sync(temporary)
        temporary.replace(path)
        _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def fresh_folder(path: Path | str) -> Iterator[Path]:
    """Yield an empty temporary folder beside `path` that takes its place when the block ends without an error.

    A stage's output folder is so whole or absent, and holds nothing of an earlier run. On an error the temporary
    folder is removed and an old `path` stays as it was; what a killed run left is removed by the next one.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(path)
    workspace = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent))
    lock = os.open(workspace, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        folder = workspace / "new"
        folder.mkdir()
        yield folder
        for file in folder.rglob("*"):
            if file.is_file():
                _sync(file)
        if path.is_dir() and not path.is_symlink():
            path.rename(workspace / "old")
        elif path.exists() or path.is_symlink():
            path.unlink()
        folder.rename(path)
        _sync(path.parent)
    finally:
        shutil.rmtree(workspace, ignore_errors=True)
        os.close(lock)


def write_json(path: Path | str, value: Any) -> None:
    """Write `value` as JSON, atomically: sorted keys, indent 2, UTF-8, a newline at the end.

    NaN and infinities become null (JSON has neither), numpy scalars and arrays plain numbers and lists, paths POSIX
    strings.

    Raises:
        TypeError: the value holds something that JSON cannot express.
    """
    text = json.dumps(_plain(value), sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def sha256_file(path: Path | str) -> str:
    """SHA-256 of a file's bytes, as 64 hex digits."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def sha256_bytes(data: bytes) -> str:
    """SHA-256 of `data`, as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def _plain(value: Any) -> Any:
    """`value` in JSON's own types; what is not known is left for json to refuse."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Path):
        return value.as_posix()
    if hasattr(value, "tolist"):  # numpy scalars and arrays, without importing numpy
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _remove_leftovers(path: Path) -> None:
    """Remove the temporary folders of `path` whose process is gone: a living one holds a lock on its own."""
    for workspace in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        descriptor = os.open(workspace, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        else:
            shutil.rmtree(workspace, ignore_errors=True)
        finally:
            os.close(descriptor)


def _sync(path: Path) -> None:
    """Flush a file or a folder to the disk, so that a rename never outlives its content."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
