"""Which items differ: Holm's correction, tests by scores and by direct votes, letters, and the bootstrap beside them."""

from __future__ import annotations

import numpy as np
import pytest
from test_scaling import chain, comparisons, random_votes

from models.preference.resampling import bootstrap
from models.preference.scaling import scale
from models.preference.significance import BY_SCORES, BY_SIGNS, UNTESTED, Difference, differences, holm, letters


def test_holm_by_hand() -> None:
    # Sorted 0.01, 0.02, 0.03, 0.04 times 4, 3, 2, 1, never falling.
    assert holm(np.array([0.04, 0.01, 0.03, 0.02])) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm(np.array([0.04, 1.0, 0.01]), np.array([True, False, True])) == pytest.approx([0.04, 1, 0.02])


def test_scores_that_votes_determine_are_tested_by_their_difference() -> None:
    votes = random_votes()
    scores = scale(votes, "bradley-terry")
    found = differences(scores, votes)
    assert len(found) == 10
    assert {one.by for one in found} == {BY_SCORES}
    last = next(one for one in found if (one.better, one.worse) == (0, 4))
    assert last.differs
    assert last.difference == pytest.approx(scores.scores[0] - scores.scores[4])
    assert all(one.corrected >= one.p for one in found)


def test_equal_items_are_seldom_told_apart() -> None:
    told = 0
    for seed in range(40):
        random = np.random.default_rng(seed)
        wins = random.integers(10, 21, (3, 3)) * (1 - np.eye(3))
        votes = comparisons(wins, observers=6, scenes=10)
        shuffled = votes.where(random.permutation(len(votes)))
        told += any(one.differs for one in differences(scale(shuffled), shuffled))
    assert told <= 8  # of 40, whose counts differ more than chance


def test_an_undefeated_item_is_tested_by_direct_votes() -> None:
    votes = comparisons(chain("01 " * 40 + "12 21 " * 10, 3), observers=8, scenes=5)
    found = {(one.better, one.worse): one for one in differences(scale(votes), votes)}
    # 8 observers and 5 photographs, all of one mind: the photographs decide, 2 / 2^5.
    assert (found[0, 1].by, found[0, 1].p) == (BY_SIGNS, pytest.approx(2 / 2**5))
    assert (found[0, 2].by, found[0, 2].p, found[0, 2].error) == (UNTESTED, 1.0, None)


def test_too_many_items_are_refused() -> None:
    votes = comparisons(chain("01", 2))
    many = scale(votes.__class__(**{**vars(votes), "items": tuple(map(str, range(300)))}))
    with pytest.raises(ValueError, match="at most 200 items"):
        differences(many, votes)


def told(better: int, worse: int, p: float) -> Difference:
    return Difference(better=better, worse=worse, difference=1, error=1, p=p, corrected=p, by=BY_SCORES)


def test_letters_are_shared_by_who_is_not_told_apart() -> None:
    found = (told(0, 1, 0.5), told(0, 2, 0.01), told(1, 2, 0.5))
    assert letters(3, found) == ("a", "ab", "b")
    assert letters(3, (told(0, 1, 0.5), told(0, 2, 0.5), told(1, 2, 0.5))) == ("a", "a", "a")
    assert letters(3, (told(2, 1, 0.01), told(2, 0, 0.01), told(1, 0, 0.01))) == ("c", "b", "a")


def test_the_bootstrap_agrees_with_the_errors() -> None:
    votes = random_votes(votes=600)
    scores = scale(votes, "bradley-terry")
    drawn = bootstrap(scores, votes, 60)
    assert np.mean(drawn.errors / scores.errors) == pytest.approx(1.2, abs=0.35)
    assert ((drawn.low < scores.scores) & (scores.scores < drawn.high)).all()
    again = bootstrap(scores, votes, 60)
    assert (again.low == drawn.low).all()
    with pytest.raises(ValueError, match="at least 20"):
        bootstrap(scores, votes, 5)
