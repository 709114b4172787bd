"""How the photos of several folders belong together: by name, by order, or by the time they were taken at.

A name is compared without its suffix, in Unicode's composed form (NFC) and with case folded: "Café" is one name, whether a
Mac or a PC wrote it. Photos of sub-folders are compared by their path below the folder.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import islice
from pathlib import Path
from typing import Literal

from pictures.errors import ImageError, printable
from pictures.listing import Listing
from pictures.taken import Taken, closest_in_time, taken

By = Literal["name", "order", "time"]
Photos = Listing | Sequence[Path]
Row = tuple[Path | None, ...]

# difflib compares every name with every other: enough to see what is wrong, and never minutes.
_CANDIDATES_FOR = 20
_CANDIDATES_AMONG = 3000
_ALIKE = 0.6
_OTHER_WAYS = "photos under other names are joined by order or by time (--pair-by, or pair_by in params.yaml)"


@dataclass(frozen=True)
class Joined:
    """Scenes that several folders have in common.

    scenes: a photo of each folder, None where a folder that need not have one has none; in the order of the first folder.
    lonely: an error for each photo that is in no scene. folders: their names. by: how they were joined.
    """

    scenes: list[Row]
    lonely: list[ImageError] = field(default_factory=list)
    folders: tuple[str, ...] = ()
    by: By = "name"

    def said(self) -> list[str]:
        """How many joined, where some did not; nothing where all did."""
        count = len(self.lonely)
        if not count:
            return []
        together = sum(sum(path is not None for path in row) > 1 for row in self.scenes)
        apart = f"{count} photo{'s' if count > 1 else ''} did not"
        return [f"{' and '.join(self.folders)}: {together} joined by {self.by}, {apart}"]


def name_key(path: Path, root: Path | None = None) -> str:
    """What a photo is joined by: its name without suffix, or its path below `root` without suffix; NFC, case folded."""
    return folded(_insides([path], root)[0])


def folded(text: str) -> str:
    """Text in Unicode's composed form (NFC), with case folded."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def stems(paths: Iterable[Path], root: Path | None = None) -> dict[str, Path]:
    """The files by `name_key`, in their order. Raises `ImageError` naming both where two share one."""
    paths = list(paths)
    return _distinct(paths, [folded(name) for name in _insides(paths, root)])


def identifiers(photos: Photos) -> dict[Path, str]:
    """Each photo's id, which also names files made of it: its stem; of one in a sub-folder `folder__stem`.

    Raises `ImageError` naming both where two would get the same, up to case and the form of accents.
    """
    paths, root = paths_of(photos)
    ids = [name.replace("/", "__") for name in _insides(paths, root)]
    _distinct(paths, [folded(name) for name in ids])
    return dict(zip(paths, ids, strict=True))


def join_by_stem(inputs: Iterable[Path], references: Iterable[Path]) -> list[tuple[Path, Path | None]]:
    """Every input with the reference of the same stem, or None where there is none, in the order of the inputs.

    Raises:
        ImageError: two inputs or two references share a stem, or no reference fits any input (surely the wrong folder).
    """
    inputs, references = list(inputs), list(references)
    if not inputs or not references:
        return [(path, None) for path in stems(inputs).values()]
    return [(row[0], row[1]) for row in join([inputs, references], optional={1}).scenes if row[0] is not None]


def join(folders: Sequence[Photos], by: By = "name", optional: Collection[int] = ()) -> Joined:
    """The scenes that folders of photos, each listed and not empty, have in common.

    by: `name` (see the module); `order`, the n-th of each, names sorted with their numbers as numbers; `time`, the nearest of
    each to the first folder's by EXIF DateTimeOriginal (see `closest_in_time`). optional: places of folders that need not have
    a photo of every scene.

    Raises:
        ImageError: two photos of a folder share a name, folders to be joined by order have unequal numbers of photos, or a
            folder has nothing in common with the first.
    """
    listed = [paths_of(folder) for folder in folders]
    names = [_shown(paths, root) for paths, root in listed]
    keys = [stems(paths, root) for paths, root in listed]
    joining = {"name": _by_name, "order": _by_order, "time": _by_time}[by]
    first = list(keys[0].values())
    partners: list[Mapping[Path, Path]] = []
    faults: dict[Path, str] = {}
    for place in range(1, len(keys)):
        found, why = joining(keys[0], keys[place], names[0], names[place])
        if not found:
            raise ImageError(names[place], _nothing_common(by, keys[0], keys[place], names[0], why))
        partners.append(found)
        faults = why | faults
    required = [found for place, found in enumerate(partners, start=1) if place not in optional]
    scenes: list[Row] = [
        (path, *(found.get(path) for found in partners)) for path in first if all(path in found for found in required)
    ]
    # To look for those that are in no scene takes seconds of a million. Nobody is in two.
    everything = sum(path is not None for row in scenes for path in row) == sum(map(len, keys))
    used = set[Path]() if everything else {path for row in scenes for path in row if path is not None}
    lonely = [
        ImageError(path, faults.get(path, "its scene is not in every folder"))
        for found in ([] if everything else keys)
        for path in found.values()
        if path not in used
    ]
    return Joined(scenes, lonely, tuple(names), by)


Pairing = tuple[dict[Path, Path], dict[Path, str]]


