"""How far a judge's preference can be believed: its differences as probabilities, and how these agree with votes it never saw.

log-odds   a scale times the difference of two costs (Platt 1999; Guo et al. 2017, temperature); of an ensemble the mean of the
           members' probabilities counts, so that where they differ it is less sure
Brier      mean squared error of the probabilities (1950): 0.25 is guessing
ECE        mean distance of what is said from what is found, over bins of what is said (Naeini et al. 2015)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit

BINS = 5
"""Of what is said of the picture that the judge prefers, from 0.5 to 1."""
CHANCE_DRAWS = 200
ALONE, FOLDS = 500, 10


@dataclass(frozen=True)
class Bin:
    """Votes on pairs of which the judge says `said`, in [0.5, 1], that its choice is preferred, and the share that agrees.

    low, high: its 95 % interval (Wilson 1927), which takes votes for independent.
    """

    said: float
    found: float
    low: float
    high: float
    votes: int


@dataclass(frozen=True)
class Calibration:
    """brier and ece of N votes. ece_by_chance: what a judge with these probabilities that is right about them would show on
    average with so many votes; only an ece well above it says that probabilities are off.
    """

    brier: float
    ece: float
    ece_by_chance: float
    bins: tuple[Bin, ...]


def preference(differences: np.ndarray, scale: float) -> np.ndarray:
    """Probability (N,) that the second picture is preferred. differences: (N, K), cost of the first less that of the second."""
    found: np.ndarray = expit(scale * differences).mean(1)
    return found


def fit_scale(differences: np.ndarray, wins: np.ndarray) -> float:
    """The scale under which the votes are likeliest. wins: (N,) 1 where the second was preferred, 0.5 for a tie.

    A half vote each way on a usual difference is added, which keeps a scale finite where the judge is always right. 0 where the
    judge tells nothing apart. Raises `ValueError`: no votes.
    """
    if not len(wins):
        raise ValueError("there is no vote to fit a scale to")
    usual = float(np.sqrt(np.square(differences.mean(1)).mean()))
    if not usual > 0:
        return 0.0
    known = np.concatenate([differences, np.full((1, differences.shape[1]), usual)]) / usual
    won = np.append(wins, 0.5)

    def lost(log_scale: float) -> float:
        p = preference(known, np.exp(log_scale)).clip(1e-12, 1 - 1e-12)
        return -float((won * np.log(p) + (1 - won) * np.log(1 - p)).sum())

    return float(np.exp(minimize_scalar(lost, bounds=(-7.0, 5.0), method="bounded").x)) / usual


def held_out_preference(differences: np.ndarray, wins: np.ndarray, photographs: Sequence[str]) -> np.ndarray:
    """As `preference`, each photograph's votes by the scale that those of all others say. Raises `ValueError`: one photograph.

    Of more than `ALONE` photographs those of a `FOLDS`th are held out together: a scale of so many votes hardly knows them, and
    to fit one a photograph takes the square of their number.
    """
    groups = np.unique(np.asarray(photographs), return_inverse=True)[1].reshape(-1)
    if len(groups) and groups.max() >= ALONE:
        groups = groups % FOLDS
    if len(groups) == 0 or groups.max() == 0:
        raise ValueError("a scale is fitted to the votes of some photographs and tried on others; there is one at most")
    found = np.empty(len(wins))
    for group in range(int(groups.max()) + 1):
        own = groups == group
        found[own] = preference(differences[own], fit_scale(differences[~own], wins[~own]))
    return found


def calibration(probabilities: np.ndarray, wins: np.ndarray, seed: int = 0) -> Calibration:
    """How probabilities (N,) agree with votes (N,): 1 for the second picture, 0.5 for a tie. Raises `ValueError`: no votes."""
    if not len(wins):
        raise ValueError("there is no vote to compare with")
    random = np.random.default_rng(seed)
    drawn = ((random.random(len(wins)) < probabilities).astype(float) for _ in range(CHANCE_DRAWS))
    chance = float(np.mean([expected_error(_bins(probabilities, one)) for one in drawn]))
    bins = _bins(probabilities, wins)
    return Calibration(brier(probabilities, wins), expected_error(bins), chance, bins)


def brier(probabilities: np.ndarray, wins: np.ndarray) -> float:
    return float(np.square(probabilities - wins).mean())


def expected_error(bins: Sequence[Bin]) -> float:
    """The expected calibration error: of bins that hold a vote at least."""
    total = sum(one.votes for one in bins)
    return float(sum(one.votes * abs(one.said - one.found) for one in bins) / total)


def _bins(probabilities: np.ndarray, wins: np.ndarray) -> tuple[Bin, ...]:
    turned = probabilities < 0.5
    said, agreed = np.where(turned, 1 - probabilities, probabilities), np.where(turned, 1 - wins, wins)
    place = np.minimum(((said - 0.5) * 2 * BINS).astype(int), BINS - 1)
    found = []
    for number in range(BINS):
        inside = place == number
        count = int(inside.sum())
        if count:
            share = float(agreed[inside].mean())
            low, high = wilson(share, count)
            found.append(Bin(float(said[inside].mean()), share, low, high, count))
    return tuple(found)


def wilson(share: float, votes: int) -> tuple[float, float]:
    """The 95 % interval of a share of so many votes (Wilson 1927)."""
    z = 1.959964
    middle = (share + z * z / (2 * votes)) / (1 + z * z / votes)
    half = z * np.sqrt(share * (1 - share) / votes + z * z / (4 * votes * votes)) / (1 + z * z / votes)
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))
