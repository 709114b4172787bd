"""Where what is made of photos is to be written: every final name, and every refusal, before anything is written."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pictures.decoding import bits_per_channel, opened
from pictures.errors import FileFault, ImageError
from pictures.formats import PHOTO_SUFFIXES, RAW_SUFFIXES, why_not_read
from pictures.listing import Listing, listing
from pictures.opening import read_picture
from pictures.raw import is_raw
from pictures.receipts import Receipts, State
from pictures.saving import refuse_suffix

_TIFF_MAGIC = (b"II*\0", b"MM\0*")
_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Work:
    """The photos that one file is made of, and that file."""

    sources: tuple[Path, ...]
    target: Path


@dataclass(frozen=True)
class Plan:
    """What is left to do, and how many files are done already, or were changed by somebody since and are kept."""

    todo: list[Work]
    done: int = 0
    kept: list[Path] = field(default_factory=list)


@dataclass(frozen=True)
class Found:
    """Photos that were named, each with its place below an output folder.

    failed: photos that cannot be read, as their names or the file system show. said: what else was not read, a line each;
    unread: how many photos are among that, of kinds that need a codec.
    """

    photos: list[tuple[Path, Path]]
    failed: list[ImageError] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    unread: int = 0


def find_photos(paths: Sequence[Path], out: Path, recursive: bool = False) -> Found:
    """The photos among `paths`, files and folders; sub-folders are mirrored in the places. A photo named twice comes once.

    What lies in `out` is not read where that is a sub-folder of one of `paths`. Raises `ImageError` as `listing`.
    """
    taken: list[tuple[Path, Path]] = []
    listings: list[Listing] = []
    seen: set[tuple[str, Path]] = set()
    for path in paths:
        if is_folder(path):
            listed = without(listing(path, recursive), out)
            photos = [(photo, photo.relative_to(path)) for photo in listed.photos]
            listings.append(listed)
        else:
            photos = [(path, Path(path.name))]
        for photo, place in photos:
            key = (os.path.realpath(photo), place)
            if key not in seen:
                seen.add(key)
                taken.append((photo, place))
    failed, said, unread = sorted_out(listings)
    return Found(taken, failed, said, unread)


def without(listed: Listing, out: Path) -> Listing:
    """A listing without what lies in the output folder `out`, where that is below the listed one."""
    inner, outer = os.path.realpath(out), os.path.realpath(listed.folder)
    if inner == outer or not _lies_in(inner, outer) or not is_folder(out):
        return listed
    photos = [photo for photo in listed.photos if not _lies_in(os.path.realpath(photo), inner)]
    left_out = [error for error in listed.left_out if not _lies_in(os.path.realpath(error.path), inner)]
    if not photos:
        raise ImageError(listed.folder, f"no photos in this folder but those in {out}, which is written to")
    below = listed.below
    if below:
        with suppress(ImageError):  # it holds none
            below -= len(listing(out, recursive=True).photos)
    return Listing(listed.folder, photos, left_out, max(below, 0))


def sorted_out(listings: Sequence[Listing]) -> tuple[list[ImageError], list[str], int]:
    """What listings left out: an error for each photo that cannot be read, lines that count all else, and how many of that
    are photos of kinds for which a codec is missing."""
    failed: list[ImageError] = []
    said: list[str] = []
    unread = 0
    for listed in listings:
        other = [error for error in listed.left_out if why_not_read(error.path) is not None]
        failed += [error for error in listed.left_out if why_not_read(error.path) is None]
        said += Listing(listed.folder, [], other, listed.below).said()
        unread += sum(error.path.suffix.lower() in PHOTO_SUFFIXES for error in other)
    return failed, said, unread


def depth_of(path: Path) -> int:
    """Bits a channel, 8 or 16, as the file's header says; 8 where it cannot be read: reading it then says why."""
    if path.suffix.lower() in RAW_SUFFIXES:
        return 16  # developed; its header is that of its preview
    try:
        head = _head(path)
        if head.startswith(_PNG_MAGIC):
            return 16 if head[24:25] == b"\x10" else 8
        if head[:4] in _TIFF_MAGIC:
            data = read_picture(path)
            if is_raw(data):
                return 16
            with opened(path, data) as image:
                return 16 if bits_per_channel(image, data) == 16 else 8
    except (FileFault, OSError, ValueError):
        pass
    return 8


