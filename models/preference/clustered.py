"""Errors of scores that hold where votes come from the same observers and are about the same scenes.

Votes of one observer share that person's taste, votes on one photograph what each method makes of it. The errors of
independent votes are then too small. Here they are robust to both kinds of clusters at once (Cameron, Gelbach and
Miller, Journal of Business and Economic Statistics 2011): V = V_observers + V_scenes - V_both, each of them
H^-1 (sum over clusters of s s^T) H^-1 G / (G - 1), with s the gradient of the log likelihood of a cluster's votes, H the
curvature of the fit, and G clusters. Intervals are Student's, with Satterthwaite's degrees of freedom (Biometrics
Bulletin 1946).

For thousands of items no matrix of items by items is made: the variances are those of H^-1 S z over random signs z (Hutchinson,
Communications in Statistics 1990), with what H's diagonal alone gives as control variate, which is known exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.stats import norm, t

from models.preference.comparisons import FIRST, SECOND, TIE, Comparisons
from models.preference.fitting import DENSE, Fit

PROBES = 128  # random signs; and up to so many clusters each is solved for, exactly
_SOLVED = 1e-4  # residual, far below what probes know
_TINY = np.finfo(float).tiny
_NOTHING = 1e-12  # a clustered variance of this share of the independent one says nothing: all answers pull alike


@dataclass(frozen=True, eq=False)
class Errors:
    """errors: (M,) standard errors of scores about their mean; degrees: (M,) of freedom, None for the normal distribution.

    observers, scenes: clusters. covariances: (K, M, M) of each kind of cluster that has two, then (two kinds) of both;
    (1, M, M) of independent votes where there is none; None for more than `DENSE` items. clusters: (K,) how many of each kind.
    floored: (M,) where clusters said nothing, and the error is that of independent votes.
    """

    errors: np.ndarray
    degrees: np.ndarray | None
    observers: int
    scenes: int
    clusters: tuple[int, ...]
    covariances: np.ndarray | None
    floored: np.ndarray

    def reach(self, level: float = 0.95) -> np.ndarray:
        """(M,) half an interval."""
        p = (1 + level) / 2
        return self.errors * (norm.ppf(p) if self.degrees is None else t.ppf(p, self.degrees))

    def contrast(self, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Standard errors of score differences, (P,) places of items each, and degrees of freedom. For `DENSE` items at most."""
        if self.covariances is None:
            raise ValueError(f"differences are told of at most {DENSE} items")
        each = np.array([one[first, first] + one[second, second] - 2 * one[first, second] for one in self.covariances])
        if not self.clusters:
            return np.sqrt(each[0]), None
        variance, degrees = _combined(each, self.clusters)
        return np.sqrt(variance), degrees


def clustered_errors(fit: Fit, comparisons: Comparisons) -> Errors:
    """Of the scores of a fit to `comparisons`; independent where there is one observer and one scene."""
    observer, scene = (
        np.unique(of, return_inverse=True)[1].reshape(-1) for of in (comparisons.observer, comparisons.scene)
    )
    counts = int(observer.max(initial=-1)) + 1, int(scene.max(initial=-1)) + 1
    kinds = [(of, count) for of, count in zip((observer, scene), counts, strict=True) if count > 1]
    clusters = tuple(count for _, count in kinds)
    if len(kinds) > 1:
        both = np.unique(observer.astype(np.int64) * counts[1] + scene, return_inverse=True)[1].reshape(-1)
        kinds.append((both, int(both.max()) + 1))
    slopes = _slopes(fit, comparisons)
    small = fit.pairs.size <= DENSE
    if not kinds:
        independent, covariance = _independent(fit, small)
        none = np.zeros(fit.pairs.size, dtype=bool)
        kept = None if covariance is None else covariance[None]
        return Errors(np.sqrt(independent), None, *counts, (), kept, none)
    gradients = [_cluster_gradients(fit, comparisons, slopes, of, count) for of, count in kinds]
    scale = [count / (count - 1) if count > 1 else 1.0 for _, count in kinds]
    if small:
        covariances = np.array([_sandwich(fit, s) * factor for s, factor in zip(gradients, scale, strict=True)])
        each = covariances.diagonal(axis1=1, axis2=2)
    else:
        covariances = None
        each = np.array([_probed(fit, s) * factor for s, factor in zip(gradients, scale, strict=True)])
    variance, degrees = _combined(each, clusters)
    # H^-1 has at least the inverse of H's diagonal on its own.
    floored = variance < _NOTHING / fit.curvature.diagonal[: fit.pairs.size]
    if floored.any():
        variance = np.where(floored, _independent(fit, small)[0], variance)
    return Errors(np.sqrt(variance), degrees, *counts, clusters, covariances, floored)


