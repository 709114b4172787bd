"""Simulated studies: what they take, how they are asked, and what they find."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr

from models.preference.panels import JOD, Panel, adaptive_votes, cast, quality_of
from models.preference.planning import Plan, power


def test_one_jod_is_preferred_by_three_of_four() -> None:
    """Over photographs and observers: the spreads are made up for."""
    random = np.random.default_rng(0)
    panel = Panel.drawn(quality_of(np.array([1.0])), 400, 20, 20, random, lapse=0.0)
    shape = (400, 100)
    votes = cast(
        panel, np.zeros(shape, dtype=int), *(random.integers(0, 20, shape) for _ in range(2)), random
    )  # fmt: skip
    better = np.where(panel.quality[:, :1] > panel.quality[:, 1:], votes.won, ~votes.won)
    assert better.mean() == pytest.approx(0.75, abs=0.015)
    assert ndtr(JOD) == pytest.approx(0.75)


def test_nobody_answers_the_same_question_twice() -> None:
    random = np.random.default_rng(0)
    panel = Panel.drawn(quality_of(np.full(2, 0.5)), 3, 4, 5, random)
    votes = adaptive_votes(panel, 60, "order", random)  # all there are: 3 pairs, 4 photographs, 5 observers
    for study in range(3):
        asked = np.stack([votes.first[study], votes.second[study], votes.photo[study], votes.observer[study]], axis=1)
        assert len(np.unique(asked, axis=0)) == 60
    assert (votes.wins(3).sum((1, 2)) == 60).all()
    found = votes.comparisons(0, 3, 4, 5)
    assert (found.wins() == votes.wins(3)[0]).all()


def test_centred_parts_leave_the_order_to_the_quality() -> None:
    panel = Panel.drawn(quality_of(np.full(3, 0.2)), 5, 6, 7, np.random.default_rng(0), centred=True)
    assert panel.of_photo.mean(1) == pytest.approx(np.zeros((5, 4)))
    assert panel.of_observer.mean(1) == pytest.approx(np.zeros((5, 4)))


def test_votes_of_a_plan() -> None:
    plan = Plan(methods=9, photos=40, observers=15, difference=0.5)
    assert (plan.possible, plan.votes_each, plan.votes) == (36, 1440, 21600)
    few = Plan(methods=9, photos=40, observers=15, difference=0.5, pairs="balanced", per_photo=6)
    assert (few.votes_each, few.votes) == (240, 3600)


def test_power_grows_and_is_the_same_again() -> None:
    few = power(Plan(methods=4, photos=6, observers=4, difference=0.4), studies=20)
    assert few == power(Plan(methods=4, photos=6, observers=4, difference=0.4), studies=20)
    more = power(Plan(methods=4, photos=20, observers=16, difference=0.8), studies=20)
    assert few.neighbours < more.neighbours > 0.8
    assert few.order < more.order > 0.8
    assert few.reach > more.reach > 0


def test_without_a_difference_hardly_anything_is_told_apart() -> None:
    """5 % for the whole family; with so small a difference half of them the right way round."""
    found = power(Plan(methods=4, photos=12, observers=10, difference=1e-6), studies=30)
    assert found.neighbours < 0.05


@pytest.mark.parametrize("pairs", ["balanced", "adaptive"])
def test_all_ways_of_pairing(pairs: str) -> None:
    found = power(Plan(methods=4, photos=8, observers=6, difference=1.5, pairs=pairs, per_photo=3), studies=10)
    assert found.best > 0.7 and found.reach > 0


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"methods": 1}, "two methods"), ({"difference": 0.0}, "0 JOD"), ({"pairs": "some"}, "balanced"),
        ({"per_photo": 2}, "take no number"), ({"pairs": "balanced"}, "need a number"),
        ({"pairs": "adaptive", "per_photo": 7}, "1 to 6"), ({"lapse": 1.0}, "lapse"),
    ],
)  # fmt: skip
def test_what_is_no_study_is_refused(wrong: dict[str, object], said: str) -> None:
    values: dict[str, object] = {"methods": 4, "photos": 5, "observers": 3, "difference": 0.5, **wrong}
    with pytest.raises(ValueError, match=said):
        Plan(**values)  # type: ignore[arg-type]
