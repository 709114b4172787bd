"""Which two methods to compare next, given all votes so far: to learn the order, or to find the best method soonest.

Scores have Thurstone's model with a Gaussian prior, and a Gaussian (Laplace) approximation of what the votes leave open.
For the order, the pair comes next whose vote is expected to tell most, as in ASAP (Mikhailiuk et al., ICPR 2020) and
Hybrid-MST (Li et al., NeurIPS 2018); but what is counted is what the vote tells about which of the two is better, not about
their scores: benchmarks/adaptive.py has both. For the best method, the two meet that are most probably its contenders.

Everything works on any number of studies at once (leading dimensions), numpy and scipy only, and gives the same for the same
votes: nothing is drawn here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import entr, log_ndtr, ndtr, owens_t

PRIOR = 1.0  # standard deviation of a score: a few votes all one way are no reason to expect a huge difference
_STEPS = 100  # of Newton; three to ten are taken
_LARGEST_STEP = 1.0  # in units of the noise of a difference
_CLOSE = 1e-9
_DRAWS = 256  # of the scores, to tell which method may be the best
_DIGITS = 9  # to which two gains are told apart, so that rounding decides nothing


@dataclass(frozen=True, eq=False)
class Posterior:
    """mean: (..., M) scores about their mean; covariance: (..., M, M), of a Gaussian near the scores that fit best."""

    mean: np.ndarray
    covariance: np.ndarray

    @property
    def differences(self) -> np.ndarray:
        """(..., M, M), [i, j] the expected score of i less that of j."""
        return self.mean[..., :, None] - self.mean[..., None, :]

    @property
    def variances(self) -> np.ndarray:
        """(..., M, M) variances of the differences; 0 on the diagonal."""
        own = np.diagonal(self.covariance, axis1=-2, axis2=-1)
        return np.maximum(own[..., :, None] + own[..., None, :] - 2 * self.covariance, 0.0)


def posterior(wins: np.ndarray, prior: float = PRIOR, start: np.ndarray | None = None) -> Posterior:
    """What votes say of the scores, by Newton's method: with its prior the scores and errors that `thurstone_scores` finds.

    wins: (..., M, M), [i, j] how often i was preferred to j, a tie half to each (Comparisons.wins). prior: standard
    deviation of a score before any vote, in units of the noise of a difference; that of `thurstone_scores` is so wide
    that, in the Gaussian, a method that only lost might still be the best. start: (..., M) scores to begin at; the
    result does not depend on it beyond rounding. Raises ValueError: `wins` not square, negative or not finite.
    """
    wins = np.asarray(wins, dtype=float)
    if wins.ndim < 2 or wins.shape[-1] != wins.shape[-2]:
        raise ValueError(f"a count matrix is square, not {wins.shape}")
    if not np.isfinite(wins).all() or (wins < 0).any():
        raise ValueError("a count matrix holds finite counts, none negative")
    size = wins.shape[-1]
    scores = np.zeros(wins.shape[:-1]) if start is None else np.array(start, dtype=float)
    ridge = np.eye(size) / prior**2
    for _ in range(_STEPS):
        gradient, curvature = _slopes(wins, scores)
        step = np.linalg.solve(curvature + ridge, (gradient - scores / prior**2)[..., None])[..., 0]
        largest = np.abs(step).max(axis=-1, keepdims=True)
        scores = scores + step * np.minimum(1.0, _LARGEST_STEP / np.maximum(largest, _LARGEST_STEP))
        if largest.max(initial=0.0) < _CLOSE:
            break
    covariance = np.linalg.inv(_slopes(wins, scores)[1] + ridge)
    return Posterior(scores - scores.mean(-1, keepdims=True), covariance)


def _slopes(wins: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(..., M) gradient of the log likelihood and (..., M, M) its negative second derivatives, as thurstone.hessian."""
    differences = scores[..., :, None] - scores[..., None, :]
    ratio = np.exp(-(differences**2) / 2 - log_ndtr(differences)) / np.sqrt(2 * np.pi)
    slope = wins * ratio
    weights = slope * (differences + ratio)
    weights = weights + np.swapaxes(weights, -1, -2)
    diagonal = weights.sum(-1)[..., None] * np.eye(wins.shape[-1])
    return slope.sum(-1) - slope.sum(-2), diagonal - weights


def order_information(found: Posterior) -> np.ndarray:
    """(..., M, M) bits that one vote on i and j is expected to tell about which of the two is better; 0 on the diagonal.

    Mutual information of the vote and the sign of the difference d ~ N(m, v): with a = m / sqrt(1 + v) and b = m / sqrt(v),
    P(vote for i) = Phi(a), P(d > 0) = Phi(b), P(both) = Phi(a) / 2 + Phi(b) / 2 - T(a, 1 / sqrt(v)), with Owen's T
    (Owen, Annals of Mathematical Statistics 1956, for two normal variables of correlation sqrt(v / (1 + v))).
    """
    mean, variance = found.differences, found.variances
    apart = variance > 0
    spread = np.sqrt(np.where(apart, variance, 1.0))
    a, b = mean / np.sqrt(1 + variance), mean / spread
    vote, better = ndtr(a), ndtr(b)
    both = np.clip((vote + better) / 2 - owens_t(a, 1 / spread), 0.0, np.minimum(vote, better))
    cells = (both, vote - both, better - both, np.maximum(1 - vote - better + both, 0.0))
    joint = sum(entr(cell) for cell in cells)
    return np.where(apart, np.maximum(_entropy(vote) + _entropy(better) - joint / np.log(2), 0.0), 0.0)


def chances_of_best(found: Posterior) -> np.ndarray:
    """(..., M) the chance of each method to be the best: the share of scores drawn from the posterior in which it leads.

    The same standard normal numbers every time, so that the same votes give the same.
    """
    normal = np.random.default_rng(0).standard_normal((_DRAWS, found.mean.shape[-1]))
    scores = found.mean[..., None, :] + normal @ np.swapaxes(np.linalg.cholesky(found.covariance), -1, -2)
    return np.asarray((scores.argmax(-1)[..., None] == np.arange(scores.shape[-1])).mean(-2))


def best_information(found: Posterior) -> np.ndarray:
    """(..., M, M) order_information, weighted by the chance that i and j are the ones who contend for the best.

    The weight is the geometric mean of both methods' chances of being the best; top-two sampling (Russo, "Simple Bayesian
    Algorithms for Best-Arm Identification", Operations Research 2020) draws its two candidates by these chances.
    """
    chance = chances_of_best(found) + 1 / _DRAWS  # a method that led in no draw may still lead
    return order_information(found) * np.sqrt(chance[..., :, None] * chance[..., None, :])


# goal -> the worth of one vote on each pair of methods, (..., M, M)
GOALS: dict[str, Callable[[Posterior], np.ndarray]] = {"order": order_information, "best": best_information}


def gains(found: Posterior, goal: str) -> np.ndarray:
    """(..., P) what a vote on each pair of methods is worth for the goal, in the order of itertools.combinations.

    Raises ValueError: an unknown goal.
    """
    if goal not in GOALS:
        raise ValueError(f"no goal is called {goal!r}; known are {', '.join(GOALS)}")
    matrix = GOALS[goal](found)
    return np.asarray(np.round(matrix[(..., *np.triu_indices(matrix.shape[-1], 1))], _DIGITS))


def _entropy(chance: np.ndarray) -> np.ndarray:
    """Bits of an event of this chance."""
    return (entr(chance) + entr(1 - chance)) / np.log(2)
