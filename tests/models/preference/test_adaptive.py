"""The next two methods to compare: what is left open, and what a vote is expected to tell."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.special import ndtr

from models.preference.adaptive import best_information, chances_of_best, gains, order_information, posterior
from models.preference.comparisons import Comparisons
from models.preference.fitting import PRIOR
from models.preference.scaling import Scores, scale


def counts(methods: int = 5, most: int = 8, seed: int = 0) -> np.ndarray:
    found = np.random.default_rng(seed).integers(0, most, (methods, methods)).astype(float)
    np.fill_diagonal(found, 0)
    return found


def scored(wins: np.ndarray) -> Scores:
    """The scores by the estimator of the results, from one observer and one photograph."""
    cells = np.argwhere(wins)
    first, second = np.repeat(cells, wins[tuple(cells.T)].astype(int), axis=0).T
    nothing = np.zeros(len(first), dtype=int)
    return scale(
        Comparisons(
            items=tuple(map(str, range(len(wins)))), observers=("ann",), scenes=("cat",), first=first, second=second,
            choice=nothing, observer=nothing, scene=nothing,
        )
    )  # fmt: skip


def entropy(chance: np.ndarray) -> np.ndarray:
    return -(chance * np.log2(chance) + (1 - chance) * np.log2(1 - chance))


def test_the_posterior_is_that_of_the_scores() -> None:
    wins = counts()
    found, expected = posterior(wins, PRIOR), scored(wins)
    assert found.mean == pytest.approx(expected.scores, abs=1e-6)
    centred = np.eye(5) - 1 / 5
    errors = np.sqrt(np.diag(centred @ found.covariance @ centred))
    assert errors == pytest.approx(expected.errors, rel=1e-5)


def test_many_studies_at_once_are_each_their_own() -> None:
    wins = np.stack([counts(seed=seed) for seed in range(3)] + [np.zeros((5, 5))])
    together = posterior(wins, start=np.ones((4, 5)))
    for i, each in enumerate(wins):
        assert together.mean[i] == pytest.approx(posterior(each).mean, abs=1e-7)
        assert together.covariance[i] == pytest.approx(posterior(each).covariance, rel=1e-6)


def test_a_method_that_only_wins_has_a_finite_score() -> None:
    wins = np.zeros((3, 3))
    wins[0, 1] = wins[1, 2] = 1e4
    assert posterior(wins, PRIOR).mean == pytest.approx(scored(wins).scores, abs=1e-3)


@pytest.mark.parametrize("wins", [np.zeros((2, 3)), -np.ones((2, 2)), np.full((2, 2), np.nan)])
def test_what_is_no_count_matrix_is_refused(wins: np.ndarray) -> None:
    with pytest.raises(ValueError, match="count matrix"):
        posterior(wins)


def test_information_on_the_order_against_sampling() -> None:
    """The closed form against the definition: a million differences drawn from the posterior of each pair."""
    found = posterior(counts())
    expected = order_information(found)
    normal = np.random.default_rng(1).standard_normal(1_000_000)
    for i, j in ((0, 1), (2, 4)):
        difference = found.differences[i, j] + np.sqrt(found.variances[i, j]) * normal
        vote, better = ndtr(difference), difference > 0
        share = better.mean()
        told = share * entropy(vote[better].mean()) + (1 - share) * entropy(vote[~better].mean())
        assert expected[i, j] == pytest.approx(entropy(vote.mean()) - told, abs=5e-4)
    assert expected == pytest.approx(expected.T) and not expected.diagonal().any()


def test_chances_of_best() -> None:
    wins = np.array([[0.0, 7.0], [4.0, 0.0]])
    found = posterior(wins)
    expected = ndtr(found.differences[0, 1] / np.sqrt(found.variances[0, 1]))
    assert chances_of_best(found) == pytest.approx([expected, 1 - expected], abs=0.05)  # of 256 draws


def test_a_vote_on_what_is_known_tells_less() -> None:
    """a and b are close, c far below: the order needs a against b, and so does the best."""
    wins = np.zeros((3, 3))
    wins[0, 1] = wins[1, 0] = 10
    wins[0, 2] = wins[1, 2] = 20
    wins[2, 0] = wins[2, 1] = 1
    assert best_information(posterior(wins)) == pytest.approx(best_information(posterior(wins)).T)
    for goal in ("order", "best"):
        assert list(np.argsort(gains(posterior(wins), goal)))[-1] == list(combinations(range(3), 2)).index((0, 1))
    wins[:2] += np.array([[0, 30, 0], [0, 0, 0]])  # by now a is known to be better than b, and both than c
    assert gains(posterior(wins), "order").max() < 0.01


def test_the_best_method_needs_no_order_below_it() -> None:
    wins = np.zeros((4, 4))
    wins[0, 1] = wins[1, 0] = wins[2, 3] = wins[3, 2] = 6
    wins[:2, 2:] = 15
    wins[2:, :2] = 1
    found = posterior(wins)
    kinds = list(combinations(range(4), 2))
    top, low = kinds.index((0, 1)), kinds.index((2, 3))
    assert gains(found, "order")[low] == pytest.approx(gains(found, "order")[top], rel=0.01)
    assert gains(found, "best")[low] < 0.1 * gains(found, "best")[top]


def test_before_any_vote_all_pairs_are_alike() -> None:
    assert len(set(gains(posterior(np.zeros((5, 5))), "order"))) == 1
    with pytest.raises(ValueError, match="known are order, best"):
        gains(posterior(np.zeros((3, 3))), "worst")
