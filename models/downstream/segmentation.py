"""Mean intersection over union of masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.downstream.base import IGNORED
from models.downstream.estimates import Estimate, drawn


@dataclass(frozen=True)
class SegmentationScore:
    """mean: over the classes that are labelled anywhere in the pictures. by_class: of each of these."""

    mean: Estimate
    by_class: dict[str, float]
    pictures: int


def overlap_counts(mask: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """(3, classes) int64, of each class the pixels that are of it in both, in the mask, and in the prediction.

    mask: (H, W) ids, `IGNORED` where nothing is counted. predicted: (H, W) ids; -1, as any that no class has, is never right.
    """
    counted = mask != IGNORED
    mask, predicted = mask[counted], predicted[counted]
    known = (predicted >= 0) & (predicted < classes)

    def count(values: np.ndarray) -> np.ndarray:
        return np.bincount(values, minlength=classes)

    return np.stack([count(mask[mask == predicted]), count(mask), count(predicted[known])]).astype(np.int64)


def mean_overlap(counts: np.ndarray, names: Sequence[str], draws: int = 1000, seed: int = 0) -> SegmentationScore:
    """Intersection over union, counted over all pictures and not picture by picture (Everingham et al. 2010), and its mean.

    counts: (N, 3, classes), of each picture as `overlap_counts` gives them. A class that is nowhere labelled is in no mean:
    what is taken for it counts against the class that it is. Raises ValueError: no picture, nothing labelled.
    """
    if not len(counts) or not counts[:, 1].any():
        raise ValueError("nothing is labelled in these pictures: there is nothing to compare")
    whole = _overlaps(counts.sum(axis=0)[None])[0]
    anew = _overlaps(np.stack([counts[one].sum(axis=0) for one in drawn(len(counts), draws, seed)])) if draws else None
    return SegmentationScore(
        Estimate(float(np.nanmean(whole)), np.empty(0) if anew is None else _rows(anew)),
        {name: float(value) for name, value in zip(names, whole, strict=True) if not np.isnan(value)},
        len(counts),
    )


def _overlaps(counts: np.ndarray) -> np.ndarray:
    """(D, 3, C) -> (D, C): intersection over union, NaN where the class is not labelled."""
    both, labelled, predicted = counts[:, 0], counts[:, 1], counts[:, 2]
    union = labelled + predicted - both
    return np.where(labelled > 0, both / np.maximum(union, 1), np.nan)


def _rows(overlaps: np.ndarray) -> np.ndarray:
    """(D, C) -> (D,): the mean of each row without NaN; NaN of a row that has nothing else."""
    have = ~np.isnan(overlaps)
    return np.where(have.any(axis=1), np.nansum(overlaps, axis=1) / np.maximum(have.sum(axis=1), 1), np.nan)
