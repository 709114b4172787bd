"""An order and a choice that follow from names alone: the same in every process, on every machine, in every version."""

from __future__ import annotations

import hashlib

import numpy as np


def scatter(count: int, *names: str) -> np.ndarray:
    """(count,) uint64: pseudo-random numbers seeded by `names` (splitmix64 over the positions)."""
    digest = hashlib.sha256("\n".join(names).encode("utf-8")).digest()
    with np.errstate(over="ignore"):
        z = np.arange(1, count + 1, dtype=np.uint64) + np.uint64(int.from_bytes(digest[:8], "big"))
        z *= np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def shuffled(count: int, *names: str) -> np.ndarray:
    """(count,) int32: the positions 0 to count - 1 in an order seeded by `names`."""
    return np.argsort(scatter(count, "order", *names), kind="stable").astype(np.int32)


def chosen(count: int, share: float, *names: str) -> np.ndarray:
    """(count,) bool: about `share` of the positions, seeded by `names`; a larger share (below 1) keeps those of a smaller."""
    return scatter(count, "choice", *names) < np.uint64(share * 2.0**63) * np.uint64(2)
