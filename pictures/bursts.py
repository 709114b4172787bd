"""Bracketed bursts of one folder: photos of one scene, taken within seconds of each other with different exposures.

A photo goes on with the burst of the one before it (by the camera's clock) where the same camera took it, at the same size,
within `GAP` seconds after that exposure's end, and with an exposure that the burst does not have yet; a repeated exposure, or
a repeated step of exposure compensation, begins the next burst. A camera that notes that it was bracketing (EXIF
ExposureMode) never shares a burst with a photo taken without. What is alone, or spans less than `LEAST_STOPS`, is no burst.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pictures.errors import ImageError
from pictures.joining import Photos, paths_of, stems
from pictures.taken import Taken, taken

GAP = 3.0
LEAST_STOPS = 0.9
# Cameras step by thirds of a stop, and round shutter speeds to their names.
_SAME_STOPS = 0.15


@dataclass(frozen=True)
class Burst:
    """A scene's photos from the darkest exposure to the brightest, and their exposures in stops from the darkest."""

    photos: tuple[Path, ...]
    stops: tuple[float, ...]


@dataclass(frozen=True)
class Bursts:
    """The scenes of a folder in the order they were taken, and an error for each photo that belongs to none."""

    scenes: list[Burst]
    lonely: list[ImageError] = field(default_factory=list)


def bursts(photos: Photos, gap: float = GAP) -> Bursts:
    """Group the photos of a folder into bracketed bursts. gap: seconds from the end of an exposure to the next.

    Raises `ImageError`: two photos share a name (a JPEG beside its raw file), or there is no burst at all.
    """
    paths, root = paths_of(photos)
    stems(paths, root)
    readable: list[Taken] = []
    lonely: list[ImageError] = []
    for path in paths:
        try:
            photo = taken(path)
        except ImageError as error:
            lonely.append(error)
            continue
        if photo.seconds is None:
            lonely.append(ImageError(path, "has no time of exposure in its EXIF data (DateTimeOriginal)"))
        elif _level(photo) is None:
            lonely.append(ImageError(path, "has no exposure in its EXIF data (ExposureTime, ExposureBiasValue)"))
        else:
            readable.append(photo)
    scenes = []
    for group in _groups(readable, gap):
        ordered = sorted(group, key=_stops)
        spread = _stops(ordered[-1]) - _stops(ordered[0])
        if len(group) > 1 and spread >= LEAST_STOPS:
            stops = tuple(_stops(photo) - _stops(ordered[0]) for photo in ordered)
            scenes.append(Burst(tuple(photo.path for photo in ordered), stops))
            continue
        alone = f"belongs to no burst: no other exposure of its scene within {gap:g} s"
        close = f"belongs to no burst: its {len(group)} exposures differ by {spread:.1f} stops only"
        lonely += [ImageError(photo.path, alone if len(group) == 1 else close) for photo in group]
    lonely.sort(key=lambda error: error.path)
    if not scenes:
        where = root if root is not None else paths[0].parent
        example = f"; for one, {lonely[0]}" if lonely else ""
        raise ImageError(where, f"no bracketed burst among its {len(paths)} photos{example}")
    return Bursts(scenes, lonely)


def _groups(photos: Iterable[Taken], gap: float) -> list[list[Taken]]:
    """Photos in the order taken, cut where a burst ends; folders and cameras apart."""
    groups: list[list[Taken]] = []
    order = sorted(photos, key=lambda photo: (photo.path.parent, photo.camera, photo.seconds, photo.path.name))
    for photo in order:
        if groups and _goes_on(groups[-1], photo, gap):
            groups[-1].append(photo)
        else:
            groups.append([photo])
    groups.sort(key=lambda group: (group[0].path.parent, group[0].seconds, group[0].path.name))
    return groups


def _goes_on(burst: list[Taken], photo: Taken, gap: float) -> bool:
    before = burst[-1]
    kind = (photo.path.parent, photo.camera, photo.size, bool(photo.bracketed), photo.stops is None)
    if kind != (before.path.parent, before.camera, before.size, bool(before.bracketed), before.stops is None):
        return False
    if float(photo.seconds or 0) - float(before.seconds or 0) > gap + (before.exposure or 0):
        return False
    if any(abs(_stops(photo) - _stops(other)) < _SAME_STOPS for other in burst):
        return False
    biases = [other.bias for other in burst]
    return not (len(set(biases)) > 1 and photo.bias in biases)


def _level(photo: Taken) -> float | None:
    """Its exposure in stops; where the camera notes no shutter speed, the exposure compensation."""
    return photo.stops if photo.stops is not None else photo.bias


def _stops(photo: Taken) -> float:
    level = _level(photo)
    if level is None:
        raise ValueError(f"{photo.path} has no exposure")
    return level
