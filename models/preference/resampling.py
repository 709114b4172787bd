"""Intervals by drawing observers and photographs anew (Owen's pigeonhole bootstrap, Annals of Applied Statistics 2007).

Both are drawn with replacement at once, and a vote weighs the product of how often its observer and its photograph were
drawn. Intervals are Student's by the spread of the draws, with the degrees of freedom of the clusters: percentiles of the
draws hold too seldom where there are few observers (measured: 88 % for 6 observers and 24 photographs).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.preference.comparisons import Comparisons
from models.preference.fitting import fit
from models.preference.pairs import gathered
from models.preference.scaling import LEVEL, Scores


@dataclass(frozen=True, eq=False)
class Drawn:
    """low, high: (M,) bounds of the 95 % interval; errors: (M,) spread of the scores; draws: how many counted."""

    low: np.ndarray
    high: np.ndarray
    errors: np.ndarray
    draws: int


def bootstrap(scores: Scores, comparisons: Comparisons, draws: int, seed: int = 0) -> Drawn:
    """Refit `draws` times, each from the scores found. Where there is one observer, photographs alone are drawn, and the other
    way round; votes, where there is one of both. Raises ValueError for fewer than 20 draws.
    """
    if draws < 20:
        raise ValueError(f"an interval needs at least 20 draws, not {draws}")
    random, cells = np.random.default_rng(seed), gathered(comparisons)
    kinds = [
        np.unique(of, return_inverse=True)[1].reshape(-1)
        for of, count in ((comparisons.observer, scores.observers), (comparisons.scene, scores.scenes))
        if count > 1
    ] or [np.arange(len(comparisons))]
    found = np.empty((draws, len(scores.items)))
    for draw in range(draws):
        weights = np.ones(len(comparisons))
        while True:
            weights[:] = 1
            for of in kinds:
                count = int(of.max()) + 1
                weights *= np.bincount(random.integers(0, count, count), minlength=count)[of]
            if weights.any():
                break
        found[draw] = fit(cells.pairs(weights), scores.link, scores.fit.prior, scores.fit.theta).scores
    errors = found.std(0, ddof=1)
    reach = errors * scores.spread.reach(LEVEL) / scores.errors
    return Drawn(scores.scores - reach, scores.scores + reach, errors, draws)
