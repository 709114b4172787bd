"""Scores of methods with intervals that hold where votes come from the same observers and are about the same photographs.

Votes of one observer share that person's taste, votes on one photograph what each method makes of it. The errors of
independent votes are then too small. Here they are robust to both kinds of clusters at once (Cameron, Gelbach and
Miller, Journal of Business and Economic Statistics 2011): V = V_observers + V_photographs - V_both, each of them
H^-1 (sum over clusters of s s^T) H^-1 G / (G - 1), with s the gradient of the log likelihood of a cluster's votes, H its
Hessian, and G clusters. The intervals are Student's, with Satterthwaite's degrees of freedom (Biometrics Bulletin 1946).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from scipy.special import log_ndtr
from scipy.stats import norm, t

from models.preference.thurstone import PRIOR, hessian, thurstone_scores
from models.preference.votes import count_matrix

SHARES = {"first": (1.0, 0.0), "second": (0.0, 1.0), "tie": (0.5, 0.5)}


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One answer: `choice` is first, second, tie or unsure, of the methods `first` and `second`."""

    first: str
    second: str
    choice: str
    observer: str
    photo: str


@dataclass(frozen=True)
class MethodScores:
    """counts: (M, M) as `count_matrix`. scores: (M,), mean zero, higher is better; errors: (M,) standard errors; low,
    high: (M,) bounds of the 95 % intervals; from_prior: (M,) why a score comes from the prior, None where from votes.

    groups: how many sets of methods were never compared with each other. observers, photos: clusters that the errors
    allow for. `errors_of` says it in a sentence.
    """

    methods: tuple[str, ...]
    counts: np.ndarray
    scores: np.ndarray
    errors: np.ndarray
    low: np.ndarray
    high: np.ndarray
    from_prior: tuple[str | None, ...]
    groups: int
    observers: int
    photos: int

    @property
    def errors_of(self) -> str:
        """What the errors allow for, and what they cannot."""
        several = [
            f"{count} {name}"
            for count, name in ((self.observers, "observers"), (self.photos, "photographs"))
            if count > 1
        ]
        alone = [name for count, name in ((self.observers, "observer"), (self.photos, "photograph")) if count < 2]
        if not several:
            return "errors take every vote as independent: there is one observer and one photograph"
        said = f"errors and 95 % intervals allow for what the votes of each of {' and of each of '.join(several)} share"
        return f"{said}; how another {alone[0]} would differ cannot be told from one" if alone else said


def method_scores(methods: Sequence[str], votes: Sequence[Comparison]) -> MethodScores:
    """Thurstone's scores (thurstone_scores) of `methods` from votes, with clustered errors; "can't tell" is no vote.

    Raises ValueError for votes on a method that is not among `methods`, or where no vote counts.
    Warns as `thurstone_scores`.
    """
    index = {method: place for place, method in enumerate(methods)}
    if unknown := {name for vote in votes for name in (vote.first, vote.second)} - set(index):
        raise ValueError(f"there are votes on methods that are not compared: {', '.join(sorted(unknown))}")
    counts = count_matrix(methods, ((vote.first, vote.second, vote.choice) for vote in votes))
    told = [vote for vote in votes if vote.choice in SHARES]
    if not told:
        raise ValueError("there are no votes to score methods by")
    fitted = thurstone_scores(counts)
    first = np.array([index[vote.first] for vote in told])
    second = np.array([index[vote.second] for vote in told])
    gradients = _gradients(fitted.scores, first, second, np.array([SHARES[vote.choice] for vote in told]))
    observer = np.unique([vote.observer for vote in told], return_inverse=True)[1]
    photo = np.unique([vote.photo for vote in told], return_inverse=True)[1]
    errors, degrees = clustered_errors(fitted.scores, counts, gradients, observer, photo)
    if degrees is None:
        errors = fitted.errors
    reach = errors * (norm.ppf(0.975) if degrees is None else t.ppf(0.975, degrees))
    groups, _ = connected_components(counts + counts.T > 0, directed=False)
    return MethodScores(
        tuple(methods), counts, fitted.scores, errors, fitted.scores - reach, fitted.scores + reach,
        from_prior(counts), int(groups), int(observer.max()) + 1, int(photo.max()) + 1,
    )  # fmt: skip


