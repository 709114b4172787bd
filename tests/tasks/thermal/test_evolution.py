"""The search of loss weights: it climbs, stays within its bounds, is the same for a seed, and leaves other draws alone."""

from __future__ import annotations

import random

import pytest

from tasks.thermal.evolution import HIGHEST, SCALES, SUM, evolve, normalised, weights_of

WANTED = {name: 3.0 if name in ("gradient", "detail") else 1.0 for name in SCALES}


def near(weights: dict[str, float]) -> float:
    """How near they are to what is wanted."""
    return -sum(abs(weights[name] / SCALES[name] - WANTED[name]) for name in SCALES)


def test_it_climbs_and_keeps_the_best() -> None:
    found = evolve(near, 8, 12, 0.1, seed=1)
    best = [generation.best for generation in found]
    assert len(found) == 13 and best == sorted(best)
    assert best[-1] > best[0] + 1
    assert near(found[-1].weights) == pytest.approx(best[-1])
    assert len(found[3].fitness) == 8 and max(found[3].fitness) == best[3]


def test_a_seed_searches_the_same_and_other_draws_go_on() -> None:
    random.seed(5)
    wanted = [random.random() for _ in range(3)]
    random.seed(5)
    one = evolve(near, 5, 3, 0.1, seed=2)
    assert [random.random() for _ in range(3)] == wanted
    assert one == evolve(near, 5, 3, 0.1, seed=2) != evolve(near, 5, 3, 0.1, seed=3)


def test_an_individual_is_tried_once() -> None:
    tried: list[tuple[float, ...]] = []

    def counted(weights: dict[str, float]) -> float:
        tried.append(tuple(weights.values()))
        return near(weights)

    evolve(counted, 5, 4, 0.0, seed=1)
    assert len(tried) == 5 + 4 * 4, "the best of a generation is not trained again"


def test_equal_individuals_are_no_division_by_zero() -> None:
    assert len(evolve(lambda weights: 1.0, 4, 2, 0.1, seed=1)) == 3


def test_weights_are_clipped_and_sum_to_ten() -> None:
    found = normalised([0.0, 40.0, 2.0, 2.0, 2.0, 2.0, 2.0])
    assert sum(found) == pytest.approx(SUM)
    assert found[1] / found[0] == pytest.approx(HIGHEST)
    assert set(weights_of([1.0] * 7)) == set(SCALES)
