"""Which pairs to label: strategies by name. A new one is a function and a line in `STRATEGIES`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def largest_gap(gaps: np.ndarray, k: int, seed: int) -> np.ndarray:
    """Indices of the k largest |gap|, largest first, ties by index (HiLLIE, Eq. 1: the operator T_k)."""
    return np.argsort(-np.abs(gaps), kind="stable")[:k]


def random_choice(gaps: np.ndarray, k: int, seed: int) -> np.ndarray:
    """k indices drawn without replacement, seeded: the control for every cleverer strategy."""
    return np.random.default_rng(seed).permutation(len(gaps))[:k]


# name -> (gaps (N,), k, seed) -> (min(k, N),) indices in the order of labelling
STRATEGIES: dict[str, Callable[[np.ndarray, int, int], np.ndarray]] = {"gap": largest_gap, "random": random_choice}


def choose(strategy: str, gaps: np.ndarray, k: int, seed: int) -> np.ndarray:
    """Choose at most k pairs by the judge's gaps (N,). Raises `ValueError` for an unknown strategy or a gap not finite."""
    if strategy not in STRATEGIES:
        raise ValueError(f"no pair choice is called {strategy!r}; known are {', '.join(sorted(STRATEGIES))}")
    if not np.isfinite(gaps).all():
        raise ValueError(
            "the judge scored a picture with a value that is not finite; is its training sound, and the picture large "
            "enough for it?"
        )
    return STRATEGIES[strategy](gaps, k, seed)
