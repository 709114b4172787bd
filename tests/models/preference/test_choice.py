from __future__ import annotations

import numpy as np
import pytest

from models.preference.choice import STRATEGIES, choose

GAPS = np.array([0.1, -0.9, 0.5, 0.9, 0.0])


def test_the_largest_gaps_whatever_their_sign() -> None:
    assert choose("gap", GAPS, 3, seed=0).tolist() == [1, 3, 2]  # the tie of 0.9 in order of index


def test_random_ones_are_seeded_and_without_repetition() -> None:
    chosen = choose("random", GAPS, 4, seed=3)
    assert len(set(chosen.tolist())) == 4
    assert np.array_equal(chosen, choose("random", GAPS, 4, seed=3))
    assert any(not np.array_equal(chosen, choose("random", GAPS, 4, seed=seed)) for seed in range(10))
    first = np.bincount([choose("random", GAPS, 1, seed)[0] for seed in range(1000)], minlength=5)
    assert np.abs(first - 200).max() < 4 * np.sqrt(1000 * 0.2 * 0.8)


@pytest.mark.parametrize("strategy", sorted(STRATEGIES))
def test_never_more_than_there_are(strategy: str) -> None:
    assert sorted(choose(strategy, GAPS, 99, seed=0).tolist()) == [0, 1, 2, 3, 4]
    assert len(choose(strategy, np.empty(0), 3, seed=0)) == 0


def test_unknown_strategies_and_broken_scores_are_named() -> None:
    with pytest.raises(ValueError, match=r"'gaps'; known are gap, random"):
        choose("gaps", GAPS, 1, seed=0)
    with pytest.raises(ValueError, match="not finite"):
        choose("gap", np.array([0.1, np.nan]), 1, seed=0)
