"""Which pairs to label: strategies by name. A new one is a function and a line in `STRATEGIES`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.special import entr, expit

SURE = 0.75
"""How sure the mean of a judge's members is of the pair in the middle of all: what makes its differences probabilities."""


class OneOpinion(ValueError):
    """A judge of a single opinion, where it should know its doubt."""


@dataclass(frozen=True)
class Candidates:
    """N pairs that may be asked about, as a judge sees them.

    first, second: (N, K) costs of both pictures by each of K members, lower is better; a judge without members has K = 1.
    photographs: of each pair, or empty: pairs of one photograph tell much the same. Raises `ValueError`: a cost that is not
    finite, arrays that do not fit.
    """

    first: np.ndarray
    second: np.ndarray
    photographs: Sequence[str] = field(default=())

    def __post_init__(self) -> None:
        if self.first.ndim != 2 or self.first.shape != self.second.shape or len(self.photographs) not in (0, len(self)):
            raise ValueError(
                f"costs (N, K) of both sides and N photographs are wanted, not {self.first.shape}, {self.second.shape}, "
                f"{len(self.photographs)}"
            )
        if not (np.isfinite(self.first).all() and np.isfinite(self.second).all()):
            raise ValueError(
                "the judge scored a picture with a value that is not finite; is its training sound, and the picture large "
                "enough for it?"
            )

    def __len__(self) -> int:
        return len(self.first)

    @property
    def gaps(self) -> np.ndarray:
        """(N,): mean of the members' differences of cost; positive where the second picture is the better one."""
        found: np.ndarray = (self.first - self.second).mean(1)
        return found


def largest_gap(candidates: Candidates, k: int, seed: int) -> np.ndarray:
    """Indices of the k largest |gap|, largest first, ties by index (HiLLIE, Eq. 1: the operator T_k)."""
    return np.argsort(-np.abs(candidates.gaps), kind="stable")[:k]


def random_choice(candidates: Candidates, k: int, seed: int) -> np.ndarray:
    """k indices drawn without replacement, seeded: the control for every cleverer strategy."""
    return np.random.default_rng(seed).permutation(len(candidates))[:k]


def most_information(candidates: Candidates, k: int, seed: int) -> np.ndarray:
    """Indices of k pairs whose answers are expected to tell most, the most telling first; ties by index.

    Greedy by `expected_information`, times what is left of the members' disagreement on a pair once those before it are
    answered: their log-odds are taken as a Gaussian that each answer narrows (the greedy rule of a determinantal choice, and of
    D-optimal designs), so that no two ask the same. A photograph's second pair counts half, its third a third.
    Raises `OneOpinion` for a judge without members.
    """
    log_odds = member_log_odds(candidates)
    told = expected_information(expit(log_odds))
    # The Gaussian: a column a member, answers weighed by the variance p (1 - p) of a vote.
    mean = expit(log_odds).mean(1)
    vectors = (log_odds - log_odds.mean(1, keepdims=True)) / np.sqrt(log_odds.shape[1] - 1)
    vectors *= np.sqrt(mean * (1 - mean))[:, None]
    whole = np.square(vectors).sum(1)
    left, share = whole.copy(), np.ones(len(candidates))
    narrowed = np.eye(vectors.shape[1])
    group = np.unique(candidates.photographs, return_inverse=True)[1] if len(candidates.photographs) else None
    asked = np.zeros(0 if group is None else int(group.max(initial=-1)) + 1)
    free = np.ones(len(candidates), dtype=bool)
    chosen = []
    for _ in range(min(k, len(candidates))):
        np.divide(left, whole, out=share, where=whole > 0)
        worth = told * share if group is None else told * share / (1 + asked[group])
        best = int(np.argmax(np.where(free, worth, -np.inf)))
        chosen.append(best)
        free[best] = False
        if group is not None:
            asked[group[best]] += 1
        # Sherman and Morrison: the inverse of 1 + the sum of the vectors' outer products.
        step = narrowed @ vectors[best]
        scale = 1 + vectors[best] @ step
        narrowed -= np.outer(step, step) / scale
        left = np.maximum(left - np.square(vectors @ step) / scale, 0)
    return np.array(chosen, dtype=np.int64)


def member_log_odds(candidates: Candidates) -> np.ndarray:
    """(N, K): each member's log-odds that the second picture is preferred. Raises `OneOpinion`.

    A judge that learns by a margin has no scale of its own: the pair whose mean difference is in the middle of all is taken as
    one of which it is `SURE`.
    """
    differences = candidates.first - candidates.second
    if differences.shape[1] < 2:
        raise OneOpinion(
            "pairs are chosen by information where the judge knows its doubt, and this one has a single opinion: take "
            "judge.name: ensemble (docs/doubt.md), or pairs.strategy: gap"
        )
    middle = float(np.median(np.abs(differences.mean(1)))) if len(differences) else 0.0
    unit = middle if middle > 0 else float(np.abs(differences).max(initial=0.0)) or 1.0
    return differences * (np.log(SURE / (1 - SURE)) / unit)


def expected_information(probabilities: np.ndarray) -> np.ndarray:
    """Bits (N,) that an answer is expected to tell about which member is right: BALD (Houlsby et al. 2011, Eq. 2).

    probabilities: (N, K), of the same answer by each member. The entropy of their mean less the mean of their entropies.
    """
    found: np.ndarray = _entropy(probabilities.mean(1)) - _entropy(probabilities).mean(1)
    return np.maximum(found, 0)


def _entropy(probabilities: np.ndarray) -> np.ndarray:
    found: np.ndarray = (entr(probabilities) + entr(1 - probabilities)) / np.log(2)
    return found


# name -> (candidates, k, seed) -> (min(k, N),) indices in the order of labelling
STRATEGIES: dict[str, Callable[[Candidates, int, int], np.ndarray]] = {
    "gap": largest_gap,
    "random": random_choice,
    "information": most_information,
}


def choose(strategy: str, candidates: Candidates, k: int, seed: int) -> np.ndarray:
    """Choose at most k pairs. Raises `ValueError` for an unknown strategy, `OneOpinion`."""
    if strategy not in STRATEGIES:
        raise ValueError(f"no pair choice is called {strategy!r}; known are {', '.join(sorted(STRATEGIES))}")
    return STRATEGIES[strategy](candidates, k, seed)
