"""Intervals hold under clustered votes."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.intervals import NAMES, covered, simulated, true_scores
from models.preference.clustered import independent_errors
from models.preference.scaling import scale


@pytest.mark.parametrize(("photos", "observers"), [(12, 6), (16, 10)])
def test_intervals_cover_under_clustered_votes(photos: int, observers: int) -> None:
    """60 studies of 4 methods: nearly as often as they say, where those of independent votes hold half of the time."""
    random, true = np.random.default_rng([7, photos]), true_scores(0.5, 0.4)
    counted = np.zeros(2)
    for _ in range(60):
        counted += covered(scale(simulated(photos, observers, 0.5, 0.4, random)), true)
    clustered, independent = counted / (60 * len(NAMES))
    assert 0.9 <= clustered <= 0.98
    assert independent < 0.7


def test_independent_votes_have_the_errors_of_independent_votes() -> None:
    random = np.random.default_rng(1)
    ratios = []
    for _ in range(20):
        found = scale(simulated(20, 20, 0.0, 0.0, random))
        ratios.append(found.errors / independent_errors(found.fit))
    assert np.mean(ratios) == pytest.approx(1.1, abs=0.25)


def test_one_photograph_or_one_observer_is_said() -> None:
    votes = simulated(1, 8, 0.5, 0.4, np.random.default_rng(3))
    assert "each of 8 observers share; how another photograph would differ" in scale(votes).errors_of
