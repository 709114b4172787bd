from __future__ import annotations

import math
from dataclasses import replace

import pytest

from models.preference.observers import SimulatedObserver, probability_left

DRAWS = 20_000
EXACT = SimulatedObserver("exact", noise=0.0, lapse=0.0, position_bias=0.0, seed=1)
PAIR = {"a": 0.1, "b": 0.4}


def share(observer: SimulatedObserver, utilities: dict[str, float], left: str, preferred: str) -> tuple[float, int]:
    """How often `preferred` wins among the votes in which `left` was on the left, and how many there were."""
    answers = [observer.vote(f"pair{number}", utilities) for number in range(DRAWS)]
    shown = [answer for answer in answers if answer.left == left]
    return sum(answer.preferred == preferred for answer in shown) / len(shown), len(shown)


@pytest.mark.parametrize(
    ("noise", "lapse", "bias"),
    [(0.3, 0.0, 0.0), (0.3, 0.1, 0.0), (0.3, 0.0, 0.2), (0.05, 0.2, 0.1), (1.0, 0.05, -0.1)],
)
def test_votes_come_as_often_as_the_model_says(noise: float, lapse: float, bias: float) -> None:
    observer = SimulatedObserver("panel", noise, lapse, bias, seed=5)
    for left, right in (("a", "b"), ("b", "a")):
        found, count = share(observer, PAIR, left, left)
        expected = probability_left(PAIR[left], PAIR[right], noise, lapse, bias)
        assert abs(found - expected) < 4 * math.sqrt(expected * (1 - expected) / count)


def test_each_side_is_shown_left_half_of_the_time() -> None:
    _, left_a = share(EXACT, PAIR, "a", "a")
    assert abs(left_a / DRAWS - 0.5) < 4 * 0.5 / math.sqrt(DRAWS)


def test_probability_by_hand() -> None:
    # Case V: Phi(0.3 / (sqrt(2) * 0.3)) = Phi(0.7071) = 0.7602; with lapse 0.1: 0.9 * 0.7602 + 0.05 = 0.7342
    assert probability_left(0.4, 0.1, 0.3, 0.0, 0.0) == pytest.approx(0.76025, abs=1e-5)
    assert probability_left(0.4, 0.1, 0.3, 0.1, 0.0) == pytest.approx(0.73422, abs=1e-5)
    assert probability_left(0.2, 0.2, 0.3, 0.0, 0.0) == pytest.approx(0.5)
    # A bias of 0.3 to the left weighs as much as a utility of 0.3.
    assert probability_left(0.1, 0.1, 0.3, 0.0, 0.3) == pytest.approx(0.76025, abs=1e-5)


def test_without_noise_the_better_always_wins() -> None:
    assert {EXACT.vote(f"{number}", PAIR).preferred for number in range(200)} == {"b"}


def test_a_lapse_is_a_random_answer() -> None:
    asleep = replace(EXACT, lapse=1.0)
    for side in ("a", "b"):
        found, count = share(asleep, PAIR, side, "b")
        assert abs(found - 0.5) < 4 * 0.5 / math.sqrt(count)


def test_position_bias_decides_between_equals() -> None:
    biased = replace(EXACT, position_bias=0.01)
    assert share(biased, {"a": 0.3, "b": 0.3}, "a", "a")[0] == 1.0
    assert share(replace(biased, position_bias=-0.01), {"a": 0.3, "b": 0.3}, "a", "b")[0] == 1.0


def test_a_vote_does_not_depend_on_when_it_is_asked_for() -> None:
    observer = SimulatedObserver("panel", 0.5, 0.1, 0.1, seed=5)
    keys = [f"pair{number}" for number in range(300)]
    forward = {key: observer.vote(key, PAIR) for key in keys}
    backward = {key: observer.vote(key, dict(reversed(PAIR.items()))) for key in reversed(keys)}
    assert forward == backward


@pytest.mark.parametrize("change", [{"name": "another"}, {"seed": 6}])
def test_observers_and_seeds_vote_independently(change: dict[str, object]) -> None:
    one = SimulatedObserver("panel", 1.0, 0.0, 0.0, seed=5)
    other = replace(one, **change)
    equal = {"a": 0.0, "b": 0.0}
    agreed = sum(one.vote(str(n), equal).preferred == other.vote(str(n), equal).preferred for n in range(4000))
    assert abs(agreed / 4000 - 0.5) < 4 * 0.5 / math.sqrt(4000)


def test_what_cannot_be_voted_on_is_refused() -> None:
    with pytest.raises(ValueError, match="pair k has 1 pictures, not two"):
        EXACT.vote("k", {"a": 1.0})
    with pytest.raises(ValueError, match="pair k has a utility that is not finite"):
        EXACT.vote("k", {"a": 1.0, "b": float("nan")})
    with pytest.raises(ValueError, match="lapse in"):
        replace(EXACT, lapse=1.5)
    with pytest.raises(ValueError, match="noise must be >= 0"):
        replace(EXACT, noise=-0.1)
