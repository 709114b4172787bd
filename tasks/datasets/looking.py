"""What `loupe check` can say of a user's folders before a dataset is made of them: they are listed, and headers are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pictures import By, ImageError, Listing, bursts, header_size, identifiers, join, listing, some
from tasks.datasets.folders import MIN_SIDE
from tasks.datasets.photos import PHOTOS, locate

LOOKED_AT = 12
# Joining by time, and bursts, need the EXIF data of every photo: of so many it is read in a moment.
MOST_TIMES = 200


class Named(Protocol):
    """A section of params.yaml that names a user's folders."""

    @property
    def recursive(self) -> bool: ...


class Folders(Named, Protocol):
    """One whose folders are joined."""

    @property
    def pair_by(self) -> By: ...


class Sample(Protocol):
    """A section of params.yaml about the sample photographs."""

    @property
    def crop(self) -> int: ...


@dataclass
class Findings:
    """faults: what a run would stop at. warnings: what it would leave out or make the best of. counts: what was found."""

    faults: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    counts: list[str] = field(default_factory=list)


def photos_of(count: int) -> str:
    return f"{count} photo{'' if count == 1 else 's'}"


def listed(section: str, settings: Named, names: Sequence[str], found: Findings) -> dict[str, Listing]:
    """The folders that are named and hold photos; the others are faults."""
    folders = {}
    for name in names:
        folder, key = getattr(settings, name), f"{section}.{name}"
        if not folder:
            continue
        try:
            photos = listing(Path(folder).expanduser(), settings.recursive)
            identifiers(photos)
        except ImageError as error:
            found.faults.append(f"{key}: {error}")
            continue
        folders[name] = photos
        found.counts.append(f"{key}: {photos_of(len(photos.photos))}")
        found.warnings += [f"{key}: {line}" for line in photos.said(f"{section}.recursive: true")]
    return folders


def joined(
    section: str,
    settings: Folders,
    folders: Mapping[str, Listing],
    found: Findings,
    optional: bool = False,
) -> list[list[Path]] | None:
    """The photos of each scene that the folders have in common; None where that cannot be said."""
    names, place = " and ".join(folders), f"{section}.{list(folders)[1]}"
    largest = max(len(photos.photos) for photos in folders.values())
    if settings.pair_by == "time" and largest > MOST_TIMES:
        found.warnings.append(f"{section}.pair_by: {largest} photos are too many to look at the times of here")
        return None
    try:
        together = join(list(folders.values()), settings.pair_by, optional={1} if optional else {2})
    except ImageError as error:
        found.faults.append(f"{place}: {error}")
        return None
    scenes = [[path for path in row if path is not None] for row in together.scenes]
    count = sum(len(row) > 1 for row in scenes) if optional else len(scenes)
    found.counts.append(f"{section}: {photos_of(count)} of {names} joined by {settings.pair_by}")
    without = [row[0].name for row in scenes if len(row) == 1] if optional else []
    if without:
        found.warnings.append(f"{place}: no reference for {photos_of(len(without))}: {some(without)}")
    found.warnings += [f"{section}: {error}" for error in together.lonely[:5]]
    if len(together.lonely) > 5:
        found.warnings.append(f"{section}: {len(together.lonely) - 5} more photos have no partner")
    return scenes


def in_bursts(key: str, photos: Listing, found: Findings) -> list[list[Path]] | None:
    """The photos of each burst; None where that cannot be said."""
    if len(photos.photos) > MOST_TIMES:
        found.warnings.append(f"{key}: {len(photos.photos)} photos are too many to look for bursts in here")
        return None
    try:
        grouped = bursts(photos)
    except ImageError as error:
        found.faults.append(f"{key}: {error}")
        return None
    found.counts.append(f"{key}: {len(grouped.scenes)} bursts")
    if grouped.lonely:
        found.warnings.append(f"{key}: {photos_of(len(grouped.lonely))} in no burst; for one, {grouped.lonely[0]}")
    return [list(burst.photos) for burst in grouped.scenes]


def look_at_sizes(
    key: str, scenes: Sequence[Sequence[Path]], max_side: int | None, crops: Mapping[str, int], found: Findings
) -> None:
    """Of the first scenes: whether the headers can be read, sizes agree, and working copies are as large as crops."""
    sides: list[int] = []
    broken: list[str] = []
    scenes = scenes[:LOOKED_AT]
    for scene in scenes:
        try:
            sizes = [header_size(path) for path in scene]
        except ImageError as error:
            broken.append(str(error))
            continue
        # Turned by their EXIF orientation, so only the set of sides is compared.
        if len({tuple(sorted(size)) for size in sizes}) > 1:
            each = ", ".join(f"{width} x {height}" for width, height in sizes)
            broken.append(f"{scene[0]}: differs in size from its partner ({each}); export both at one size")
            continue
        longest, shortest = max(sizes[0]), min(sizes[0])
        side = shortest if max_side is None else round(shortest * min(1.0, max_side / longest))
        if side < MIN_SIDE:
            broken.append(
                f"{scene[0]}: smaller than {MIN_SIDE} pixels on a side (as a working copy); too small to learn from"
            )
            continue
        sides.append(side)
    if broken and not sides:
        found.faults.append(f"{key}: none of the first {len(scenes)} can be used; for one, {broken[0]}")
    else:
        found.warnings += [f"{key}: {line}" for line in broken]
    against_crops(key, sides, crops, found.faults, found.warnings)


def against_crops(
    place: str, sides: Sequence[int], crops: Mapping[str, int], all_smaller: list[str], some_smaller: list[str]
) -> None:
    """Crops that are larger than the photos: filled up by mirroring, which teaches what is in no photo."""
    for key, crop in crops.items():
        small = sum(side < crop for side in sides)
        if small:
            line = (
                f"{key}: {crop} pixels, but {small} of the first {len(sides)} photos of {place} have less on a side "
                f"({min(sides)} the smallest); take a crop of at most {max(min(sides), MIN_SIDE)}"
            )
            (all_smaller if small == len(sides) else some_smaller).append(line)


def look_at_sample(key: str, settings: Sample, crops: Mapping[str, int], found: Findings) -> None:
    """The sample: whether its photographs are as large as its crops, and these as the trainings'."""
    shortest = {photo.name: min(header_size(locate(photo))) for photo in PHOTOS}
    name = min(shortest, key=lambda photo: shortest[photo])
    if shortest[name] < settings.crop:
        found.faults.append(
            f"{key}.crop: {settings.crop} pixels, but the sample photograph {name} has {shortest[name]} on a side"
        )
    against_crops(key, [settings.crop], crops, found.warnings, found.warnings)
