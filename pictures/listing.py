"""The photos of a folder, with the name of everything else in it and why that is not read."""

from __future__ import annotations

import errno
import os
import stat
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pictures.errors import ImageError, printable
from pictures.formats import SUFFIXES, why_not_read
from pictures.opening import kind_of
from pictures.packed import is_shard

# What systems leave in folders of their own accord; hidden files are passed over likewise.
_OF_THE_SYSTEM = frozenset({"thumbs.db", "desktop.ini", "ehthumbs.db"})
_NAMES_SHOWN = 3


@dataclass(frozen=True)
class Listing:
    """What a folder holds.

    photos: sorted by their path below the folder. left_out: an error for each other file, and for each sub-folder that could
    not be read, by path. below: photos in sub-folders that were not read, because nobody asked for them.
    """

    folder: Path
    photos: list[Path]
    left_out: list[ImageError] = field(default_factory=list)
    below: int = 0

    def said(self, recursively: str = "--recursive") -> list[str]:
        """What was not read, a line each: files by reason, and photos in sub-folders with the way to read them."""
        lines = [f"{printable(self.folder)}: {self.words}"] if self.left_out else []
        if self.below:
            lines.append(f"{printable(self.folder)}: {self._words_below(recursively)}")
        return lines

    @property
    def words(self) -> str:
        """`3 files were not read: a.heic, b.heic (why), c.mov (why)`; empty where all were."""
        if not self.left_out:
            return ""
        by_reason: dict[str, list[str]] = defaultdict(list)
        for error in self.left_out:
            by_reason[error.reason].append(self.name_of(error.path))
        groups = [f"{some(names)} ({reason})" for reason, names in by_reason.items()]
        count = len(self.left_out)
        return f"{count} {'file was' if count == 1 else 'files were'} not read: {', '.join(groups)}"

    def name_of(self, path: Path) -> str:
        """A path as it is shown: below the folder, what cannot be printed escaped."""
        return printable(path.relative_to(self.folder) if path.is_relative_to(self.folder) else path)

    def _words_below(self, recursively: str) -> str:
        photos, were, them = ("photos", "were", "them") if self.below > 1 else ("photo", "was", "it")
        return f"{self.below} {photos} in sub-folders {were} not read; {recursively} reads {them}"


def some(names: Sequence[str], shown: int = _NAMES_SHOWN) -> str:
    """The first few names, and how many more there are."""
    more = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {more} more" if more > 0 else "")


def said_of(note: str, paths: Sequence[Path]) -> str:
    """What was done to photos, with their count and the names of the first: `2 photos: NOTE (a.jpg, b.jpg)`."""
    names = some([printable(path.name) for path in paths])
    return f"{len(paths)} {'photo' if len(paths) == 1 else 'photos'}: {printable(note)} ({names})"


def list_photos(folder: Path | str, recursive: bool = False) -> list[Path]:
    """The photos in `folder`, sorted by name. What else is there, `listing` says. Raises as `listing`."""
    return listing(folder, recursive).photos


def listing(folder: Path | str, recursive: bool = False) -> Listing:
    """The photos in `folder` and, where `recursive`, in its sub-folders; and why each other file is none.

    Photos are regular files of a suffix that is read, under a name that is plain text. Hidden files and folders are passed
    over. A folder that is reached twice (through links) is read once.

    Raises:
        ImageError: there is no such folder, it cannot be listed, or it holds no photo.
    """
    folder = Path(folder)
    top = _status(folder)
    if isinstance(top, str):
        raise ImageError(folder, "no such folder; check the path" if top == _ABSENT else f"{top}; check the path")
    if not stat.S_ISDIR(top.st_mode):
        raise ImageError(folder, "not a folder; give the folder that holds the photos")
    walk = _Walk(folder)
    try:
        walk.read(folder)
    except OSError as error:
        raise ImageError(folder, f"cannot be listed ({error.strerror or error}); check its permissions") from error
    if recursive:
        walk.read_below()
        below = 0
    else:
        below = _count_below(folder, walk.folders)
    found = Listing(folder, sorted(walk.photos, key=_order), sorted(walk.left_out, key=lambda error: error.path), below)
    if not found.photos:
        raise ImageError(folder, _nothing(found))
    return found