def written_name(place: Path, deep: bool = False) -> Path:
    """The name under which a photo is written: its own, or with .png where its kind cannot be written or has only 8 bits."""
    try:
        refuse_suffix(place, deep)
    except ImageError:
        return place.with_suffix(".png")
    return place


def plan(
    work: Sequence[Work], receipts: Receipts, recipe: Mapping[str, Any], *, fresh: bool = False, overwrite: bool = False
) -> Plan:
    """What of the work is to be done. Nothing is written.

    fresh: also what is done already. overwrite: files that the receipts do not know, or that were changed since, are replaced.

    Raises `ImageError`: two works with one target (also by letter case or Unicode form, where the file system ignores them),
    a target that is a photo of this run by whatever name (a link, a hard link), which not even `overwrite` allows, a folder,
    or a file that is not ours.
    """
    refuse_names(work)
    todo: list[Work] = []
    kept: list[Path] = []
    foreign: list[Path] = []
    done = 0
    for item in work:
        state = receipts.state(item.sources, item.target, recipe)
        if state in {State.FOREIGN, State.KEPT} and is_folder(item.target):
            raise ImageError(item.target, "a folder lies where a photo is to be written; choose another --out")
        if state is State.KEPT and not fresh and not overwrite:
            kept.append(item.target)
        elif state in {State.FOREIGN, State.KEPT} and not overwrite:
            foreign.append(item.target)
        elif state is State.DONE and not fresh:
            done += 1
        else:
            todo.append(item)
    if foreign:
        more = f" (nor {len(foreign) - 1} more)" if len(foreign) > 1 else ""
        raise ImageError(
            foreign[0],
            f"exists and was not written by this command, or was changed since{more}; "
            "choose another --out, or replace it with --overwrite",
        )
    return Plan(todo, done, kept)


def refuse_names(work: Sequence[Work]) -> None:
    """Raises `ImageError` where two works have one target, or a target is a photo of the run; see `plan`."""
    refuse_shared(work)
    refuse_sources(work)


def refuse_shared(work: Sequence[Work]) -> None:
    """Raises `ImageError` naming both where two works have one target."""
    ignores: dict[Path, bool] = {}
    targets: dict[str, Work] = {}
    for item in work:
        parent = item.target.parent
        if parent not in ignores:
            ignores[parent] = ignores_case(parent)
        key = _key(str(item.target), ignores[parent])
        if key in targets:
            other = targets[key].sources[0]
            raise ImageError(
                item.sources[0],
                f"has the same name as {other}: both would be written to {item.target}; "
                "write them into different folders, or rename one",
            )
        targets[key] = item


def refuse_sources(work: Sequence[Work]) -> None:
    """Raises `ImageError` where a target is a photo that the run reads, by its path or as the same file."""
    sources = [source for item in work for source in item.sources]
    files = {identity: source for source in sources if (identity := _identity(source)) is not None}
    paths = {os.path.realpath(source): source for source in sources}
    for item in work:
        source = paths.get(os.path.realpath(item.target)) or files.get(_identity(item.target) or (-1, -1))
        if source is not None:
            raise ImageError(source, f"would be overwritten; choose another --out than {item.target.parent}")


def ignores_case(folder: Path) -> bool:
    """Whether names that differ in case alone are one file there; of an empty folder, which cannot tell, True. Writes nothing."""
    while not is_folder(folder) and folder != folder.parent:
        folder = folder.parent
    try:
        names = os.listdir(folder)  # noqa: PTH208 (names, many of them)
    except OSError:
        return True
    known = set(names)
    for name in names:
        swapped = name.swapcase()
        if swapped != name and swapped.swapcase() == name and swapped not in known:
            here = _identity(folder / name, follow=False)
            return here is not None and here == _identity(folder / swapped, follow=False)
    return not names


def is_folder(path: Path) -> bool:
    """Whether a folder, or a link to one, lies there; False also where the file system refuses to say."""
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def refuse_file_as_folder(out: Path) -> None:
    """Raises `ImageError` where an output folder, or one above it, is a file."""
    place = out
    while not os.path.lexists(place) and place != place.parent:
        place = place.parent
    if not is_folder(place):
        raise ImageError(place, "a file, not a folder; choose another --out")


def _key(path: str, ignores: bool) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold()) if ignores else path


def _identity(path: Path, follow: bool = True) -> tuple[int, int] | None:
    try:
        status = path.stat() if follow else path.lstat()
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def _lies_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def _head(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    with os.fdopen(descriptor, "rb") as file:
        return file.read(32) if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else b""
