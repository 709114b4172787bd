"""The files of an SQLite store: made for their owner alone, and looked after, that they are still where they were."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from labelling.store.database.errors import StoreUnavailable

_log = logging.getLogger(__name__)


@dataclass
class Held:
    """A file that a connection has open; `size` is the largest one seen, None where it may shrink."""

    path: Path
    device: int
    inode: int
    size: int | None

    def is_in_place(self) -> bool:
        """True if the path still names this file, and nobody wrote a smaller one over it."""
        try:
            info = self.path.stat()
        except OSError:
            return False
        if (info.st_dev, info.st_ino) != (self.device, self.inode):
            return False
        if self.size is not None:
            if info.st_size < self.size:
                return False
            self.size = info.st_size
        return True


def prepare(path: Path) -> None:
    """Make the folder and the file where they are not there yet, for their owner alone, and look who else may read them.

    The file holds the secret that signs personal links. One of ours that others may read, but not write, is closed to
    them, with a line that says so; so is a folder called .loupe. What others may write is perhaps shared on purpose: it
    is left alone, and warned of. Raises StoreUnavailable where the file cannot be made.
    """
    if path.is_dir():
        raise StoreUnavailable(f"the label store {path} is a folder; point LOUPE_LABELS to a file in it")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):  # SQLite gives -wal and -shm the same mode
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise StoreUnavailable(
            f"the label store {path} cannot be made: {error.strerror}; point LOUPE_LABELS to a place you may write"
        ) from error
    if os.name == "posix":
        _look_at(path)


def _look_at(path: Path) -> None:
    if path.parent.name == ".loupe":
        _close(path.parent, 0o700, quiet=True)
    elif _others(path.parent) & stat.S_IWOTH and not path.parent.stat().st_mode & stat.S_ISVTX:
        _log.warning("anybody on this machine may put another file in the place of the label store %s; mend its folder with: "
                     "chmod o-w %s", path, path.parent)  # fmt: skip
    _close(path, 0o600)
    for beside in _beside(path):
        _close(beside, 0o600, quiet=True)


def _close(path: Path, mode: int, quiet: bool = False) -> None:
    others = _others(path)
    if not others:
        return
    if not others & 0o022 and path.stat().st_uid == os.geteuid():
        try:
            path.chmod(mode)
        except OSError:
            pass
        else:
            if not quiet:
                _log.warning("others on this machine could read the label store %s, with the secret that signs personal "
                             "links; now its owner alone can (mode %o)", path, mode)  # fmt: skip
            return
    if not quiet:
        _log.warning("others on this machine may read the label store %s, with the secret that signs personal links; "
                     "unless you share it on purpose: chmod %o %s", path, mode, path)  # fmt: skip


def _others(path: Path) -> int:
    """What group and others may do with the file; 0 for one that is not there."""
    try:
        return stat.S_IMODE(path.stat().st_mode) & 0o077
    except OSError:
        return 0


def _beside(path: Path) -> tuple[Path, ...]:
    return tuple(path.with_name(path.name + end) for end in ("-wal", "-shm"))


def held(path: Path) -> list[Held]:
    """The store's file, its log and the index of that, as far as they are there."""
    found = []
    for each in (path, *_beside(path)):
        with suppress(OSError):
            info = each.stat()
            found.append(Held(each, info.st_dev, info.st_ino, info.st_size if each == path else None))
    return found


def check_in_place(files: Iterable[Held]) -> None:
    """Raise StoreUnavailable unless the files that a connection holds open are still the ones that their paths name.

    As long as a connection is open, SQLite neither removes nor replaces any of them, nor makes the first one smaller;
    whoever else did has what was written last nowhere but in a file without a name, which goes when the program ends.
    """
    for file in files:
        if not file.is_in_place():
            raise StoreUnavailable(
                f"the label store's file {file.path} was moved, deleted or replaced while it is in use; what is stored now "
                "would be lost, so it counts as NOT saved; put the file back, or start Loupe again with the store that you "
                "want"
            )
