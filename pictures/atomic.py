"""Whole or absent: files and folders that a killed process never leaves half written. Imports nothing heavy."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

_MANY = 100
_WORKSPACE = re.compile(r"\.(.*)\.\d+\.tmp", re.DOTALL)
_ASIDE: dict[Path, Path] = {}
"""Folder -> where this process writes instead of it."""


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path that becomes `path` when the block ends without an error, synced to the disk.

    Its name has the suffix of `path`, because writers choose their format by it, and is else always the same, because
    some writers store it (torch.save does). Parent folders are made. On an error `path` stays as it was; what a killed
    process left is removed by the next writer of the same path.

    Within a folder that `fresh_folder` is making `path` itself is written: nobody sees it before the folder is whole, and the
    folder is synced once, where a lock, a rename and two syncs for each of many pictures take most of the time.

    Raises:
        FileNotFoundError: the block ended without writing the file.
    """
    path = placed(path)
    if _in_the_making(path):
        with _plainly(path):
            yield path
        return
    with _workspace(path) as workspace:
        temporary = workspace / f"new{path.suffix}"
        yield temporary
        if not temporary.exists():
            raise FileNotFoundError(f"{path}: nothing was written to the temporary file {temporary}")
        _sync(temporary)
        temporary.replace(path)
        _sync(path.parent)


@contextmanager
def fresh_folder(path: Path | str) -> Iterator[Path]:
    """Yield an empty temporary folder that takes the place of `path` when the block ends without an error.

    A stage's output folder is so whole or absent, and holds nothing of an earlier run. On an error or a kill an old
    `path` stays as it was; what a killed process left is removed by the next one.
    """
    path = placed(path)
    with _workspace(path) as workspace:
        folder = workspace / "new"
        folder.mkdir()
        yield folder
        _sync_all(folder)
        if path.exists() or path.is_symlink():
            path.rename(workspace / "old")
        folder.rename(path)
        _sync(path.parent)


@contextmanager
def writing_aside(folders: Iterable[Path], place: Path) -> Iterator[None]:
    """Within the block what this process writes in these folders lands in a temporary one beside `place`, which then goes.

    For a process that runs the same code as another, whose files are those that count. It reads what that one wrote.
    """
    with _workspace(place) as workspace:
        for number, folder in enumerate(folders):
            _ASIDE[folder.absolute()] = workspace.absolute() / str(number)
        try:
            yield
        finally:
            _ASIDE.clear()


def placed(path: Path | str) -> Path:
    """Where this process writes `path`: there, but in a block of `writing_aside`."""
    path = Path(path)
    whole = path.absolute()
    if any(whole.is_relative_to(aside) for aside in _ASIDE.values()):
        return path
    found = [aside / whole.relative_to(folder) for folder, aside in _ASIDE.items() if whole.is_relative_to(folder)]
    return found[0] if found else path


def _in_the_making(path: Path) -> bool:
    """Whether a path lies within a folder that a `fresh_folder` of some process has not put in its place yet."""
    above = path.parents
    return any(place.name == "new" and _WORKSPACE.fullmatch(place.parent.name) for place in above)


@contextmanager
def _plainly(path: Path) -> Iterator[None]:
    """Whole or absent for this process alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    if not path.exists():
        raise FileNotFoundError(f"{path}: nothing was written")


def _sync_all(folder: Path) -> None:
    """Flush a folder with all that is in it to the disk."""
    inside = [*folder.rglob("*"), folder]
    if len(inside) > _MANY:
        os.sync()  # all at once; what then is left to `fsync` is to say which one failed
    for inner in inside:
        if not inner.is_symlink():
            _sync(inner)


def remove_leftovers(paths: Iterable[Path]) -> None:
    """Remove what killed writers of these paths left beside them; a folder that was being replaced is put back.

    The next writer of a path does so as well; this is for paths that nobody is going to write. What is in use, or cannot be
    removed, stays.
    """
    by_folder: dict[Path, dict[str, Path]] = {}
    for path in paths:
        by_folder.setdefault(path.parent, {})[_short_name(path)] = path
    for folder, names in by_folder.items():
        with suppress(OSError):
            for place in list(folder.iterdir()):
                found = _WORKSPACE.fullmatch(place.name)
                if found and found[1] in names and place.is_dir() and not place.is_symlink():
                    _remove(place, names[found[1]])


def _remove(workspace: Path, path: Path) -> None:
    lock = _claim(workspace)
    if lock is not None:
        try:
            _empty(workspace, path)
            workspace.rmdir()
        finally:
            os.close(lock)


@contextmanager
def _workspace(path: Path) -> Iterator[Path]:
    """A hidden temporary folder beside `path`, on its file system, removed at the end.

    Whose process is gone holds no lock on it, and is taken over by the next. Names are cut, for names have 255 bytes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    stem = _short_name(path)
    candidates = (path.parent / f".{stem}.{number}.tmp" for number in count())
    workspace, lock = next((place, held) for place in candidates if (held := _claim(place)) is not None)
    try:
        _empty(workspace, path)
        yield workspace
    finally:
        _empty(workspace, path)
        workspace.rmdir()
        os.close(lock)


def _short_name(path: Path) -> str:
    return os.fsdecode(os.fsencode(path.name)[:100].decode(errors="ignore").encode())


def _claim(workspace: Path) -> int | None:
    """Make the folder, or take over that of a dead process, and lock it; None where it is in use."""
    while True:
        with suppress(FileExistsError):  # not exist_ok, which fails where the folder goes away meanwhile
            workspace.mkdir(mode=0o700)
        try:
            lock = os.open(workspace, os.O_RDONLY)
        except FileNotFoundError:
            continue  # its owner ended in between
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if workspace.stat().st_ino == os.fstat(lock).st_ino:
                return lock
        except BlockingIOError:
            os.close(lock)
            return None
        except FileNotFoundError:
            pass
        os.close(lock)


def _empty(workspace: Path, path: Path) -> None:
    """Remove what is in a workspace; an old folder goes back where its process ended between the two renames."""
    old = workspace / "old"
    if old.exists() and not path.exists():
        old.rename(path)
    for inner in workspace.iterdir():
        if inner.is_dir() and not inner.is_symlink():
            shutil.rmtree(inner)
        else:
            inner.unlink()


def _sync(path: Path) -> None:
    """Flush a file or a folder to the disk, so that a rename never outlives its content."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
