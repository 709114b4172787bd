"""Which exposures `loupe fuse` takes together: the files of one scene, folders of exposures, or the bursts of one folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pictures import (
    By,
    ImageError,
    Listing,
    Receipts,
    Work,
    bursts,
    depth_of,
    is_folder,
    join,
    listing,
    refuse_file_as_folder,
    refuse_names,
    refuse_suffix,
    sorted_out,
    without,
    written_name,
)


@dataclass(frozen=True)
class Scenes:
    """The scenes to fuse, the receipts of where they go, an error for each photo left out, and what else is to be said.

    unread: photos among that for which a codec is missing.
    """

    work: list[Work]
    receipts: Receipts
    failed: list[ImageError] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    unread: int = 0


def find_scenes(
    exposures: Sequence[Path],
    out: Path,
    by: By = "name",
    in_bursts: bool = False,
    recursive: bool = False,
    depth_by: int | None = None,
) -> Scenes:
    """The scenes among files of one scene, folders of exposures (joined `by`), or folders of bursts.

    The final name of each is decided here: that of its first exposure, as PNG where one of its exposures (or the one in place
    `depth_by` alone) has 16 bits and that name has no place for them. Sub-folders are mirrored.

    Raises `ImageError`: fewer than two files, files and folders mixed, nothing in common, a name that cannot be written.
    """
    found = _scenes(exposures, out, by, in_bursts, recursive, depth_by)
    refuse_names(found.work)
    return found


def _scenes(
    exposures: Sequence[Path], out: Path, by: By, in_bursts: bool, recursive: bool, depth_by: int | None
) -> Scenes:
    folders = [is_folder(path) for path in exposures]
    if any(folders) and not all(folders):
        file = exposures[folders.index(False)]
        raise ImageError(file, "is not a folder and another exposure is; give files only, or folders only")
    if in_bursts:
        if not all(folders):
            raise ImageError(exposures[0], "is not a folder; --bursts finds the scenes in a folder of bracketed photos")
        return _of_bursts(exposures, out, recursive)
    if len(exposures) < 2:
        raise ImageError(
            exposures[0],
            "is one exposure; fusion takes two or more files, or two or more folders, or one folder with --bursts",
        )
    if all(folders):
        return _of_folders(exposures, out, by, recursive, depth_by)
    if is_folder(out):
        raise ImageError(out, "a folder; name the file to write with --out, or give folders of exposures")
    refuse_file_as_folder(out.parent)
    refuse_suffix(out, _deep(exposures, depth_by))
    return Scenes([Work(tuple(exposures), out)], Receipts(out.parent))


def _of_folders(folders: Sequence[Path], out: Path, by: By, recursive: bool, depth_by: int | None) -> Scenes:
    refuse_file_as_folder(out)
    listed = [without(listing(folder, recursive), out) for folder in folders]
    joined = join(listed, by)
    rows = [tuple(path for path in row if path is not None) for row in joined.scenes]
    failed, said, unread = sorted_out(listed)
    work = [_work(sources, listed[0], out, depth_by) for sources in rows]
    return Scenes(work, Receipts(out), [*joined.lonely, *failed], [*joined.said(), *said], unread)


def _of_bursts(folders: Sequence[Path], out: Path, recursive: bool) -> Scenes:
    refuse_file_as_folder(out)
    listed = [without(listing(folder, recursive), out) for folder in folders]
    failed, said, unread = sorted_out(listed)
    work: list[Work] = []
    for folder in listed:
        grouped = bursts(folder)
        work += [_work(burst.photos, folder, out) for burst in grouped.scenes]
        failed += grouped.lonely
    return Scenes(work, Receipts(out), failed, said, unread)


def _work(sources: tuple[Path, ...], listed: Listing, out: Path, depth_by: int | None = None) -> Work:
    place = sources[0].relative_to(listed.folder)
    return Work(sources, out / written_name(place, _deep(sources, depth_by)))


def _deep(sources: Sequence[Path], depth_by: int | None) -> bool:
    asked = sources if depth_by is None else sources[depth_by : depth_by + 1]
    return any(depth_of(source) == 16 for source in asked)
