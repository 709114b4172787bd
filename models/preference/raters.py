"""Simulated experts: a true score and true circles, seen with noise, a bias of one's own, lapses and missed circles.

Everything is drawn from (seed, expert, picture), so a rating does not depend on when or in which order it is asked for.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from models.artifacts import Disk

LOWEST, HIGHEST = 1, 5


@dataclass(frozen=True)
class SimulatedRater:
    """name: stored with the ratings. noise: standard deviation of a perceived score, in points; bias: of this expert's own
    mean error of a criterion, over experts, in points.

    lapse: probability of random scores and no circles. miss: probability that a circle is not drawn. jitter: standard deviation
    of a circle's place and size, in parts of its radius.
    """

    name: str
    noise: float
    bias: float
    lapse: float
    miss: float
    jitter: float
    seed: int

    def __post_init__(self) -> None:
        if min(self.noise, self.bias, self.jitter) < 0 or not (0 <= self.lapse <= 1 and 0 <= self.miss <= 1):
            raise ValueError(f"noise, bias and jitter must be >= 0, lapse and miss in [0, 1]: {self}")

    def rate(
        self, item: str, truth: Mapping[str, float], disks: Sequence[Disk], size: tuple[int, int]
    ) -> tuple[dict[str, int], list[Disk]]:
        """Scores of 1 to 5 by criterion, and circles, of picture `item`. truth: 1 to 5; size: (width, height), pixels.

        Raises ValueError: a true score that is not finite.
        """
        if not all(math.isfinite(value) for value in truth.values()):
            raise ValueError(f"picture {item} has a true score that is not finite: {dict(truth)}")
        own, random = _random(self.seed, self.name), _random(self.seed, self.name, item)
        leaning = {name: self.bias * own.standard_normal() for name in sorted(truth)}
        if random.random() < self.lapse:
            return {name: int(random.integers(LOWEST, HIGHEST + 1)) for name in sorted(truth)}, []
        scores = {}
        for name in sorted(truth):
            seen = truth[name] + leaning[name] + self.noise * random.standard_normal()
            scores[name] = int(np.clip(round(seen), LOWEST, HIGHEST))
        return scores, [self._drawn(disk, size, random) for disk in disks if random.random() >= self.miss]

    def _drawn(self, disk: Disk, size: tuple[int, int], random: np.random.Generator) -> Disk:
        x, y, grown = random.normal(0, self.jitter, 3)
        radius = float(np.clip(disk.radius * math.exp(grown), 1, max(size)))
        across, down = (np.clip(disk.x + x * disk.radius, 0, size[0]), np.clip(disk.y + y * disk.radius, 0, size[1]))
        return Disk(float(across), float(down), radius)


def _random(*parts: object) -> np.random.Generator:
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))
