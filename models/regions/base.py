"""What a segmenter is, and the rule by which its masks become regions: every pixel belongs to exactly one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np


class Segmenter(ABC):
    """Finds what belongs together in a picture. The same picture gives the same masks.

    Its constructor takes its options, and raises ValueError for values that do not fit. What it says of itself with `note` stands
    in the report beside the pictures.
    """

    note: str = ""

    @abstractmethod
    def masks(self, picture: np.ndarray) -> list[np.ndarray]:
        """Masks (H, W) bool of a picture (H, W, 3) uint8, sRGB. They may overlap, be empty, and leave pixels out."""


def regions_of(masks: Sequence[np.ndarray], height: int, width: int, least: float) -> np.ndarray:
    """The number of its region at each pixel, (H, W) int32 from 0 on, in the order of first pixels.

    Where masks overlap the smaller one lies on top. What stays visible of a mask below the share `least` of the picture is no
    region: its pixels belong to what lies below. Pixels of no mask are one region more, or, where that is too small itself, go to
    the nearest. Without any mask the whole picture is one. Raises ValueError: a mask of another size.
    """
    for mask in masks:
        if mask.shape != (height, width):
            raise ValueError(f"a mask is {mask.shape[1]} x {mask.shape[0]}, and its picture {width} x {height}")
    fewest = max(1, int(np.ceil(least * height * width)))
    areas = [int(mask.sum()) for mask in masks]
    order = sorted((at for at, area in enumerate(areas) if area >= fewest), key=lambda at: -areas[at])
    kept = {number: masks[at] for number, at in enumerate(order, 1)}
    painted = np.zeros((height, width), np.int32)
    for number, mask in kept.items():
        painted[mask] = number
    sizes = np.bincount(painted.ravel(), minlength=len(masks) + 1)
    while small := [number for number in kept if sizes[number] < fewest]:
        # The smallest first: what it frees may be what another needs.
        smallest = min(small, key=lambda number: (sizes[number], number))
        del kept[smallest]
        freed = np.nonzero(painted == smallest)
        below = np.zeros(len(freed[0]), np.int32)
        for number, mask in kept.items():
            if number < smallest:
                below[mask[freed]] = number
        painted[freed] = below
        sizes = np.bincount(painted.ravel(), minlength=len(masks) + 1)
    if 0 < sizes[0] < fewest and kept:
        painted = _nearest(painted)
    _, first, inverse = np.unique(painted, return_index=True, return_inverse=True)
    numbers = np.empty(len(first), np.int32)
    numbers[np.argsort(first)] = np.arange(len(first), dtype=np.int32)
    found: np.ndarray = numbers[inverse.reshape(height, width)]
    return found


def _nearest(painted: np.ndarray) -> np.ndarray:
    """The number of the nearest pixel that has one, where a pixel has none (0)."""
    from scipy.ndimage import distance_transform_edt

    places = distance_transform_edt(painted == 0, return_distances=False, return_indices=True)
    found: np.ndarray = painted[tuple(places)]
    return found
