"""The most probable scores given counts of pairs, and what solves with the curvature there: dense for some hundred items,
sparse with conjugate gradients for thousands, so that time and memory grow with the pairs and not with the items squared.

The log posterior is concave (log-concave links; Davidson's model is an exponential family in the scores and log nu), and a
Gaussian prior makes its maximum unique and finite: Newton's method with halved steps finds it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.sparse import coo_array, csr_array

from models.preference.links import Link, Terms
from models.preference.pairs import Pairs

PRIOR = 3.0  # standard deviation of the weak prior of a score, and of log nu, in units of the model
DENSE = 300  # items up to which matrices of items by items are held
_AT_ONCE = 16  # columns that are solved for together: more no longer fit a processor's cache
_STEPS = 100
_CLOSE = 1e-9  # of the gradient, beside the most votes of an item


class NotConverged(RuntimeError):
    """No maximum was found; with a prior this is a fault of the arithmetic, never of the votes."""


@dataclass(frozen=True, eq=False)
class Curvature:
    """The negative Hessian H of the log posterior, (M, M), or (M + 1, M + 1) where log nu is the last.

    solve: H^-1 of columns, to a residual of `close` where it is sparse. diagonal: (M,) or (M + 1,).
    """

    matrix: csr_array | np.ndarray

    @cached_property
    def diagonal(self) -> np.ndarray:
        return np.asarray(self.matrix.diagonal())

    @cached_property
    def inverse(self) -> np.ndarray:
        """Dense; for `DENSE` items at most."""
        return self.solve(np.eye(self.matrix.shape[0]))

    @cached_property
    def _factor(self) -> tuple[np.ndarray, bool]:
        return cho_factor(self.matrix)

    def solve(self, columns: np.ndarray, close: float = 1e-10) -> np.ndarray:
        if isinstance(self.matrix, np.ndarray):
            return np.asarray(cho_solve(self._factor, columns))
        if columns.ndim == 1 or columns.shape[1] <= _AT_ONCE:
            return conjugate_gradients(self.matrix, self.diagonal, columns, close)
        parts = np.array_split(columns, -(-columns.shape[1] // _AT_ONCE), axis=1)
        return np.hstack([conjugate_gradients(self.matrix, self.diagonal, part, close) for part in parts])


@dataclass(frozen=True, eq=False)
class Fit:
    """theta: (M,) scores as the prior has them, then log nu where ties are fitted; log_nu: -inf where there are no ties."""

    link: Link
    pairs: Pairs
    prior: float
    theta: np.ndarray
    log_nu: float = field(default=-np.inf)

    @property
    def scores(self) -> np.ndarray:
        """(M,), mean zero."""
        raw = self.theta[: self.pairs.size]
        return raw - raw.mean()

    @property
    def with_nu(self) -> bool:
        return len(self.theta) > self.pairs.size

    @cached_property
    def terms(self) -> Terms:
        return _terms(self.link, self.pairs, self.theta)

    @cached_property
    def curvature(self) -> Curvature:
        return _curvature(self.pairs, self.terms, self.prior, self.with_nu)


def fit(pairs: Pairs, link: Link, prior: float = PRIOR, start: np.ndarray | None = None) -> Fit:
    """Maximise the log likelihood of `pairs` less |scores|^2 / (2 prior^2). start: theta of a fit of the same kind.

    Davidson's nu is fitted only where there are ties. Raises NotConverged.
    """
    with_nu = link.davidson and bool(pairs.tied.any())
    theta = np.zeros(pairs.size + with_nu)
    if start is not None and len(start) == len(theta):
        theta = start.copy()
    close = _CLOSE * max(1.0, float(pairs.votes.max(initial=0)))
    value, terms = _value(link, pairs, theta, prior)
    for _ in range(_STEPS):
        gradient = _gradient(pairs, terms, theta, prior)
        if np.abs(gradient).max(initial=0) <= close:
            return Fit(link, pairs, prior, theta, float(theta[-1]) if with_nu else -np.inf)
        try:
            step = _curvature(pairs, terms, prior, with_nu).solve(gradient)
        except LinAlgError as error:
            raise NotConverged(f"the curvature of the scores cannot be solved with ({error})") from error
        for _ in range(40):
            moved_value, moved_terms = _value(link, pairs, theta + step, prior)
            if moved_value >= value - 1e-12 * abs(value):
                break
            step = step / 2
        theta, value, terms = theta + step, moved_value, moved_terms
    raise NotConverged(f"the scores did not settle in {_STEPS} steps")


def _terms(link: Link, pairs: Pairs, theta: np.ndarray) -> Terms:
    log_nu = float(theta[-1]) if len(theta) > pairs.size else -np.inf
    return link.terms(theta[pairs.first] - theta[pairs.second], pairs.won, pairs.lost, pairs.tied, log_nu)


def _value(link: Link, pairs: Pairs, theta: np.ndarray, prior: float) -> tuple[float, Terms]:
    terms = _terms(link, pairs, theta)
    return float(terms.value.sum() - (theta**2).sum() / (2 * prior**2)), terms


def _gradient(pairs: Pairs, terms: Terms, theta: np.ndarray, prior: float) -> np.ndarray:
    size = pairs.size
    found = -theta / prior**2
    found[:size] += np.bincount(pairs.first, terms.slope, size) - np.bincount(pairs.second, terms.slope, size)
    if len(theta) > size and terms.tie_slope is not None:
        found[size] += terms.tie_slope.sum()
    return found


def _curvature(pairs: Pairs, terms: Terms, prior: float, with_nu: bool) -> Curvature:
    size, weight = pairs.size, terms.weight
    every = np.arange(size + with_nu)
    rows, columns = [pairs.first, pairs.second, every], [pairs.second, pairs.first, every]
    diagonal = np.full(size + with_nu, 1 / prior**2)
    diagonal[:size] += np.bincount(pairs.first, weight, size) + np.bincount(pairs.second, weight, size)
    values = [-weight, -weight, diagonal]
    if with_nu and terms.cross is not None and terms.tie_weight is not None:
        diagonal[size] += terms.tie_weight.sum()
        border = np.bincount(pairs.first, terms.cross, size) - np.bincount(pairs.second, terms.cross, size)
        rows += [every[:size], np.full(size, size)]
        columns += [np.full(size, size), every[:size]]
        values += [border, border]
    shape = (len(every), len(every))
    entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    matrix = coo_array(entries, shape=shape)
    return Curvature(matrix.toarray() if size <= DENSE else matrix.tocsr())


def conjugate_gradients(
    matrix: csr_array, diagonal: np.ndarray, columns: np.ndarray, close: float = 1e-10, most: int = 5000
) -> np.ndarray:
    """matrix^-1 of one column (M,) or several (M, K) at once, preconditioned by its diagonal; matrix: symmetric, positive.

    To a residual of `close` beside each column. Raises NotConverged.
    """
    wide = np.ascontiguousarray(columns.reshape(len(columns), -1))
    found, residual = np.zeros_like(wide), wide.copy()
    inverse = (1 / diagonal)[:, None]
    ahead = inverse * residual
    direction = ahead.copy()
    descent = (residual * ahead).sum(0)
    wanted = close * np.sqrt((wide**2).sum(0))
    for _ in range(most):
        if (np.sqrt((residual**2).sum(0)) <= wanted).all():
            return found.reshape(columns.shape)
        moved = matrix @ direction
        along = (direction * moved).sum(0)
        length = np.divide(descent, along, out=np.zeros_like(descent), where=along > 0)
        found += length * direction
        residual -= length * moved
        ahead = inverse * residual
        before, descent = descent, (residual * ahead).sum(0)
        direction = ahead + np.divide(descent, before, out=np.zeros_like(descent), where=before > 0) * direction
    raise NotConverged(f"conjugate gradients did not settle in {most} steps")