def _by_name(first: Mapping[str, Path], other: Mapping[str, Path], first_name: str, other_name: str) -> Pairing:
    why: dict[Path, str] = {}
    for mine, theirs, where in ((first, other, other_name), (other, first, first_name)):
        alone = [key for key in mine if key not in theirs]
        free = {key: path for key, path in theirs.items() if key not in mine}
        for number, key in enumerate(alone):
            near = nearest_name(key, free) if number < _CANDIDATES_FOR else None
            hint = f" (the nearest there is {near.stem!r})" if near is not None else ""
            why[mine[key]] = (
                f"has no partner of the stem {mine[key].stem!r} in {where}{hint}; add it, or take this file out"
            )
    return {path: other[key] for key, path in first.items() if key in other}, why


def _by_order(first: Mapping[str, Path], other: Mapping[str, Path], first_name: str, other_name: str) -> Pairing:
    if len(first) != len(other):
        raise ImageError(
            other_name,
            f"has {len(other)} photos and {first_name} has {len(first)}; joining by order needs as many in each: take out "
            "what has no partner, or join by name or by time",
        )
    ordered = [[found[key] for key in sorted(found, key=_natural)] for found in (first, other)]
    return dict(zip(*ordered, strict=True)), {}


def _by_time(first: Mapping[str, Path], other: Mapping[str, Path], first_name: str, other_name: str) -> Pairing:
    why: dict[Path, str] = {}
    readable: list[list[Taken]] = []
    for found in (first, other):
        readable.append([])
        for path in found.values():
            try:
                readable[-1].append(taken(path))
            except ImageError as error:
                why[path] = error.reason
    pairs, errors = closest_in_time(readable[0], readable[1])
    why |= {error.path: error.reason for error in errors}
    return {readable[0][mine].path: readable[1][theirs].path for mine, theirs in pairs.items()}, why


def _nothing_common(
    by: By, first: Mapping[str, Path], other: Mapping[str, Path], first_name: str, why: Mapping[Path, str]
) -> str:
    if by != "name":
        example = next(iter(why))
        return f"no photo here belongs to one in {first_name} by {by}; for one, {printable(example)} {why[example]}"
    pairs: list[str] = []
    free = dict(other)
    for key, path in islice(first.items(), _CANDIDATES_FOR):
        near = nearest_name(key, free)
        if near is not None and len(pairs) < 3:
            free = {name: file for name, file in free.items() if file is not near}
            pairs.append(f"{path.stem!r} and {near.stem!r}")
    examples = (
        ", ".join(pairs) if pairs else f"{next(iter(first.values())).stem!r} and {next(iter(other.values())).stem!r}"
    )
    found = f"{len(other)} here, {len(first)} there; {'nearest' if pairs else 'for example'} are {examples}"
    return f"no photo here has the stem of one in {first_name} ({found}); {_OTHER_WAYS}"


def nearest_name(key: str, others: Mapping[str, Path]) -> Path | None:
    """The file whose key is most like `key`, the first of several; None where none is much like it."""
    matcher = SequenceMatcher(b=key)
    best, found = _ALIKE, None
    for other, path in islice(others.items(), _CANDIDATES_AMONG):
        matcher.set_seq1(other)
        if matcher.real_quick_ratio() > best and matcher.quick_ratio() > best and (ratio := matcher.ratio()) > best:
            best, found = ratio, path
    return found


def _natural(key: str) -> list[tuple[int, int, str]]:
    """Sorts img_9 before img_10."""
    return [
        (0, int(part), "") if part.isascii() and part.isdigit() else (1, 0, part)
        for part in re.split(r"([0-9]+)", key)
        if part
    ]


def _distinct(paths: Sequence[Path], keys: Sequence[str]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    doubled: list[tuple[Path, Path]] = []
    for path, key in zip(paths, keys, strict=True):
        if key in found:
            doubled.append((path, found[key]))
        else:
            found[key] = path
    if doubled:
        path, first = doubled[0]
        exactly = "" if path.stem == first.stem else ", up to case and the form of accents,"
        more = f" ({len(doubled) - 1} more files like it)" if len(doubled) > 1 else ""
        raise ImageError(
            path, f"has the same stem{exactly} as {printable(first)}; rename one of them or take it out{more}"
        )
    return found


def below(path: Path, root: Path) -> str:
    """`path.relative_to(root).as_posix()`, ten times as fast: of a million photos it is asked for several times."""
    text, before = str(path), f"{root}/"
    return text[len(before) :] if text.startswith(before) else path.relative_to(root).as_posix()


def _insides(paths: Iterable[Path], root: Path | None) -> list[str]:
    """As `with_suffix("")` of each path below the folder, or of its name."""
    before, found = f"{root}/", []
    for path in paths:
        text = path.name if root is None else str(path)
        if root is not None:
            text = text[len(before) :] if text.startswith(before) else below(path, root)
        place = text.rfind(".", text.rfind("/") + 2)  # a dot before the name is no suffix, and one at its end neither
        found.append(text if place < 0 or place == len(text) - 1 else text[:place])
    return found


def paths_of(photos: Photos) -> tuple[list[Path], Path | None]:
    """The photos, and the folder that their paths are shown and compared below: None for a plain list."""
    return (photos.photos, photos.folder) if isinstance(photos, Listing) else (list(photos), None)


def _shown(paths: Sequence[Path], root: Path | None) -> str:
    return printable(root if root is not None else paths[0].parent)
