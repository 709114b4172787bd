"""Circles around artifacts as a heatmap: one function, for what people mark, an LLM marks, and corruptions are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

EDGE = 0.15
"""Of the radius, over which a disk falls from 1 to 0: half of it lies within the circle, half without."""


@dataclass(frozen=True)
class Disk:
    """A circle in pixels of the picture; weight: the value within, in (0, 1]."""

    x: float
    y: float
    radius: float
    weight: float = 1.0


def disks_of(flat: Sequence[float]) -> list[Disk]:
    """Disks from x, y and radius, one after the other, as tables keep them."""
    return [Disk(*(float(value) for value in flat[place : place + 3])) for place in range(0, len(flat), 3)]


def heatmap(disks: Iterable[Disk], height: int, width: int) -> np.ndarray:
    """(height, width) float32 in [0, 1]: where circles overlap the larger value counts; 0 where nobody marked anything.

    A disk is `weight` within its circle and falls linearly to 0 across its edge. Raises ValueError: a radius of 0 or below.
    """
    found = np.zeros((height, width), np.float32)
    rows, columns = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)[None]
    for disk in disks:
        if disk.radius <= 0:
            raise ValueError(f"a circle has a radius above 0, not {disk.radius}")
        distance = np.hypot(rows - disk.y, columns - disk.x) / disk.radius
        inside = np.clip((1 + EDGE / 2 - distance) / EDGE, 0, 1)
        np.maximum(found, disk.weight * inside, out=found)
    return found
