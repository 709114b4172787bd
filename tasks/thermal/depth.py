"""Infrared of more than 8 bits in the range that models and people see: spread by percentiles, never clipped.

A thermal camera uses a few hundred of its 65,536 levels, and one hot pixel would leave the rest black. So the values between two
percentiles get 96 % of the range, evenly; what lies beyond shares the rest, and stays in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

TAIL = 0.02
"""Of the range, for what lies beyond a percentile."""


@dataclass(frozen=True)
class Levels:
    """The lowest value, the two percentiles and the highest value of infrared, in the file's own levels."""

    lowest: int
    low: int
    high: int
    highest: int


def histogram(pixels: np.ndarray) -> np.ndarray:
    """How often each of the 65,536 levels is there, in (H, W) uint16."""
    return np.bincount(pixels.reshape(-1), minlength=1 << 16)


def levels(counts: np.ndarray, percentiles: Sequence[float]) -> Levels:
    """The levels of a histogram; of one picture, or of a set whose histograms were added."""
    there = np.flatnonzero(counts)
    shares = np.cumsum(counts) / counts.sum()
    low, high = (int(np.searchsorted(shares, min(percent / 100, 1.0) - 1e-12)) for percent in percentiles)
    lowest, highest = int(there[0]), int(there[-1])
    return Levels(lowest, max(low, lowest), min(high, highest), highest)


def spread(pixels: np.ndarray, found: Levels) -> np.ndarray:
    """Pixels (H, W) uint16 within [0, 1], float32, in the order they had."""
    places = np.array([found.lowest, found.low, found.high, found.highest], np.float64)
    wanted = np.array([0.0, TAIL, 1 - TAIL, 1.0])
    # Of equal places (nothing lies beyond a percentile) the outer one counts.
    keep = [
        i for i in range(4) if not any(places[j] == places[i] for j in ((0,) if i == 1 else (3,) if i == 2 else ()))
    ]
    return np.interp(pixels, places[keep], wanted[keep]).astype(np.float32)
