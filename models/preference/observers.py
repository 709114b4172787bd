"""Simulated observers: a hidden utility, Thurstone noise, lapses and a position bias.

An observer sees two versions of a photo side by side and perceives each one's utility with independent Gaussian noise
(Thurstone, Psychological Review 1927, Case V). The left one gains `position_bias`. With probability `lapse` the observer
does not look and answers at random. Everything is drawn from (seed, observer, pair), so a vote does not depend on when or
in which order it is asked for.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class SimulatedObserver:
    """name: stored with the votes. noise: standard deviation of a perceived utility, in the utility's units.

    lapse: probability of a random answer, in [0, 1]. position_bias: added to the utility of the left picture.
    """

    name: str
    noise: float
    lapse: float
    position_bias: float
    seed: int

    def __post_init__(self) -> None:
        if self.noise < 0 or not 0 <= self.lapse <= 1:
            raise ValueError(f"noise must be >= 0 and lapse in [0, 1], not {self.noise} and {self.lapse}")

    def vote(self, key: str, utilities: dict[str, float]) -> Answer:
        """Choose between the two pictures of pair `key`. utilities: picture -> utility, higher is better; exactly two.

        Raises `ValueError` when there are not two pictures or a utility is not finite.
        """
        if len(utilities) != 2:
            raise ValueError(f"pair {key} has {len(utilities)} pictures, not two")
        if not all(math.isfinite(value) for value in utilities.values()):
            raise ValueError(f"pair {key} has a utility that is not finite: {utilities}")
        digest = hashlib.sha256(f"{self.seed}/{self.name}/{key}".encode()).digest()
        random = np.random.default_rng(int.from_bytes(digest[:8], "big"))
        names = sorted(utilities)
        left, right = (names[place] for place in random.permutation(2))
        perceived_left = utilities[left] + self.position_bias + self.noise * random.standard_normal()
        perceived_right = utilities[right] + self.noise * random.standard_normal()
        if random.random() < self.lapse:
            return Answer(left if random.random() < 0.5 else right, left)
        return Answer(left if perceived_left > perceived_right else right, left)


@dataclass(frozen=True)
class Answer:
    """The preferred picture and the one that was shown on the left."""

    preferred: str
    left: str


def probability_left(left: float, right: float, noise: float, lapse: float, position_bias: float) -> float:
    """Probability that an observer prefers the left picture: (1 - lapse) Phi((l + b - r) / (sqrt 2 noise)) + lapse / 2."""
    difference = left + position_bias - right
    seen = 0.5 * (1 + math.erf(difference / (2 * noise))) if noise > 0 else float(difference > 0)
    return (1 - lapse) * seen + lapse / 2
