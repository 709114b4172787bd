"""Simulated experts: the same each time, noisy as told, with a bias of their own."""

from __future__ import annotations

import numpy as np
import pytest

from models.artifacts import Disk
from models.preference.raters import SimulatedRater

TRUTH = {"thermal": 3.0, "texture": 2.0}
DISKS = [Disk(40, 30, 10)]


def rater(**changes: object) -> SimulatedRater:
    told = {"name": "eva", "noise": 0.0, "bias": 0.0, "lapse": 0.0, "miss": 0.0, "jitter": 0.0, "seed": 1}
    return SimulatedRater(**(told | changes))  # type: ignore[arg-type]


def test_without_faults_the_truth_is_said() -> None:
    assert rater().rate("a", TRUTH, DISKS, (100, 80)) == ({"thermal": 3, "texture": 2}, DISKS)


def test_it_does_not_depend_on_when_it_is_asked() -> None:
    noisy = rater(noise=1.0, jitter=0.3, miss=0.5)
    first = [noisy.rate(str(i), TRUTH, DISKS, (100, 80)) for i in range(20)]
    assert first[::-1] == [noisy.rate(str(i), TRUTH, DISKS, (100, 80)) for i in reversed(range(20))]
    assert first != [rater(noise=1.0, name="zoe").rate(str(i), TRUTH, DISKS, (100, 80)) for i in range(20)]


def test_noise_bias_and_misses_are_as_large_as_told() -> None:
    said = [rater(noise=0.5).rate(str(i), TRUTH, [], (9, 9))[0]["thermal"] for i in range(3000)]
    assert np.std(said) == pytest.approx(np.sqrt(0.25 + 1 / 12), abs=0.03), "noise, and rounding"
    own = [np.mean([rater(noise=0.3, bias=0.5, name=f"n{n}").rate(str(i), TRUTH, [], (9, 9))[0]["thermal"] for i in range(40)])
           for n in range(300)]  # fmt: skip
    assert np.std(own) == pytest.approx(0.5, abs=0.07)
    drawn = [len(rater(miss=0.3).rate(str(i), TRUTH, DISKS, (100, 80))[1]) for i in range(2000)]
    assert np.mean(drawn) == pytest.approx(0.7, abs=0.03)


def test_circles_stay_on_the_picture_and_lapses_are_random() -> None:
    for i in range(200):
        _, (disk,) = rater(jitter=3.0).rate(str(i), TRUTH, DISKS, (100, 80))
        assert 0 <= disk.x <= 100 and 0 <= disk.y <= 80 and 1 <= disk.radius <= 100
    lapsed = [rater(lapse=1.0).rate(str(i), TRUTH, DISKS, (100, 80)) for i in range(500)]
    assert {scores["thermal"] for scores, _ in lapsed} == {1, 2, 3, 4, 5} and not any(disks for _, disks in lapsed)


def test_what_makes_no_rater() -> None:
    with pytest.raises(ValueError, match=r"lapse and miss in \[0, 1\]"):
        rater(miss=1.5)
    with pytest.raises(ValueError, match="not finite"):
        rater().rate("a", {"thermal": float("nan")}, [], (9, 9))
