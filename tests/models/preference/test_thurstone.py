from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy.stats import norm

from models.preference import thurstone
from models.preference.thurstone import DisconnectedComparisons, thurstone_scores

TRUE = np.array([1.2, 0.4, 0.0, -0.5, -1.1])


def votes(scores: np.ndarray, each: int, random: np.random.Generator) -> np.ndarray:
    counts = np.zeros((len(scores), len(scores)))
    for i in range(len(scores)):
        for j in range(i):
            wins = random.binomial(each, norm.cdf(scores[i] - scores[j]))
            counts[i, j], counts[j, i] = wins, each - wins
    return counts


def test_known_scores_are_recovered() -> None:
    true = TRUE - TRUE.mean()
    found = thurstone_scores(votes(TRUE, 4000, np.random.default_rng(0)))
    assert found.connected
    assert found.scores.mean() == pytest.approx(0, abs=1e-12)
    assert np.abs(found.scores - true).max() < 0.06


def test_two_methods_by_hand() -> None:
    # 75 of 100: Phi^-1(0.75) = 0.6745 apart, but for the weak prior
    found = thurstone_scores(np.array([[0.0, 75.0], [25.0, 0.0]]))
    assert found.scores[0] - found.scores[1] == pytest.approx(0.6745, abs=2e-3)


def test_errors_are_the_spread_over_repetitions() -> None:
    random = np.random.default_rng(1)
    found = [thurstone_scores(votes(TRUE, 60, random)) for _ in range(150)]
    spread = np.std([entry.scores for entry in found], axis=0)
    said = np.mean([entry.errors for entry in found], axis=0)
    # 150 repetitions know a spread to 1 / sqrt(300), 6 %.
    assert said == pytest.approx(spread, rel=0.25)


def test_an_undefeated_method_stays_finite_and_first() -> None:
    counts = votes(TRUE, 50, np.random.default_rng(0))
    counts[0, :] = 50
    counts[:, 0] = counts[0, 0] = 0
    found = thurstone_scores(counts)
    assert np.isfinite(found.scores).all()
    assert np.isfinite(found.errors).all()
    assert found.scores.argmax() == 0
    assert found.scores[0] < 10


def test_comparisons_that_fall_apart_are_said() -> None:
    counts = np.zeros((4, 4))
    counts[0, 1], counts[1, 0], counts[2, 3], counts[3, 2] = 8, 2, 6, 4
    with pytest.warns(DisconnectedComparisons, match="2 groups"):
        found = thurstone_scores(counts)
    assert not found.connected
    assert np.isfinite(found.scores).all()
    assert found.scores[0] > found.scores[1]
    assert found.scores[2] > found.scores[3]


def test_connected_ones_do_not_warn() -> None:
    counts = np.zeros((3, 3))
    counts[0, 1] = counts[1, 2] = 1  # a chain, each with one win
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert thurstone_scores(counts).connected


def test_the_order_of_methods_does_not_matter() -> None:
    counts = votes(TRUE, 30, np.random.default_rng(2))
    order = np.array([3, 0, 4, 1, 2])
    assert np.allclose(
        thurstone_scores(counts).scores[order], thurstone_scores(counts[np.ix_(order, order)]).scores, atol=1e-6
    )


def captured_objective(counts: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> object:
    """The function that the fit minimises: (scores) -> (value, gradient)."""
    kept = []
    minimise = thurstone.minimize

    def keeping(function: object, *rest: object, **options: object) -> object:
        kept.append(function)
        return minimise(function, *rest, **options)

    monkeypatch.setattr(thurstone, "minimize", keeping)
    thurstone_scores(counts)
    return kept[0]


def test_the_gradient_is_that_of_the_objective(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = votes(TRUE, 20, np.random.default_rng(3))
    function = captured_objective(counts, monkeypatch)
    place = np.random.default_rng(4).normal(size=5)
    _, gradient = function(place)  # type: ignore[operator]
    step = 1e-5
    for index in range(5):
        up, down = place.copy(), place.copy()
        up[index] += step
        down[index] -= step
        difference = (function(up)[0] - function(down)[0]) / (2 * step)  # type: ignore[operator]
        assert gradient[index] == pytest.approx(difference, rel=1e-6)


def test_the_curvature_is_that_of_the_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = votes(TRUE, 20, np.random.default_rng(3))
    function = captured_objective(counts, monkeypatch)
    place = np.random.default_rng(4).normal(size=5)
    hessian, step = thurstone.hessian(counts, place, prior=3.0), 1e-5
    for index in range(5):
        up, down = place.copy(), place.copy()
        up[index] += step
        down[index] -= step
        row = (function(up)[1] - function(down)[1]) / (2 * step)  # type: ignore[operator]
        assert np.allclose(hessian[index], row, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    "counts", [np.zeros((2, 3)), np.array([[0, -1.0], [1, 0]]), np.array([[0, np.nan], [1, 0]])], ids=str
)
def test_what_is_no_count_matrix_is_refused(counts: np.ndarray) -> None:
    with pytest.raises(ValueError, match="a count matrix"):
        thurstone_scores(counts)