def independent_errors(fit: Fit) -> np.ndarray:
    """(M,) standard errors of scores about their mean, were every vote independent."""
    return np.sqrt(_independent(fit, fit.pairs.size <= DENSE)[0])


def _combined(each: np.ndarray, clusters: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Variance and degrees of freedom from (K, P) variances, of each kind of cluster and (two kinds) of both.

    A variance of both that comes out below that of one kind of cluster alone (V_both is noisy in small studies) is the
    larger of the two.
    """
    kinds = each[: len(clusters)].clip(min=0)
    variance = kinds.sum(0)
    if len(clusters) > 1:
        variance = np.maximum(variance - each[2], kinds.max(0))
    free = np.array(clusters)[:, None] - 1
    shares = kinds / np.maximum(kinds.sum(0), _TINY)
    return variance, 1 / np.maximum((shares**2 / free).sum(0), _TINY)


def _slopes(fit: Fit, comparisons: Comparisons) -> tuple[np.ndarray, np.ndarray | None]:
    """(N,) derivative of each vote's log likelihood by the first item's score, and by log nu where that is fitted."""
    d = fit.theta[comparisons.first] - fit.theta[comparisons.second]
    first, second, tie = ((comparisons.choice == value).astype(float) for value in (FIRST, SECOND, TIE))
    terms = fit.link.terms(d, first, second, tie, fit.log_nu)
    return terms.slope, terms.tie_slope if fit.with_nu else None


def _cluster_gradients(
    fit: Fit, comparisons: Comparisons, slopes: tuple[np.ndarray, np.ndarray | None], of: np.ndarray, count: int
) -> csr_array:
    """(M, G) or (M + 1, G): the gradient of the log likelihood of each cluster's votes."""
    slope, tie = slopes
    rows, columns, values = [comparisons.first, comparisons.second], [of, of], [slope, -slope]
    if tie is not None:
        rows, columns, values = [*rows, np.full(len(of), fit.pairs.size)], [*columns, of], [*values, tie]
    entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    return coo_array(entries, shape=(len(fit.theta), count)).tocsr()


def _bread(fit: Fit) -> np.ndarray:
    """(M, M) or (M, M + 1): H^-1 with scores about their mean; only differences of scores are observed."""
    rows = fit.curvature.inverse[: fit.pairs.size]
    return rows - rows.mean(0)


def _sandwich(fit: Fit, gradients: csr_array) -> np.ndarray:
    bread = _bread(fit)
    meat = (gradients @ gradients.T).toarray()
    return np.asarray(bread @ meat @ bread.T)


def _independent(fit: Fit, small: bool) -> tuple[np.ndarray, np.ndarray | None]:
    """(M,) variances, and (small) the covariance, of scores about their mean where every vote is independent: H^-1 itself."""
    size = fit.pairs.size
    if small:
        covariance = _bread(fit)[:, :size]
        covariance = covariance - covariance.mean(1, keepdims=True)
        return np.diag(covariance).copy(), covariance
    # H is a sum of squares, of one column a pair and one an item for the prior; log nu is taken as known.
    pairs, root = fit.pairs, np.sqrt(fit.terms.weight)
    place, item = np.arange(len(root)), np.arange(len(fit.theta))
    prior = np.full(len(item), 1 / fit.prior)
    values = np.concatenate([root, -root, prior])
    rows = np.concatenate([pairs.first, pairs.second, item])
    columns = np.concatenate([place, place, len(place) + item])
    shape = (len(item), len(place) + len(item))
    return _probed(fit, coo_array((values, (rows, columns)), shape=shape).tocsr()), None


def _probed(fit: Fit, gradients: csr_array) -> np.ndarray:
    """(M,) diagonal of H^-1 S S^T H^-1 about the mean, S: (M, G) or (M + 1, G); exact for up to `PROBES` clusters."""
    size, groups = fit.pairs.size, gradients.shape[1]
    if groups <= PROBES:
        found = fit.curvature.solve(gradients.toarray(), _SOLVED)[:size]
        return np.asarray(((found - found.mean(0)) ** 2).sum(1))
    signs = np.random.default_rng(0).integers(0, 2, (groups, PROBES), dtype=np.int8) * 2.0 - 1
    pulled = gradients @ signs
    found = fit.curvature.solve(pulled, _SOLVED)[:size]
    squares = ((found - found.mean(0)) ** 2).mean(1)
    diagonal = fit.curvature.diagonal[:size]
    near = ((pulled[:size] / diagonal[:, None]) ** 2).mean(1)
    known = np.asarray((gradients**2).sum(1))[:size] / diagonal**2
    return np.maximum(squares + known - near, squares / 2)
