"""Which methods meet on which photo of a user study: all pairings, or a balanced subset of them."""

from __future__ import annotations

from itertools import combinations

import numpy as np

Pairing = tuple[int, int]


def all_pairings(photos: int, methods: int) -> list[list[Pairing]]:
    """For each photo every pair of methods (HiLLIE, Sec. 4.4: 40 photos and 9 methods give 1440 pairs)."""
    _check(photos, methods)
    return [list(combinations(range(methods), 2)) for _ in range(photos)]


def balanced_pairings(photos: int, methods: int, per_photo: int, seed: int = 0) -> list[list[Pairing]]:
    """For each photo `per_photo` pairs of methods, all of them those that were used least so far.

    Over the study every pairing of methods comes equally often (counts differ by one at most). Among pairings used
    equally often, those come first whose methods have had the fewest turns on this photo, then in the whole study; what
    is left is drawn with `seed`. Raises ValueError unless 1 <= per_photo <= number of pairings.
    """
    _check(photos, methods)
    pairings = list(combinations(range(methods), 2))
    if not 1 <= per_photo <= len(pairings):
        raise ValueError(
            f"{methods} methods have {len(pairings)} pairings a photo, so 1 to {len(pairings)} can be asked for"
        )
    random = np.random.default_rng(seed)
    used = np.zeros(len(pairings), dtype=int)
    turns = np.zeros(methods, dtype=int)
    ends = np.array(pairings)
    chosen: list[list[Pairing]] = []
    for _ in range(photos):
        here = np.zeros(methods, dtype=int)
        taken = np.zeros(len(pairings), dtype=bool)
        for _ in range(per_photo):
            # numpy sorts by the last key first
            keys = (random.random(len(pairings)), turns[ends].sum(1), here[ends].sum(1), used, taken)
            best = int(np.lexsort(keys)[0])
            taken[best] = True
            used[best] += 1
            here[ends[best]] += 1
            turns[ends[best]] += 1
        chosen.append([pairings[i] for i in np.flatnonzero(taken)])
    return chosen


def _check(photos: int, methods: int) -> None:
    if photos < 1 or methods < 2:
        raise ValueError(f"a study compares at least two methods on at least one photo, not {methods} on {photos}")
