"""Counting votes: the majority of a pair, win rates with intervals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

CHOICES = ("first", "second", "tie", "unsure")
# What an answer is worth to the second of a pair; "unsure" is no vote.
WORTH = {"first": 0.0, "second": 1.0, "tie": 0.5}
_HELD = 1 << 21  # numbers drawn at a time


def majority(choices: Iterable[str]) -> str | None:
    """The choice of most votes of a pair: 'first', 'second', or None where they balance (HiLLIE, Sec. 3.2.1).

    A tie is half a vote for each side; 'unsure' counts for none. Raises `ValueError` for any other word.
    """
    balance = 0
    for choice in choices:
        if choice not in CHOICES:
            raise ValueError(f"a vote is one of {', '.join(CHOICES)}, not {choice!r}")
        balance += {"first": 1, "second": -1}.get(choice, 0)
    return None if balance == 0 else ("first" if balance > 0 else "second")


def balance(choices: Sequence[str]) -> np.ndarray:
    """(N,) what each choice adds to its pair's balance: 1 for first, -1 for second, else 0; the sign of the sum is `majority`.

    Raises `ValueError` for a word that is no choice.
    """
    names, place = np.unique(np.asarray(choices, dtype=object).astype(str), return_inverse=True)
    worth = [{"first": 1, "second": -1, None: 0}[majority([str(name)])] for name in names]
    found: np.ndarray = np.array(worth, dtype=np.int64)[place.reshape(-1)]
    return found


@dataclass(frozen=True)
class WinRate:
    """A share of votes won, in [0, 1], with the bounds of its 95 % interval and what it was counted on."""

    rate: float
    low: float
    high: float
    votes: int
    clusters: int


def win_rate(wins: Sequence[float], clusters: Sequence[str], draws: int = 2000, seed: int = 0) -> WinRate:
    """The mean of `wins` (1 won, 0 lost, 0.5 tied; one per vote) with a bootstrap interval over clusters.

    Votes on crops of one photograph, and of several observers on one pair, are not independent: whole clusters
    (photographs) are drawn with replacement (Efron and Tibshirani 1993, percentile interval).
    """
    if not wins or len(wins) != len(clusters):
        raise ValueError(
            f"a win rate needs one cluster for each of at least one vote, got {len(wins)}, {len(clusters)}"
        )
    names = sorted(set(clusters))
    index = {name: place for place, name in enumerate(names)}
    sums = np.zeros(len(names))
    counts = np.zeros(len(names))
    for win, cluster in zip(wins, clusters, strict=True):
        sums[index[cluster]] += win
        counts[index[cluster]] += 1
    low, high = np.quantile(drawn_means(sums, counts, draws, seed), [0.025, 0.975])
    return WinRate(float(sums.sum() / counts.sum()), float(low), float(high), len(wins), len(names))


def clustered(values: np.ndarray, clusters: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """(G,) sums of values (N,) and (G,) their number, by cluster, in ascending order of the clusters' names."""
    place = np.unique(np.asarray(clusters, dtype=object).astype(str), return_inverse=True)[1].reshape(-1)
    sizes = np.bincount(place)
    groups = np.split(values[np.argsort(place, kind="stable")], np.cumsum(sizes)[:-1])
    return np.array([group.sum() for group in groups]), sizes


def drawn_means(sums: np.ndarray, sizes: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """(draws,) means over clusters drawn with replacement, of which (G,) sums and sizes are known."""
    random, count = np.random.default_rng(seed), len(sums)
    # Some draws at a time: of a hundred thousand clusters all of them would fill the memory.
    each = max(1, _HELD // count)
    found = []
    for start in range(0, draws, each):
        drawn = random.integers(0, count, (min(each, draws - start), count))
        found.append(sums[drawn].sum(1) / sizes[drawn].sum(1))
    return np.concatenate(found)
