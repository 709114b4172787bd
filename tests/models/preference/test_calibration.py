"""Probabilities of a judge against votes, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from models.preference import calibration as calibrated
from models.preference.calibration import (
    brier,
    calibration,
    expected_error,
    fit_scale,
    held_out_preference,
    preference,
    wilson,
)


def test_preference_is_the_mean_of_the_members() -> None:
    # logit 3:1 is ln 3 = 1.0986
    assert preference(np.log([[3.0, 3.0], [3.0, 1 / 3]]), 1.0) == pytest.approx([0.75, 0.5])


def test_brier_by_hand() -> None:
    assert brier(np.array([1.0, 0.5, 0.8]), np.array([1.0, 0.0, 0.5])) == pytest.approx((0 + 0.25 + 0.09) / 3)


def test_expected_error_by_hand() -> None:
    # Turned to the side that is preferred: 0.9 of 1, 1, 0, 1 (found 0.75), 0.6 of 0.5 (a tie).
    found = calibration(np.array([0.9, 0.1, 0.9, 0.9, 0.4]), np.array([1.0, 0.0, 0.0, 1.0, 0.5]))
    assert [(one.votes, one.said, one.found) for one in found.bins] == [
        (1, pytest.approx(0.6), 0.5),
        (4, pytest.approx(0.9), 0.75),
    ]
    assert found.ece == pytest.approx((1 * 0.1 + 4 * 0.15) / 5) == expected_error(found.bins)
    assert found.brier == pytest.approx((0.01 + 0.01 + 0.81 + 0.01 + 0.01) / 5)


def test_wilson_interval() -> None:
    # Newcombe 1998, Table I: 81 of 263 give 0.2553 to 0.3662, 0 of 20 give 0 to 0.1611.
    assert wilson(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson(0.0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)


def test_a_scale_is_found_again() -> None:
    random = np.random.default_rng(0)
    differences = random.normal(0, 2.0, (20_000, 1))
    wins = (random.random(20_000) < expit(0.7 * differences[:, 0])).astype(float)
    assert fit_scale(differences, wins) == pytest.approx(0.7, rel=0.05)
    # In other units of the judge it is another number, and the probabilities are the same.
    assert fit_scale(10 * differences, wins) == pytest.approx(fit_scale(differences, wins) / 10, rel=1e-3)


def test_a_judge_that_is_always_right_is_not_infinitely_sure() -> None:
    differences = np.array([[1.0], [-1.0], [2.0]])
    said = preference(differences, fit_scale(differences, np.array([1.0, 0.0, 1.0])))
    assert 0.75 < said[0] < 0.99
    assert fit_scale(np.zeros((3, 2)), np.ones(3)) == 0.0
    with pytest.raises(ValueError, match="no vote"):
        fit_scale(np.zeros((0, 1)), np.zeros(0))


def test_a_photograph_has_no_part_in_its_own_scale() -> None:
    differences = np.array([[1.0], [2.0], [-1.0], [1.5], [1.0]])
    wins, photographs = np.array([1.0, 1.0, 0.0, 0.0, 1.0]), ["a", "a", "b", "b", "c"]
    said = held_out_preference(differences, wins, photographs)
    assert said[4] == pytest.approx(preference(differences[4:], fit_scale(differences[:4], wins[:4]))[0])
    other = held_out_preference(differences, np.array([1.0, 1.0, 0.0, 0.0, 0.0]), photographs)
    assert other[4] == said[4] and other[0] != said[0]
    with pytest.raises(ValueError, match="one at most"):
        held_out_preference(differences, wins, ["a"] * 5)


def test_chance_explains_the_error_of_a_judge_that_is_right() -> None:
    random = np.random.default_rng(1)
    said = random.uniform(0.5, 1, 60)
    right = calibration(said, (random.random(60) < said).astype(float))
    wrong = calibration(said, (random.random(60) < 0.5).astype(float))
    assert 0.02 < right.ece_by_chance < 0.15 and right.ece < 2 * right.ece_by_chance < wrong.ece


def test_of_many_photographs_some_are_held_out_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Photographs a to e in two folds: a, c, e and b, d."""
    monkeypatch.setattr(calibrated, "ALONE", 4)
    monkeypatch.setattr(calibrated, "FOLDS", 2)
    differences, wins = np.array([[1.0], [2.0], [-1.0], [0.5], [3.0]]), np.array([1.0, 1.0, 0.0, 0.0, 1.0])
    said = held_out_preference(differences, wins, ["a", "b", "c", "d", "e"])
    for own in ([0, 2, 4], [1, 3]):
        others = [place for place in range(5) if place not in own]
        scale = fit_scale(differences[others], wins[others])
        assert said[own].tolist() == preference(differences[own], scale).tolist()
