"""How far observers agree with each other and with themselves, and whether they prefer a side. numpy only.

A unit is a pair of pictures (or a picture with one score), a value what an observer said of it. "Can't tell" is no value:
it is left out before these functions are called.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np


@dataclass(frozen=True)
class Alpha:
    """value: at most 1; 1 is perfect agreement, 0 what chance gives, below 0 systematic disagreement. None with a reason."""

    value: float | None
    reason: str | None = None


def krippendorff_alpha(value_counts: np.ndarray, ordinal: bool = False) -> Alpha:
    """Krippendorff's alpha (Content Analysis, 2004, ch. 11), nominal or ordinal, with any number of observers.

    value_counts: (N, V) whole numbers, how many observers gave unit n the value v (ascending where `ordinal`). Units with
    fewer than two values say nothing about agreement and do not count. Undefined, with the reason, where no unit has two
    values, and where all are the same value (no variation: agreement cannot be told from a constant answer).
    """
    counts = np.asarray(value_counts)
    if counts.ndim != 2:
        raise ValueError(f"value counts have units in rows and values in columns, not the shape {counts.shape}")
    if not np.issubdtype(counts.dtype, np.integer) or (counts < 0).any():
        raise ValueError("value counts are whole numbers, none negative")
    counts = counts[counts.sum(axis=1) >= 2]
    if not len(counts):
        return Alpha(None, "nothing was judged by two observers yet")
    used = counts.any(axis=0)
    if used.sum() < 2:
        return Alpha(None, "all answers are the same, so there is no variation to agree on")
    import krippendorff

    # Values nobody used change nothing, and cost memory: leave them out.
    level: Literal["ordinal", "nominal"] = "ordinal" if ordinal else "nominal"
    domain = np.arange(int(used.sum()))
    try:
        alpha = krippendorff.alpha(value_counts=counts[:, used], value_domain=domain, level_of_measurement=level)
    except ValueError as error:
        return Alpha(None, str(error))
    return Alpha(float(alpha))


def pairwise_agreement(value_counts: np.ndarray) -> float | None:
    """Share of equal answers among all pairs of answers on the same unit, in [0, 1]; not corrected for chance.

    value_counts: (N, V) as in `krippendorff_alpha`. None where no unit has two answers.
    """
    counts = np.asarray(value_counts, dtype=np.int64)
    sums = counts.sum(axis=1)
    possible = int((sums * (sums - 1)).sum())
    return None if possible == 0 else int((counts * (counts - 1)).sum()) / possible


@dataclass(frozen=True)
class Share:
    """`count` of `total`, for example repeats that were answered as the first time. `rate` is None where total is 0."""

    count: int
    total: int

    @property
    def rate(self) -> float | None:
        return None if self.total == 0 else self.count / self.total


def repeat_consistency(first: np.ndarray, again: np.ndarray) -> Share:
    """How often an observer gave a pair the same answer when it came again with its sides swapped.

    first, again: (R,) int values of the two answers; a negative value is "can't tell", and such a repeat does not count.
    """
    first, again = np.asarray(first), np.asarray(again)
    if first.shape != again.shape:
        raise ValueError(f"every repeat has one first answer, not {first.shape} and {again.shape}")
    told = (first >= 0) & (again >= 0)
    return Share(int((first[told] == again[told]).sum()), int(told.sum()))


def agreement_with_majority(mine: np.ndarray, others: np.ndarray) -> Share:
    """How often an observer chose what the majority of the others chose.

    mine: (K,) 0 or 1, the observer's answers. others: (K, 2) answers of the other observers on the same units. Units
    whose others balance (or where there are none) do not count: a guess then agrees with probability 1/2 in each.
    """
    mine, others = np.asarray(mine), np.asarray(others)
    if mine.ndim != 1 or others.shape != (len(mine), 2):
        raise ValueError(f"answers (K,) and others (K, 2) are wanted, not {mine.shape} and {others.shape}")
    decided = others[:, 0] != others[:, 1]
    majority = (others[:, 1] > others[:, 0]).astype(int)
    return Share(int((mine == majority)[decided].sum()), int(decided.sum()))


@dataclass(frozen=True)
class PositionBias:
    """Share of answers for the left picture, and the two-sided p of as uneven a share from someone without a bias."""

    left: Share
    p: float | None


def position_bias(chose_left: np.ndarray) -> PositionBias:
    """Binomial test of whether an observer prefers a side. chose_left: (K,) bool, ties and "can't tell" left out.

    Sides are random per showing, so without a bias the left one is chosen with probability 1/2.
    """
    chosen = np.asarray(chose_left, dtype=bool)
    left = Share(int(chosen.sum()), len(chosen))
    if not left.total:
        return PositionBias(left, None)
    tail = chance_of_at_least(max(left.count, left.total - left.count), left.total)
    return PositionBias(left, min(1.0, 2 * tail))


def chance_of_at_least(count: int, total: int) -> float:
    """P(X >= count) for X ~ Binomial(total, 1/2), exact up to rounding. Raises ValueError unless 0 <= count <= total."""
    if not 0 <= count <= total:
        raise ValueError(f"a count lies between 0 and the total, not {count} of {total}")
    if 2 * count <= total:  # sum the shorter tail; the other follows by symmetry
        return 1.0 if count == 0 else 1.0 - chance_of_at_least(total - count + 1, total)
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, total + 1)))])  # log n!
    k = np.arange(count, total + 1)
    return float(min(1.0, np.exp(logs[total] - logs[k] - logs[total - k] - total * math.log(2)).sum()))
