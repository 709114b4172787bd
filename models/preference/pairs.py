"""Comparisons gathered by the two items they are of: what a fit needs of a million votes. numpy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.preference.comparisons import FIRST, TIE, Comparisons


@dataclass(frozen=True, eq=False)
class Pairs:
    """P pairs of `size` items that were compared, each once and in order.

    first, second: (P,) places of items, first below second. won, lost, tied: (P,) how often the first was preferred, the
    second, neither; weighted votes count by their weight.
    """

    size: int
    first: np.ndarray
    second: np.ndarray
    won: np.ndarray
    lost: np.ndarray
    tied: np.ndarray

    @property
    def wins(self) -> np.ndarray:
        """(M,) how often an item was preferred, a tie half to each."""
        gained, given = self.won + self.tied / 2, self.lost + self.tied / 2
        return np.bincount(self.first, gained, self.size) + np.bincount(self.second, given, self.size)

    @property
    def votes(self) -> np.ndarray:
        """(M,) votes that an item was in."""
        total = self.won + self.lost + self.tied
        return np.bincount(self.first, total, self.size) + np.bincount(self.second, total, self.size)


@dataclass(frozen=True, eq=False)
class Gathered:
    """Which pair each of N votes is of, so that votes can be weighed anew. cell: (N,) pair * 3 + what is said of its first."""

    size: int
    first: np.ndarray
    second: np.ndarray
    cell: np.ndarray

    def pairs(self, weights: np.ndarray | None = None) -> Pairs:
        """Counts, of votes that weigh (N,) `weights`, 1 each by default."""
        counts = np.bincount(self.cell, weights, 3 * len(self.first)).astype(float).reshape(-1, 3)
        return Pairs(self.size, self.first, self.second, counts[:, 0], counts[:, 1], counts[:, 2])


def gathered(comparisons: Comparisons) -> Gathered:
    first, second = (side.astype(np.int64) for side in (comparisons.first, comparisons.second))
    size = len(comparisons.items)
    codes, pair = np.unique(np.minimum(first, second) * size + np.maximum(first, second), return_inverse=True)
    choice = comparisons.choice.astype(np.int64)
    turned = (first > second) & (choice != TIE)
    said = np.where(turned, 1 - choice, choice)
    return Gathered(size, codes // max(size, 1), codes % max(size, 1), pair.reshape(-1) * 3 + (said - FIRST))


def pairs_of(comparisons: Comparisons) -> Pairs:
    return gathered(comparisons).pairs()
