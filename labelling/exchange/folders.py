"""Folders with the pictures of a study: joined by name, checked, and read as the label store wants them (PNG)."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from labelling.store import check_name
from pictures import (
    ImageError,
    as_uint8,
    encode_png,
    identifiers,
    listing,
    nearest_name,
    orientation_of,
    photo_from,
    read_picture,
    said_of,
    sha256_bytes,
    stems,
)

# Looking for the nearest name of very many would take its time.
_HINTS = 20
_PNG = b"\x89PNG\r\n\x1a\n"


class FolderError(ValueError):
    """A folder named on the command line cannot be used; the message says which and why."""


@dataclass(frozen=True)
class Picture:
    """A picture file: where it is, the sha256 of its PNG bytes, its size in pixels, what was done to it on reading."""

    path: Path
    sha256: str
    width: int
    height: int
    notes: tuple[str, ...] = ()

    def png(self) -> bytes:
        """Its PNG bytes; read anew, so that a study of thousands is never in memory at once."""
        return as_png(self.path)[0]


@dataclass
class Collected:
    """photos: stems, sorted. pictures: (method, photo) -> picture. sources: (name, photo) -> picture.

    left_out: photo -> why it is in no comparison. notes: what the folders hold beside photos, a line each.
    """

    photos: list[str]
    pictures: dict[tuple[str, str], Picture]
    sources: dict[tuple[str, str], Picture]
    left_out: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def parse(arguments: Sequence[str], what: str) -> dict[str, Path]:
    """`NAME=DIR` arguments as name -> folder, in their order; `what` says in errors what a name stands for."""
    found: dict[str, Path] = {}
    for argument in arguments:
        name, equals, folder = argument.partition("=")
        if not equals or not folder or not name.strip():
            raise FolderError(f"{argument!r:.80} is not {what.upper()}=DIR, for example {what}=outputs/{what}")
        try:
            check_name(f"the name of a {what}", name)
        except ValueError as error:
            raise FolderError(str(error)) from None
        if name in found:
            raise FolderError(f"{what} {name!r} is given twice: {found[name]} and {folder}")
        found[name] = Path(folder)
    return found


def collect(methods: Mapping[str, Path], sources: Mapping[str, Path], recursive: bool = False) -> Collected:
    """Join the pictures of all folders by their name without suffix (up to case and Unicode form), and read each once.

    recursive: of sub-folders too, where the path below the folder is the name. A photo is called as in the first folder that
    has it. One that a folder lacks, that cannot be read or whose sizes differ
    is left out, with the reason. Raises FolderError where nothing is left, ImageError for a folder that is absent or empty.
    """
    places = {("method", name): folder for name, folder in methods.items()}
    places |= {("source", name): folder for name, folder in sources.items()}
    found = Collected([], {}, {})
    folders: dict[tuple[str, str], dict[str, Path]] = {}
    ids: dict[Path, str] = {}
    for place, folder in places.items():
        here = listing(folder, recursive)
        folders[place] = stems(here.photos, folder)
        ids |= identifiers(here)
        found.notes += here.said()
    # A photo that only a source folder has (they are often whole data sets) is no loss worth a line.
    called: dict[str, str] = {}
    for (kind, _), files in folders.items():
        for key, path in files.items() if kind == "method" else ():
            called.setdefault(key, ids[path])
    common = set.intersection(*(set(files) for files in folders.values()))
    for key, photo in sorted(called.items(), key=lambda entry: entry[1]):
        missing = [(f"{kind} {name!r}", files) for (kind, name), files in folders.items() if key not in files]
        if missing:
            words = f"missing in {', '.join(place for place, _ in missing)}"
            where, files = missing[0]
            free = {name: path for name, path in files.items() if name not in common}
            near = nearest_name(key, free) if len(found.left_out) < _HINTS else None
            found.left_out[photo] = words + (f"; the nearest in {where} is {ids[near]!r}" if near else "")
            continue
        try:
            read = {place: open_picture(files[key]) for place, files in folders.items()}
        except ImageError as error:
            found.left_out[photo] = str(error)
            continue
        sizes = {(picture.width, picture.height) for picture in read.values()}
        if len(sizes) > 1:
            listed = ", ".join(f"{name} {p.width} x {p.height}" for (_, name), p in read.items())
            found.left_out[photo] = f"sizes differ ({listed}); resize them to one size"
            continue
        found.photos.append(photo)
        for (kind, name), picture in read.items():
            (found.pictures if kind == "method" else found.sources)[name, photo] = picture
    if not found.photos:
        photo, reason = next(iter(found.left_out.items()))
        lines = [f"no photo is in all {len(folders)} folders and readable; {photo!r} for one: {reason}", *found.notes]
        raise FolderError("\n".join(lines))
    done: dict[str, dict[Path, None]] = defaultdict(dict)
    for picture in (*found.pictures.values(), *found.sources.values()):
        for note in picture.notes:
            done[note][picture.path] = None
    found.notes += [said_of(note, list(paths)) for note, paths in done.items()]
    return found


def open_picture(path: Path) -> Picture:
    """Read and check a picture file. Raises ImageError."""
    png, width, height, notes = _as_png(path)
    return Picture(path, sha256_bytes(png), width, height, notes)


def as_png(path: Path) -> tuple[bytes, int, int]:
    """PNG bytes, width and height of a picture file; the same file always gives the same bytes.

    A PNG of 8-bit RGB goes in as it is, so that the sha256 is that of the file; anything else (transparency, a profile
    that is not sRGB, EXIF rotation) is decoded and written as such a PNG. Raises ImageError.
    """
    return _as_png(path)[:3]


def _as_png(path: Path) -> tuple[bytes, int, int, tuple[str, ...]]:
    """As `as_png`, and what was done to the picture on reading."""
    data = read_picture(path)
    photo = photo_from(path, data)
    height, width = photo.pixels.shape[:2]
    plain = not photo.notes and _is_plain(data)
    return (data if plain else encode_png(as_uint8(photo.pixels))), width, height, photo.notes


def _is_plain(data: bytes) -> bool:
    if not data.startswith(_PNG) or data[24:26] != b"\x08\x02":  # IHDR: 8 bits, colour type 2
        return False
    with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        return "transparency" not in image.info and orientation_of(image) == 1