def _nothing(found: Listing) -> str:
    words = [f"no photos in this folder; known suffixes are {', '.join(sorted(SUFFIXES))}"]
    if found.below:
        words.append(found._words_below("reading sub-folders too (--recursive, or recursive: true in params.yaml)"))
    if any(is_shard(one.path.name) for one in found.left_out):
        words = [
            f"its pictures are packed: `for tar in {found.folder}/*.tar; do tar xf $tar -C FOLDER; done` makes files of them"
        ]
    return "; ".join([*words, *([found.words] if found.left_out else [])])


def _order(path: Path) -> tuple[str, ...]:
    return path.parts


class _Walk:
    """Folders that were read, and what was found in them. `folders`: sub-folders that are still to be read."""

    def __init__(self, root: Path) -> None:
        self.photos: list[Path] = []
        self.left_out: list[ImageError] = []
        self.folders: list[Path] = []
        self._links: list[Path] = []
        self._seen = {_identity(root.stat())}

    def read(self, folder: Path) -> None:
        """Sort the entries of one folder. Raises OSError where it cannot be listed."""
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
        for entry in found:
            if not entry.name.startswith(".") and entry.name.lower() not in _OF_THE_SYSTEM:
                self._take(folder / entry.name, entry.is_symlink())

    def read_below(self) -> None:
        """Read all sub-folders; those that links lead to last, so that a photo has the path where it really lies."""
        while self.folders or self._links:
            linked = not self.folders
            folder = self._links.pop(0) if linked else self.folders.pop(0)
            try:
                identity = _identity(folder.stat())
                if identity in self._seen:
                    self._leave_out(folder, "a link to a folder that is read already")
                    continue
                self._seen.add(identity)
                self.read(folder)
            except OSError as error:
                self._leave_out(folder, f"a sub-folder that cannot be listed ({error.strerror or error})")

    def _take(self, path: Path, link: bool) -> None:
        status = _status(path)
        if not plain(path.name):
            self._leave_out(path, "its name is not UTF-8, or has control characters; rename it")
        elif isinstance(status, str):
            self._leave_out(path, status)
        elif stat.S_ISDIR(status.st_mode):
            (self._links if link else self.folders).append(path)
        elif not stat.S_ISREG(status.st_mode):
            self._leave_out(path, f"{kind_of(status.st_mode)}, not a file")
        elif (reason := why_not_read(path)) is not None:
            self._leave_out(path, reason)
        else:
            self.photos.append(path)

    def _leave_out(self, path: Path, reason: str) -> None:
        self.left_out.append(ImageError(path, reason))


def _count_below(folder: Path, below: Sequence[Path]) -> int:
    """How many photos the sub-folders hold. Links are not followed, and no file is looked at but by its name."""
    count = 0
    for place in below:
        for _, folders, files in os.walk(place):
            folders[:] = [name for name in folders if not name.startswith(".")]
            count += sum(not name.startswith(".") and why_not_read(Path(name)) is None for name in files)
    return count


def plain(name: str) -> bool:
    """Whether a file name is text that any table, page or terminal can hold: UTF-8 without control characters."""
    return not any(unicodedata.category(character) in {"Cc", "Cs"} for character in name)


_ABSENT = "a link to a file that is not there"


def _status(path: Path) -> os.stat_result | str:
    """What the file system says of a path, links followed; or why it says nothing."""
    try:
        return path.stat()
    except FileNotFoundError:
        return _ABSENT
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        if getattr(error, "errno", None) == errno.ELOOP:
            return "a link that leads back to itself"
        return f"cannot be read ({getattr(error, 'strerror', None) or error})"


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
