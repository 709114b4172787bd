"""A score with a bootstrap interval over pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Estimate:
    """A score in [0, 1] and what it was on pictures drawn anew. draws: (D,); NaN where what was drawn has nothing to score."""

    value: float
    draws: np.ndarray

    @property
    def interval(self) -> tuple[float, float]:
        """The bounds of the 95 % interval (Efron and Tibshirani 1993, percentiles); NaN without draws."""
        return _bounds(self.draws)

    def minus(self, other: Estimate) -> tuple[float, float, float]:
        """The difference to another method's on the same pictures, with the bounds of its interval.

        The draws of both must be of the same pictures, as `drawn` gives them: the difference is then far surer than either score.
        """
        return (self.value - other.value, *_bounds(self.draws - other.draws))


def drawn(pictures: int, draws: int, seed: int = 0) -> np.ndarray:
    """(draws, pictures) int64: which pictures, drawn with replacement; the same for every method on as many pictures."""
    return np.random.default_rng(seed).integers(0, pictures, (draws, pictures))


def _bounds(draws: np.ndarray) -> tuple[float, float]:
    if not np.isfinite(draws).any():
        return float("nan"), float("nan")
    low, high = np.nanquantile(draws, [0.025, 0.975])
    return float(low), float(high)