def _gradients(scores: np.ndarray, first: np.ndarray, second: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """(N, M): the gradient of each vote's log likelihood."""
    difference = scores[first] - scores[second]
    slope = shares[:, 0] * _ratio(difference) - shares[:, 1] * _ratio(-difference)
    found = np.zeros((len(first), len(scores)))
    rows = np.arange(len(first))
    found[rows, first] = slope
    found[rows, second] = -slope
    return found


def _ratio(difference: np.ndarray) -> np.ndarray:
    return np.exp(norm.logpdf(difference) - log_ndtr(difference))


def clustered_errors(
    scores: np.ndarray, counts: np.ndarray, gradients: np.ndarray, observer: np.ndarray, photo: np.ndarray
) -> tuple[np.ndarray, np.ndarray | None]:
    """(M,) standard errors of scores about their mean, and their degrees of freedom; None where nothing has two clusters.

    gradients: (N, M) of each vote; observer, photo: (N,) cluster of each, from 0. A variance of both that comes out
    below that of one kind of cluster alone (V_both is noisy in small studies) is the larger of the two.
    """
    size = len(scores)
    centred = np.eye(size) - 1 / size
    bread = centred @ np.linalg.inv(hessian(counts, scores, PRIOR))
    kinds = [kind for kind in (observer, photo) if kind.max() > 0]
    if not kinds:
        return np.zeros(size), None
    each = np.array([_variance(bread, gradients, kind) for kind in kinds])
    variance = each.sum(0)
    if len(kinds) > 1:
        both = np.unique(observer * (int(photo.max()) + 1) + photo, return_inverse=True)[1]
        variance = np.maximum(variance - _variance(bread, gradients, both), each.max(0))
    free = np.array([[int(kind.max())] for kind in kinds])
    shares = each / np.maximum(each.sum(0), np.finfo(float).tiny)
    return np.sqrt(variance), 1 / np.maximum((shares**2 / free).sum(0), np.finfo(float).tiny)


def _variance(bread: np.ndarray, gradients: np.ndarray, cluster: np.ndarray) -> np.ndarray:
    """(M,) diagonal of the sandwich of one kind of clusters."""
    groups = int(cluster.max()) + 1
    member = csr_matrix((np.ones(len(cluster)), (cluster, np.arange(len(cluster)))), shape=(groups, len(cluster)))
    influence = (member @ gradients) @ bread.T
    return np.asarray((influence**2).sum(0) * groups / (groups - 1))


def from_prior(counts: np.ndarray) -> tuple[str | None, ...]:
    """(M,) why a method's score comes from the prior, None where votes determine it.

    counts: (M, M), [i, j] wins of i over j. Scores are determined within a set of methods of which each beats each other
    one, if only through others (Ford, American Mathematical Monthly 1957: the graph of wins is strongly connected).
    The largest such set is the one the others are marked against; where no set is the largest, all are marked.
    """
    counts = np.asarray(counts)
    wins, losses = counts.sum(1), counts.sum(0)
    strong, of = connected_components(counts > 0, directed=True, connection="strong")
    if strong == 1:
        return (None,) * len(counts)
    weak, part = connected_components(counts + counts.T > 0, directed=False)
    sizes = np.bincount(of)
    largest = np.flatnonzero(sizes == sizes.max())
    kept = int(largest[0]) if len(largest) == 1 and sizes.max() > 1 else None

    def reason(i: int) -> str | None:
        if of[i] == kept:
            return None
        if wins[i] + losses[i] == 0:
            return "never compared"
        if losses[i] == 0:
            return "undefeated"
        if wins[i] == 0:
            return "never preferred"
        alone = part == part[i]
        if weak > 1 and len(set(of[alone])) == 1:
            return "compared only within its group"
        return "compared with the others only one way round"

    return tuple(reason(i) for i in range(len(counts)))
