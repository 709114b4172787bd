"""Exposures of one scene brought over one another, and what still differs then: things that moved.

What an exposure shows is compared by the mapping of its values to another's, which follows from their distributions alone
(histogram matching), whatever the camera's tone curve.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from pictures.registration import Registration, RegistrationError, followed_by, register, still

GHOSTS = 0.005
"""Share of the picture that disagrees between exposures, from which on ghosts are to be expected (64 registered pairs: 0.0049
at most)."""
_SAMPLES, _SIDE = 1_000_000, 1024
_DARK, _LIGHT = 0.06, 0.94
_TOLERANCE, _NOISE = 0.07, 0.01

Mapping = list[tuple[np.ndarray, np.ndarray]]
"""For each channel: values in [0, 1] of one exposure, rising, and those of another that belong to them."""


def register_all(photos: Sequence[np.ndarray], reference: int) -> list[Registration | RegistrationError]:
    """How each exposure lies to the one at place `reference`; photos: (H, W, 3) of one shape, from dark to bright.

    One that cannot be compared with the reference, as the ends of a long sequence, is compared with its neighbour on the way
    there. In place of a motion stands why there is none.
    """
    found: dict[int, Registration | RegistrationError] = {reference: still(1.0)}
    for step in (-1, 1):
        place = reference + step
        while 0 <= place < len(photos):
            direct = _tried(photos[place], photos[reference])
            neighbour = found[place - step]
            if not _told(direct) and place - step != reference and isinstance(neighbour, Registration):
                near = _tried(photos[place], photos[place - step])
                if isinstance(near, Registration) and _told(near):
                    direct = followed_by(neighbour, near, photos[place].shape[:2])
            found[place] = direct
            place += step
    return [found[place] for place in range(len(photos))]


def _tried(moving: np.ndarray, fixed: np.ndarray) -> Registration | RegistrationError:
    try:
        return register(moving, fixed)
    except RegistrationError as error:
        return error


def _told(found: Registration | RegistrationError) -> bool:
    return isinstance(found, Registration) and not math.isnan(found.score)


def moved(moving: np.ndarray, fixed: np.ndarray, registration: Registration) -> np.ndarray:
    """`moving` brought over `fixed`, (H, W, 3) each of one shape, any depth; the pixels themselves where nothing moved.

    Bicubic. What `moving` does not show at the borders is taken from `fixed`, with its values mapped to those of `moving`:
    the picture keeps its size, and no border is invented.
    """
    if registration.still:
        return moving
    import cv2

    height, width = fixed.shape[:2]
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    result = cv2.warpAffine(moving, registration.matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    if result.dtype.kind == "f":
        result = np.clip(result, 0, 1)
    there = _covered(registration, (height, width))
    if not there.all():
        missing = ~there
        filled = mapped(fixed[missing].astype(np.float32) / top_of(fixed), mapped_values(fixed, result, there))
        rounding = 0.0 if moving.dtype.kind == "f" else 0.5
        result[missing] = (filled * top_of(moving) + rounding).astype(moving.dtype)
    return result


def top_of(photo: np.ndarray) -> float:
    """The value of white: 255, 65535, or 1 of float."""
    return 1.0 if photo.dtype.kind == "f" else float(np.iinfo(photo.dtype).max)


def mapped_values(source: np.ndarray, target: np.ndarray, there: np.ndarray | None = None) -> Mapping:
    """How values of `source` appear in `target`, (H, W, 3) of one size, any depth: quantiles that belong together.

    there: (H, W) bool, the pixels to look at; all by default.
    """
    step = max(1, int(np.sqrt(source.shape[0] * source.shape[1] / _SAMPLES)))
    quantiles = np.linspace(0, 1, 513)
    mapping = []
    for channel in range(3):
        values = []
        for picture in (source, target):
            some = picture[::step, ::step, channel]
            some = some.ravel() if there is None else some[there[::step, ::step]]
            values.append(np.quantile(some, quantiles) / top_of(picture) if some.size else quantiles)
        # Many quantiles of clipped areas are one value, which stands for the middle of what belongs to it.
        levels, place, count = np.unique(values[0], return_inverse=True, return_counts=True)
        mapping.append((levels, np.bincount(place, values[1]) / count))
    return mapping


def mapped(values: np.ndarray, mapping: Mapping) -> np.ndarray:
    """Values (..., 3) in [0, 1] of one exposure as they appear in the other."""
    return np.stack([np.interp(values[..., c], *mapping[c]) for c in range(3)], -1)


def disagreement(one: np.ndarray, other: np.ndarray) -> float:
    """Share of the picture in which two aligned exposures (H, W, 3), any depth, show different things, in [0, 1].

    A lower bound: only where both are neither black nor white is it told. Edges that are off by less than a pixel do not
    count, nor does the noise that a dark exposure has when it is brightened.
    """
    import cv2

    scale = min(1.0, _SIDE / max(one.shape[:2]))
    small = []
    for whole in (one, other):
        size = (max(1, round(whole.shape[1] * scale)), max(1, round(whole.shape[0] * scale)))
        picture = cv2.resize(whole, size, interpolation=cv2.INTER_AREA) if scale < 1 else whole
        small.append(picture.astype(np.float32) / np.float32(top_of(picture)))
    differs, told = np.ones(small[0].shape, bool), np.ones(small[0].shape, bool)
    for source, target in (small, small[::-1]):
        mapping = mapped_values(source, target)
        told &= (target > _DARK) & (target < _LIGHT)
        expected = mapped(source, mapping)
        # How much a little noise of the source makes in the target.
        spread = mapped(source + _NOISE, mapping) - mapped(source - _NOISE, mapping)
        # The values are mapped before they are blurred: a mean of bright and dark is not mapped to the mean of both.
        error, allowed = (cv2.GaussianBlur(values, (0, 0), 1.0) for values in (target - expected, spread))
        differs &= np.abs(error) > _TOLERANCE + allowed
    # Most of the channels that tell anything, over areas of more than a few pixels.
    told = cv2.erode(told.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    share = ((differs & told).sum(2) * 2 > told.sum(2)) & told.any(2)
    opened = cv2.morphologyEx(share.astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    return float(opened.mean())


def _covered(registration: Registration, size: tuple[int, int]) -> np.ndarray:
    """(H, W) bool: the pixels of `fixed` that `moving` shows, less a rim that interpolation takes from beyond its border."""
    matrix, (height, width) = registration.matrix, size
    rows, columns = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)[None]
    there = np.ones(size, bool)
    for axis, last in ((0, width - 1), (1, height - 1)):
        place = np.float32(matrix[axis, 0]) * columns + (
            np.float32(matrix[axis, 1]) * rows + np.float32(matrix[axis, 2])
        )
        there &= (place >= 1) & (place <= last - 1)
    return there
