"""How much a study of a given size would find, by simulated studies that are scored like real ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.preference.pairing import all_pairings, balanced_pairings
from models.preference.panels import (
    LAPSE,
    OBSERVER_SPREAD,
    PHOTO_SPREAD,
    Panel,
    Votes,
    adaptive_votes,
    cast,
    quality_of,
)
from models.preference.scaling import scale
from models.preference.significance import differences

PAIRS = ("all", "balanced", "adaptive")
STUDIES = 60
_AT_ONCE, _CHOICES = 8, 150  # adaptive: votes that are out at a time; how often a pair is chosen, at most


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A study: `pairs` all, balanced or adaptive; `per_photo`: how many pairs of methods each observer sees on a photo.

    Adaptive: on average. difference: of two neighbours in the order, in JOD, over photographs and observers. spreads:
    standard deviations of what photographs and observers share, in units of the noise of a difference; lapse: chance of a
    random answer. Raises ValueError: a number that makes no study.
    """

    methods: int
    photos: int
    observers: int
    difference: float
    pairs: str = "all"
    per_photo: int | None = None
    spreads: tuple[float, float] = (PHOTO_SPREAD, OBSERVER_SPREAD)
    lapse: float = LAPSE

    def __post_init__(self) -> None:
        if self.methods < 2 or self.photos < 1 or self.observers < 1:
            raise ValueError(
                f"a study has at least two methods, a photo and an observer, not {self.methods}, {self.photos} and "
                f"{self.observers}"
            )
        if self.pairs not in PAIRS:
            raise ValueError(f"pairs are {', '.join(PAIRS)}, not {self.pairs!r}")
        if not 0 < self.difference <= 10:
            raise ValueError(f"neighbours differ by more than 0 JOD, and by 10 at most, not by {self.difference:g}")
        if min(self.spreads) < 0 or not 0 <= self.lapse < 1:
            raise ValueError(f"spreads are not negative, and a lapse is in [0, 1): {self.spreads}, {self.lapse}")
        if (self.pairs == "all") != (self.per_photo is None):
            raise ValueError(f"pairs {self.pairs} {'take no' if self.pairs == 'all' else 'need a'} number a photo")
        if self.per_photo is not None and not 1 <= self.per_photo <= self.possible:
            raise ValueError(
                f"{self.methods} methods have {self.possible} pairs a photo, so 1 to {self.possible} can be asked for, "
                f"not {self.per_photo}"
            )

    @property
    def possible(self) -> int:
        """Pairs of methods."""
        return self.methods * (self.methods - 1) // 2

    @property
    def votes_each(self) -> int:
        """Votes of one observer."""
        return self.photos * (self.per_photo or self.possible)

    @property
    def votes(self) -> int:
        return self.votes_each * self.observers


@dataclass(frozen=True, kw_only=True)
class Power:
    """What simulated studies found, on average.

    neighbours: share of pairs of neighbours whose difference is significant the right way round (5 %, Holm's correction over
    all pairs of methods); best: share of studies in which the best method has the highest score; order: share whose whole
    order is right; reach: half a 95 % interval of a score, in JOD.
    """

    neighbours: float
    best: float
    order: float
    reach: float


def power(plan: Plan, studies: int = STUDIES, seed: int = 0) -> Power:
    """Simulate `studies` studies, and score each like `loupe study results` (models.preference.scaling). Same seed, same."""
    random = np.random.default_rng([seed, plan.methods, plan.photos, plan.observers])
    quality = quality_of(np.full(plan.methods - 1, plan.difference), plan.spreads)
    panel = Panel.drawn(quality, studies, plan.photos, plan.observers, random, plan.spreads, plan.lapse)
    votes = _votes(plan, panel, random)
    told, best, order, reach = [], [], [], []
    for study in range(studies):
        comparisons = votes.comparisons(study, plan.methods, plan.photos, plan.observers)
        found = scale(comparisons)
        rank = np.argsort(np.argsort(panel.quality[study]))
        tested = differences(found, comparisons)
        told.append(sum(one.differs and rank[one.better] - rank[one.worse] == 1 for one in tested))
        best.append(rank[found.scores.argmax()] == plan.methods - 1)
        order.append((np.argsort(found.scores) == np.argsort(rank)).all())
        reach.append((found.high - found.low).mean() / 2 / found.link.jod)
    return Power(
        neighbours=float(np.mean(told)) / (plan.methods - 1), best=float(np.mean(best)), order=float(np.mean(order)),
        reach=float(np.mean(reach)),
    )  # fmt: skip


def _votes(plan: Plan, panel: Panel, random: np.random.Generator) -> Votes:
    if plan.pairs == "adaptive":
        together = max(_AT_ONCE, plan.votes // _CHOICES)
        return adaptive_votes(panel, plan.votes, "order", random, together)
    chosen = (
        all_pairings(plan.photos, plan.methods)
        if plan.per_photo is None
        else balanced_pairings(plan.photos, plan.methods, plan.per_photo)
    )
    place = {ends: kind for kind, ends in enumerate(all_pairings(1, plan.methods)[0])}
    kinds = np.array([place[ends] for pairings in chosen for ends in pairings])
    photo = np.repeat(np.arange(plan.photos), [len(pairings) for pairings in chosen])
    shape = (len(panel.quality), plan.votes)
    observer = np.repeat(np.arange(plan.observers), len(kinds))
    kinds, photo = np.tile(kinds, plan.observers), np.tile(photo, plan.observers)
    return cast(
        panel, np.broadcast_to(kinds, shape), np.broadcast_to(photo, shape), np.broadcast_to(observer, shape), random
    )
