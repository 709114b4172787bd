"""Which items differ: tests of every two, with correction for how many there are, and letters of those that do not.

Two scores that votes determine are compared by their difference, Student's with clustered errors (`clustered`). Where one of
them comes from the prior its error says nothing: then by the sign test of direct votes, one sign for each observer and one
for each photograph, and the worse of the two counts. Corrected by Holm (Scandinavian Journal of Statistics 1979).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm, t

from models.preference.agreement import chance_of_at_least
from models.preference.comparisons import FIRST, TIE, Comparisons
from models.preference.scaling import LEVEL, Scores

MOST = 200  # items, of which every two are tested
BY_SCORES, BY_SIGNS, UNTESTED = "scores", "direct votes", "no votes tell"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """better, worse: places of two items, by score. difference: of scores, with error (None by direct votes).

    p: two-sided; corrected: by Holm, 1 where nothing was tested; by: what was tested.
    """

    better: int
    worse: int
    difference: float
    error: float | None
    p: float
    corrected: float
    by: str

    @property
    def differs(self) -> bool:
        return self.corrected < 1 - LEVEL


def differences(scores: Scores, comparisons: Comparisons) -> tuple[Difference, ...]:
    """Of every two items, the best first. Raises ValueError for more than `MOST` items."""
    size = len(scores.items)
    if size > MOST:
        raise ValueError(f"every two of at most {MOST} items are tested, and there are {size}")
    order = np.argsort(-scores.scores, kind="stable")
    upper, lower = np.triu_indices(size, 1)
    better, worse = order[upper], order[lower]
    difference = scores.scores[better] - scores.scores[worse]
    error, degrees = scores.spread.contrast(better, worse)
    ratio = np.divide(difference, error, out=np.zeros_like(difference), where=error > 0)
    p = 2 * (norm.sf(ratio) if degrees is None else t.sf(ratio, degrees))
    # All answers of the clusters pull alike: an error of nothing proves nothing.
    leaning = np.array([reason is not None for reason in scores.from_prior]) | scores.spread.floored
    found: list[tuple[float | None, float, str]] = []
    for place, (i, j) in enumerate(zip(better, worse, strict=True)):
        if leaning[i] or leaning[j]:
            signed = _signs(comparisons, int(i), int(j))
            found.append((None, 1.0 if signed is None else signed, UNTESTED if signed is None else BY_SIGNS))
        else:
            found.append((float(error[place]), float(p[place]), BY_SCORES))
    corrected = holm(np.array([one[1] for one in found]), np.array([one[2] != UNTESTED for one in found], dtype=bool))
    return tuple(
        Difference(
            better=int(i), worse=int(j), difference=float(difference[place]), error=found[place][0], p=found[place][1],
            corrected=float(corrected[place]), by=found[place][2],
        )
        for place, (i, j) in enumerate(zip(better, worse, strict=True))
    )  # fmt: skip


def holm(p: np.ndarray, tested: np.ndarray | None = None) -> np.ndarray:
    """(K,) p values corrected by Holm's step-down rule; 1 for those that were not `tested`, which count for nothing."""
    corrected = np.ones(len(p))
    places = np.arange(len(p)) if tested is None else np.flatnonzero(tested)
    ranked = places[np.argsort(p[places], kind="stable")]
    factors = len(ranked) - np.arange(len(ranked))
    corrected[ranked] = np.minimum(1, np.maximum.accumulate(p[ranked] * factors))
    return corrected


def _signs(comparisons: Comparisons, i: int, j: int) -> float | None:
    """p of the sign test of direct votes on two items; None where there are none."""
    direct = ((comparisons.first == i) & (comparisons.second == j)) | (
        (comparisons.first == j) & (comparisons.second == i)
    )
    if not direct.any():
        return None
    here = comparisons.where(direct)
    lead = np.where(here.choice == TIE, 0, np.where((here.choice == FIRST) == (here.first == i), 1, -1))
    worst, kinds = 0.0, [of for of in (here.observer, here.scene) if len(np.unique(of)) > 1]
    for of in kinds or [np.arange(len(here))]:  # one observer and one photograph: every vote for itself
        sums = np.bincount(of, lead)
        up, down = int((sums > 0).sum()), int((sums < 0).sum())
        worst = max(worst, min(1.0, 2 * chance_of_at_least(max(up, down), up + down)) if up + down else 1.0)
    return worst


def letters(size: int, found: tuple[Difference, ...]) -> tuple[str, ...]:
    """(M,) letters of each item: two items that share one are not told apart (Piepho, JCGS 2004, insert and absorb).

    "a" is the best item's.
    """
    groups: list[set[int]] = [set(range(size))]
    for one in found:
        if not one.differs:
            continue
        split: list[set[int]] = []
        for group in groups:
            both = {one.better, one.worse} <= group
            split += [group - {one.better}, group - {one.worse}] if both else [group]
        groups = [group for k, group in enumerate(split) if not any(group < other for other in split)
                  and group not in split[:k]]  # fmt: skip
    rank = {item: place for place, item in enumerate(_order(size, found))}
    groups.sort(key=lambda group: sorted(rank[item] for item in group))
    return tuple("".join(_letter(k) for k, group in enumerate(groups) if item in group) for item in range(size))


def _order(size: int, found: tuple[Difference, ...]) -> list[int]:
    above = np.zeros(size, dtype=int)
    for one in found:
        above[one.worse] += 1
    return [int(item) for item in np.argsort(above, kind="stable")]


def _letter(k: int) -> str:
    return chr(ord("a") + k) if k < 26 else f"({k + 1})"
