"""Counting votes: the majority of a pair, win rates with intervals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

CHOICES = ("first", "second", "tie", "unsure")
# What an answer is worth to the second of a pair; "unsure" is no vote.
WORTH = {"first": 0.0, "second": 1.0, "tie": 0.5}


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
    drawn = np.random.default_rng(seed).integers(0, len(names), (draws, len(names)))
    rates = sums[drawn].sum(1) / counts[drawn].sum(1)
    low, high = np.quantile(rates, [0.025, 0.975])
    return WinRate(float(sums.sum() / counts.sum()), float(low), float(high), len(wins), len(names))
