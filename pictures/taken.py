"""When and how a photo was taken, from its EXIF data (EXIF 2.32, table 8), without decoding a pixel."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from PIL import Image

from pictures.decoding import opened
from pictures.errors import DAMAGED, FileFault, ImageError, printable
from pictures.opening import MAX_BYTES, read_regular

# Seconds between the exposures of one scene, beside their own length.
TOLERANCE = 10.0

_EXIF_IFD, _MAKE, _MODEL = 0x8769, 271, 272
_TIME, _SUBSECONDS = 36867, 37521
_EXPOSURE, _F_NUMBER, _BIAS, _MODE = 33434, 33437, 37380, 41986
_SENSITIVITIES = (34867, 34866, 34855)  # ISO speed, recommended index; the 16 bits of the old tag end at 65535
_AUTO_BRACKET = 2


@dataclass(frozen=True)
class Taken:
    """What EXIF says of a photo; None where it says nothing.

    seconds: of DateTimeOriginal with SubSecTimeOriginal, since 1970, by the camera's own clock. whole: without parts of a
    second. exposure: its length in seconds. stops: log2 of exposure x ISO / aperture^2: one more is twice as bright.
    bias: ExposureBiasValue in stops. bracketed: whether the camera says that it was bracketing. size: (width, height).
    """

    path: Path
    seconds: float | None = None
    whole: bool = True
    exposure: float | None = None
    stops: float | None = None
    bias: float | None = None
    bracketed: bool | None = None
    camera: str = ""
    size: tuple[int, int] = (0, 0)


def taken(path: Path) -> Taken:
    """Read the EXIF data of a photo. Raises `ImageError` where the file cannot be opened as one."""
    try:
        data = read_regular(path, MAX_BYTES)
    except FileFault as error:
        raise ImageError(path, error.reason) from error
    size = (0, 0)
    exif = Image.Exif()
    try:
        with opened(path, data) as image:
            size = image.size
            try:
                exif = image.getexif()
                return _taken(path, exif, size)
            except DAMAGED:
                return Taken(path, size=size)
    except ImageError:
        if data[:4] not in (b"II*\0", b"MM\0*"):
            raise
    try:  # camera raw: a TIFF by its header, whose pixels Pillow does not read
        exif.load(data)
        return _taken(path, exif, size)
    except DAMAGED:
        return Taken(path)


def header_size(path: Path) -> tuple[int, int]:
    """(width, height) in pixels as the file has them, before rotation. Raises `ImageError`."""
    return taken(path).size


def _taken(path: Path, exif: Image.Exif, size: tuple[int, int]) -> Taken:
    tags = exif.get_ifd(_EXIF_IFD)
    seconds, whole = _seconds(tags)
    exposure, aperture = _number(tags.get(_EXPOSURE)), _number(tags.get(_F_NUMBER))
    sensitivity = next((value for tag in _SENSITIVITIES if (value := _number(tags.get(tag)))), None)
    stops = None
    if exposure and exposure > 0:
        # A lens without contacts says no aperture; it is then the same for all exposures of a scene.
        stops = math.log2(exposure)
        stops += math.log2(sensitivity / 100) if sensitivity and sensitivity > 0 else 0.0
        stops -= 2 * math.log2(aperture) if aperture and aperture > 0 else 0.0
    mode = tags.get(_MODE)
    camera = " ".join(str(exif.get(tag, "")).strip(" \0") for tag in (_MAKE, _MODEL)).strip()
    bracketed = None if mode is None else mode == _AUTO_BRACKET
    return Taken(path, seconds, whole, exposure, stops, _number(tags.get(_BIAS)), bracketed, camera, size)


def _seconds(tags: Any) -> tuple[float | None, bool]:
    text = str(tags.get(_TIME, "")).strip(" \0").replace("-", ":")[:19]
    try:
        seconds = datetime.strptime(text, "%Y:%m:%d %H:%M:%S").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None, True
    parts = str(tags.get(_SUBSECONDS, "")).strip(" \0")
    return (seconds + float(f"0.{parts}"), False) if parts.isascii() and parts.isdigit() else (seconds, True)


def _number(value: Any) -> float | None:
    if isinstance(value, tuple | list) and value:
        value = value[0]
    try:
        number = float(value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return number if math.isfinite(number) else None


def closest_in_time(
    first: Sequence[Taken], other: Sequence[Taken], tolerance: float = TOLERANCE
) -> tuple[dict[int, int], list[ImageError]]:
    """Pairs of photos that were each the other's nearest in time: places in `first` -> in `other`; and why others have none.

    tolerance: seconds between the two, beside the longer one's exposure. A photo that is as near to two others (up to a tenth
    of a second, or a second where the camera noted whole ones) is paired with neither.
    """
    faults: dict[tuple[bool, int], str] = {}
    forward = _nearest(first, other, tolerance, faults, True)
    backward = _nearest(other, first, tolerance, faults, False)
    pairs = {mine: theirs for mine, theirs in forward.items() if backward.get(theirs) == mine}
    taken_by = {theirs: mine for mine, theirs in pairs.items()}
    errors = []
    for photos, others, chosen, paired, is_first in (
        (first, other, forward, set(pairs), True),
        (other, first, backward, set(taken_by), False),
    ):
        for place, photo in enumerate(photos):
            if place in paired:
                continue
            reason = faults.get((is_first, place))
            if reason is None:
                near = others[chosen[place]]
                reason = f"was taken nearest to {printable(near.path)}, which is nearer to another, or as near to two"
            errors.append(ImageError(photo.path, reason))
    return pairs, errors


def _nearest(
    mine: Sequence[Taken],
    theirs: Sequence[Taken],
    tolerance: float,
    faults: dict[tuple[bool, int], str],
    is_first: bool,
) -> dict[int, int]:
    """place -> place of the one nearest in time; where there is none, why, in `faults`."""
    timed = sorted((photo.seconds, place) for place, photo in enumerate(theirs) if photo.seconds is not None)
    times = [seconds for seconds, _ in timed]
    found: dict[int, int] = {}
    for place, photo in enumerate(mine):
        if photo.seconds is None:
            faults[is_first, place] = (
                "has no time of exposure in its EXIF data (DateTimeOriginal); it cannot be paired by time"
            )
            continue
        at = bisect_left(times, photo.seconds)
        # Two on either side: the nearest and the next nearest are among them.
        around = sorted(timed[max(at - 2, 0) : at + 2], key=lambda entry: abs(entry[0] - float(photo.seconds or 0)))
        if not around:
            faults[is_first, place] = "has no partner: no photo there has a time of exposure in its EXIF data"
            continue
        (seconds, nearest), near = around[0], theirs[around[0][1]]
        apart = abs(seconds - photo.seconds)
        if apart > tolerance + max(photo.exposure or 0, near.exposure or 0):
            faults[is_first, place] = (
                f"has no partner within {tolerance:g} s; the nearest, {printable(near.path)}, was taken {apart:g} s apart"
            )
            continue
        if len(around) > 1:
            next_seconds, following = around[1]
            next_apart = abs(next_seconds - photo.seconds)
            margin = 1.0 if photo.whole or near.whole else 0.1
            if next_apart - apart < margin:
                both = f"{printable(near.path)} ({apart:.3g} s) and {printable(theirs[following].path)} ({next_apart:.3g} s)"
                faults[is_first, place] = f"was taken as near to {both}; pair these by order, or take one out"
                continue
        found[place] = nearest
    return found
