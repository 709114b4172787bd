"""Masks as run lengths, as COCO has them uncompressed: column by column, from a run of zeros on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def encode(mask: np.ndarray) -> list[int]:
    """Run lengths of a mask (H, W) bool; the first is of zeros, and 0 where the first pixel is set."""
    flat = np.asarray(mask, bool).ravel(order="F")
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    runs = np.diff(np.concatenate([[0], changes, [flat.size]])).tolist()
    return [0, *runs] if flat.size and flat[0] else runs


def decode(counts: Sequence[int], height: int, width: int) -> np.ndarray:
    """The mask (H, W) bool of run lengths. Raises ValueError: they are negative, or do not fill it."""
    runs = np.asarray(counts, np.int64)
    if (runs < 0).any() or int(runs.sum()) != height * width:
        raise ValueError(f"run lengths fill {int(runs.sum())} pixels, and the picture has {height * width}")
    flat = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return flat.reshape(height, width, order="F")
