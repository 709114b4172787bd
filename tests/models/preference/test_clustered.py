"""Intervals hold under clustered votes; scores that come from the prior are told."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from benchmarks.intervals import NAMES, covered, simulated, true_scores
from models.preference.clustered import Comparison, from_prior, method_scores
from models.preference.thurstone import DisconnectedComparisons, thurstone_scores


@pytest.mark.parametrize(("photos", "observers"), [(12, 6), (16, 10)])
def test_intervals_cover_under_clustered_votes(photos: int, observers: int) -> None:
    """60 studies of 4 methods: nearly as often as they say, where those of independent votes hold half of the time."""
    random, true = np.random.default_rng([7, photos]), true_scores(0.5, 0.4)
    counted = np.zeros(2)
    for _ in range(60):
        counted += covered(method_scores(NAMES, simulated(photos, observers, 0.5, 0.4, random)), true)
    clustered, independent = counted / (60 * len(NAMES))
    assert 0.9 <= clustered <= 0.98
    assert independent < 0.7


def test_scores_are_those_of_the_model_and_independent_votes_have_its_errors() -> None:
    random = np.random.default_rng(1)
    ratios = []
    for _ in range(20):
        found = method_scores(NAMES, simulated(20, 20, 0.0, 0.0, random))
        plain = thurstone_scores(found.counts)
        assert (found.scores == plain.scores).all()
        ratios.append(found.errors / plain.errors)
    assert np.mean(ratios) == pytest.approx(1.1, abs=0.25)


def votes_of(*said: tuple[str, str, str, str, str]) -> list[Comparison]:
    names = ("first", "second", "choice", "observer", "photo")
    return [Comparison(**dict(zip(names, row, strict=True))) for row in said]


def test_the_order_of_votes_and_of_sides_does_not_matter() -> None:
    votes = simulated(6, 4, 0.5, 0.4, np.random.default_rng(2))
    other = {"first": "second", "second": "first"}
    turned = [
        Comparison(first=v.second, second=v.first, choice=other[v.choice], observer=v.observer, photo=v.photo)
        for v in reversed(votes)
    ]
    one, two = method_scores(NAMES, votes), method_scores(NAMES, turned)
    assert np.allclose(one.errors, two.errors)
    assert np.allclose(one.low, two.low)


def test_one_photograph_or_one_observer_is_said() -> None:
    votes = simulated(1, 8, 0.5, 0.4, np.random.default_rng(3))
    assert "each of 8 observers share; how another photograph would differ" in method_scores(NAMES, votes).errors_of
    alone = [vote for vote in votes if vote.observer == "0"]
    found = method_scores(NAMES, alone)
    assert "independent" in found.errors_of
    assert np.allclose(found.errors, thurstone_scores(found.counts).errors)


def test_ties_count_and_cannot_tell_does_not() -> None:
    said = [("a", "b", choice, observer, photo) for choice, observer, photo in (
        ("first", "o", "p"), ("tie", "o", "q"), ("second", "n", "p"), ("unsure", "n", "q"))]  # fmt: skip
    found = method_scores(("a", "b"), votes_of(*said))
    assert found.counts.tolist() == [[0, 1.5], [1.5, 0]]
    assert (found.observers, found.photos) == (2, 2)
    with pytest.raises(ValueError, match="no votes"):
        method_scores(("a", "b"), votes_of(said[3]))
    with pytest.raises(ValueError, match="not compared: b"):
        method_scores(("a", "c"), votes_of(said[0]))


def counts_of(size: int, wins: str) -> np.ndarray:
    """'01' is a win of method 0 over method 1."""
    counts = np.zeros((size, size))
    for pair in wins.split():
        counts[int(pair[0]), int(pair[1])] += 1
    return counts


def test_fords_condition() -> None:
    assert from_prior(counts_of(3, "01 12 20")) == (None, None, None)
    assert from_prior(counts_of(4, "01 12 20 30 31")) == (None, None, None, "undefeated")
    assert from_prior(counts_of(4, "01 12 20 03")) == (None, None, None, "never preferred")
    assert from_prior(counts_of(4, "01 12 20")) == (None, None, None, "never compared")
    # A chain: nobody beats anybody back, the middle one neither.
    chain = from_prior(counts_of(3, "01 12"))
    assert chain == ("undefeated", "compared with the others only one way round", "never preferred")


def test_groups_that_never_met_are_marked() -> None:
    assert from_prior(counts_of(4, "01 10 23 32")) == ("compared only within its group",) * 4
    assert from_prior(counts_of(5, "01 10 23 34 42"))[:2] == ("compared only within its group",) * 2
    votes = votes_of(*(
        (*pair, choice, observer, "p")
        for pair, choice, observer in itertools.product((("a", "b"), ("c", "d")), ("first", "second"), "no")
    ))  # fmt: skip
    with pytest.warns(DisconnectedComparisons):
        assert method_scores(("a", "b", "c", "d"), votes).groups == 2
