"""What the distance of two scores says of the next answer: Bradley-Terry's and Thurstone's models, and what a tie is.

d is the first item's score less the second's. Bradley-Terry (Biometrika 1952): the first is preferred with
1 / (1 + exp(-d)). Thurstone, Case V (Psychological Review 1927): with Phi(d), in units of the noise of a difference.
A tie is half a vote for each side, or an answer of its own by Davidson (JASA 1970, Eq. 2.4): for Bradley-Terry,
P(first) : P(second) : P(tie) = exp(d / 2) : exp(-d / 2) : nu.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, log_expit, log_ndtr, ndtri

MODELS = ("bradley-terry", "thurstone")
TIES = ("davidson", "half")


@dataclass(frozen=True, eq=False)
class Terms:
    """Of K log likelihoods, arrays (K,): value, derivatives by d (slope) and its negative second one (weight).

    tie_slope, cross, tie_weight: the same by log nu, by both, by log nu twice; None where ties are half votes.
    """

    value: np.ndarray
    slope: np.ndarray
    weight: np.ndarray
    tie_slope: np.ndarray | None = None
    cross: np.ndarray | None = None
    tie_weight: np.ndarray | None = None


@dataclass(frozen=True)
class Link:
    """terms(d, won, lost, tied, log_nu): the log likelihood of counts at distances d, all (K,); log_nu where `davidson`.

    jod: by how much scores differ where three of four people who decide prefer the one (just-objectionable difference).
    unit: of the scores.
    """

    model: str
    ties: str
    unit: str
    jod: float
    terms: Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray, float], Terms]

    @property
    def davidson(self) -> bool:
        return self.ties == "davidson"


def link(model: str, ties: str | None = None) -> Link:
    """ties: davidson or half; by default Davidson's for Bradley-Terry and half votes for Thurstone.

    Raises ValueError: no such model, or Davidson's ties for Thurstone's model.
    """
    if model not in MODELS:
        raise ValueError(f"a model of scores is one of {', '.join(MODELS)}, not {model!r}")
    ties = ties or ("davidson" if model == "bradley-terry" else "half")
    if ties not in TIES:
        raise ValueError(f"ties are one of {', '.join(TIES)}, not {ties!r}")
    if model == "thurstone":
        if ties == "davidson":
            raise ValueError(
                "Davidson's ties belong to bradley-terry; with thurstone a tie is half a vote for each side"
            )
        return Link(model, ties, "standard deviations of the noise of a difference", float(ndtri(0.75)), _probit)
    return Link(
        model, ties, "natural logarithm of the odds", float(np.log(3)), _davidson if ties == "davidson" else _logit
    )


def _probit(d: np.ndarray, won: np.ndarray, lost: np.ndarray, tied: np.ndarray, _: float) -> Terms:
    up, down = won + tied / 2, lost + tied / 2
    log_up, log_down, density = log_ndtr(d), log_ndtr(-d), -(d**2) / 2 - np.log(2 * np.pi) / 2
    rise, fall = np.exp(density - log_up), np.exp(density - log_down)
    # With h = pdf / cdf, -(log Phi)''(d) = h (d + h).
    return Terms(
        up * log_up + down * log_down, up * rise - down * fall, up * rise * (d + rise) + down * fall * (fall - d)
    )


def _logit(d: np.ndarray, won: np.ndarray, lost: np.ndarray, tied: np.ndarray, _: float) -> Terms:
    up, down = won + tied / 2, lost + tied / 2
    p = expit(d)
    return Terms(up * log_expit(d) + down * log_expit(-d), up * (1 - p) - down * p, (up + down) * p * (1 - p))


def _davidson(d: np.ndarray, won: np.ndarray, lost: np.ndarray, tied: np.ndarray, log_nu: float) -> Terms:
    total = won + lost + tied
    largest = np.logaddexp(np.logaddexp(d / 2, -d / 2), log_nu)
    first, second, tie = np.exp(d / 2 - largest), np.exp(-d / 2 - largest), np.exp(log_nu - largest)
    lead = first - second
    return Terms(
        (won - lost) * d / 2 + (tied * log_nu if np.isfinite(log_nu) else 0) - total * largest,
        (won - lost - total * lead) / 2,
        total * (first + second - lead**2) / 4,
        tied - total * tie,
        -total * tie * lead / 2,
        total * tie * (1 - tie),
    )
