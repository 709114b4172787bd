"""Global scores from a count matrix by Thurstone's model (HiLLIE, Sec. 4.4 and Fig. 4)."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.sparse.csgraph import connected_components
from scipy.special import log_ndtr
from scipy.stats import norm

PRIOR = 3.0  # standard deviation of the weak prior of a score


class DisconnectedComparisons(UserWarning):
    """Some methods were never compared, not even through others: scores between such groups say nothing."""


@dataclass(frozen=True)
class GlobalScores:
    """scores: (M,), mean zero, higher is better. errors: (M,) standard errors. connected: whether all can be compared."""

    scores: np.ndarray
    errors: np.ndarray
    connected: bool


def thurstone_scores(counts: np.ndarray, prior: float = PRIOR) -> GlobalScores:
    """Maximise sum_ij C_ij log Phi(g_i - g_j) - |g|^2 / (2 prior^2) (Thurstone Case V, unit variance of differences).

    counts: (M, M), C[i, j] wins of i over j, not negative. prior: standard deviation of a weak Gaussian prior that keeps the
    score of an undefeated method finite. Warns `DisconnectedComparisons` where the comparison graph falls apart.
    """
    counts = np.asarray(counts, dtype=float)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1]:
        raise ValueError(f"a count matrix is square, not {counts.shape}")
    if not np.isfinite(counts).all() or (counts < 0).any():
        raise ValueError("a count matrix holds finite counts, none negative")
    size = len(counts)
    groups, _ = connected_components(counts + counts.T > 0, directed=False)
    if groups > 1:
        warnings.warn(
            f"the comparisons fall into {groups} groups that were never compared with each other; "
            "scores between groups only reflect the prior",
            DisconnectedComparisons,
            stacklevel=2,
        )

    def negative_log_posterior(scores: np.ndarray) -> tuple[float, np.ndarray]:
        differences = scores[:, None] - scores[None, :]
        value = -(counts * log_ndtr(differences)).sum() + (scores**2).sum() / (2 * prior**2)
        slope = counts * np.exp(norm.logpdf(differences) - log_ndtr(differences))
        gradient = -(slope.sum(1) - slope.sum(0)) + scores / prior**2
        return value, gradient

    found = minimize(negative_log_posterior, np.zeros(size), jac=True, method="BFGS", options={"gtol": 1e-8})
    scores = found.x - found.x.mean()
    # Only differences of scores are observed: errors are those of scores about their mean.
    centred = np.eye(size) - 1 / size
    covariance = centred @ np.linalg.inv(hessian(counts, scores, prior)) @ centred
    return GlobalScores(scores, np.sqrt(np.diag(covariance)), groups == 1)


def hessian(counts: np.ndarray, scores: np.ndarray, prior: float) -> np.ndarray:
    """Second derivatives of the negative log posterior: with h = pdf / cdf, -(log Phi)''(d) = h (d + h)."""
    differences = scores[:, None] - scores[None, :]
    ratio = np.exp(norm.logpdf(differences) - log_ndtr(differences))
    weights = counts * ratio * (differences + ratio)
    weights = weights + weights.T
    return np.diag(weights.sum(1)) - weights + np.eye(len(counts)) / prior**2
