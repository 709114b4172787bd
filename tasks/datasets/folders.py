"""A user's folders as the dataset stages read them: what is listed, and what is said about the rest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pictures import ImageError, Listing, below, listing, printable, said_of

# Pixels on a side; smaller photos teach nothing.
MIN_SIDE = 64
_SHOWN = 20


def photos_in(folder: str, recursive: bool, key: str) -> Listing:
    """The photos of a folder of params.yaml; prints what it leaves out. key: of the switch that reads sub-folders.

    Raises `ImageError` as `listing` does.
    """
    found = listing(Path(folder).expanduser(), recursive)
    for line in found.said(f"{key}: true"):
        print(line)
    return found


def say(errors: Sequence[Exception], summary: str) -> None:
    """A line for each of the first files that are not used; the others are in the file `summary`."""
    for error in errors[:_SHOWN]:
        print(f"skipped: {error}")
    if len(errors) > _SHOWN:
        print(f"skipped: {len(errors) - _SHOWN} more files, all named in {summary}")


def not_read(folders: Iterable[Listing]) -> dict[str, Any]:
    """What a summary says of the files that are no photos, and of the photos in sub-folders that nobody asked for."""
    folders = list(folders)
    files = [{"file": shown(error.path), "reason": error.reason} for found in folders for error in found.left_out]
    return {
        "not_read": sorted(files, key=lambda entry: (entry["file"], entry["reason"])),
        "in_sub_folders": sum(found.below for found in folders),
    }


def listed(errors: Iterable[Exception], name: Any = None) -> list[dict[str, str]]:
    """Errors of files as a summary lists them. name: of a path; that with its folder by default."""
    name = name or shown
    entries = [{"file": name(error.path), "reason": error.reason} for error in errors if isinstance(error, ImageError)]
    return sorted(entries, key=lambda entry: (entry["file"], entry["reason"]))


def shown(path: Path) -> str:
    """A file with the folder it lies in: two folders may hold the same names."""
    return printable(f"{path.parent.name}/{path.name}")


def say_notes(folders: Iterable[Sequence[tuple[Path, str]]]) -> dict[str, int]:
    """Print what was done to photos on reading, each once with the names of the first; how often, for a summary."""
    done: dict[str, list[Path]] = {}
    for notes in folders:
        for path, note in notes:
            done.setdefault(note, []).append(path)
    for note, paths in sorted(done.items()):
        print(said_of(note, sorted(set(paths))))
    return {note: len(set(paths)) for note, paths in sorted(done.items())}


def original(path: Path, photos: Listing | Sequence[Path]) -> str:
    """The name of a user's file as a table keeps it: below the folder that was listed."""
    return below(path, photos.folder) if isinstance(photos, Listing) else path.name
