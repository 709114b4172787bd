"""The photos of a folder, and how those of several folders belong together."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from pathlib import Path

from pictures.errors import ImageError
from pictures.formats import SUFFIXES


def list_photos(folder: Path | str) -> list[Path]:
    """The photos directly in `folder`, sorted by name; hidden files and suffixes not in `SUFFIXES` are ignored.

    Raises:
        ImageError: there is no such folder, it cannot be listed, it holds no photo, or a name that is no plain text.
    """
    folder = Path(folder)
    if not folder.exists():
        raise ImageError(folder, "no such folder; check the path")
    if not folder.is_dir():
        raise ImageError(folder, "not a folder; give the folder that holds the photos")
    try:
        files = sorted(folder.iterdir(), key=lambda file: file.name)
    except OSError as error:
        raise ImageError(folder, f"cannot be listed ({error.strerror or error}); check its permissions") from error
    visible = [file for file in files if not file.name.startswith(".") and not file.is_dir()]
    photos = [file for file in visible if file.suffix.lower() in SUFFIXES]
    if not photos:
        raise ImageError(folder, f"no photos in this folder; known suffixes are {', '.join(sorted(SUFFIXES))}")
    for photo in photos:
        if any(unicodedata.category(character) in {"Cc", "Cs"} for character in photo.name):
            raise ImageError(folder, f"the file name {photo.name!a} is not UTF-8, or has control characters; rename it")
    return photos


def stems(paths: Iterable[Path]) -> dict[str, Path]:
    """The files by their name without suffix. Raises `ImageError` naming both when two share one."""
    found: dict[str, Path] = {}
    for path in paths:
        if path.stem in found:
            raise ImageError(path, f"has the same stem as {found[path.stem]}; rename one of them or take it out")
        found[path.stem] = path
    return found


def join_by_stem(inputs: Iterable[Path], references: Iterable[Path]) -> list[tuple[Path, Path | None]]:
    """Every input with the reference of the same stem, or None where there is none, in the order of the inputs.

    Raises:
        ImageError: two inputs or two references share a stem, or no reference fits any input (surely the wrong folder).
    """
    by_stem = stems(references)
    joined = [(path, by_stem.get(stem)) for stem, path in stems(inputs).items()]
    if joined and by_stem and all(reference is None for _, reference in joined):
        folder, example = next(iter(by_stem.values())).parent, joined[0][0]
        raise ImageError(folder, f"no reference here has the stem of an input, such as {example.stem!r} of {example}")
    return joined
