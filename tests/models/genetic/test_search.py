"""The search against functions of which the answer is known."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from models.enhancers.parametric import BOUNDS
from models.genetic.objectives import Fitness, Objective, brightness_penalty
from models.genetic.search import (
    Front,
    NothingFinite,
    SearchSettings,
    dominating_order,
    mutation_rate,
    search,
)

SETTINGS = SearchSettings(population=20, generations=6)


def known(first: object = None, second: object = None) -> Fitness:
    """f1 is highest at brightness 40, f2 lowest at brightness 0: the front is brightness 0 to 40 at contrast 1, gamma 1."""

    def f1(genes: Tensor) -> Tensor:
        return -(genes[:, 0] - 40).square() - 1000 * (genes[:, 1] + genes[:, 2] - 2)

    def f2(genes: Tensor) -> Tensor:
        return genes[:, 0].square() + 1000 * (genes[:, 1] + genes[:, 2] - 2)

    return Fitness(
        [Objective("f1", True, True, first or f1), Objective("f2", False, False, second or f2)]  # type: ignore[arg-type]
    )


def test_it_finds_the_front() -> None:
    front = search(known(), replace(SETTINGS, population=40, generations=25), seed=1)
    best = front.genes[front.chosen]
    assert best[0] == pytest.approx(40, abs=4)
    assert best[1] == pytest.approx(1, abs=0.02)
    leaders = front.genes[front.rank == 0]
    assert leaders[:, 0].min() < 10
    assert front.values[front.chosen, 0] == front.values[front.rank == 0, 0].max()


def test_no_member_of_the_front_is_dominated_and_ranks_follow() -> None:
    front = search(known(), SETTINGS, seed=2)
    signed = front.values * [1, -1]

    def dominates(one: np.ndarray, other: np.ndarray) -> bool:
        return bool((one >= other).all() and (one > other).any())

    for place, rank in enumerate(front.rank):
        above = [front.rank[other] for other in range(len(signed)) if dominates(signed[other], signed[place])]
        assert rank == (max(above) + 1 if above else 0)
    assert np.isinf(front.crowding[front.rank == 0]).any()
    lows, highs = np.array(BOUNDS).T
    assert ((front.genes >= lows) & (front.genes <= highs)).all()


def same(one: Front, other: Front) -> bool:
    return np.array_equal(one.genes, other.genes) and np.array_equal(one.values, other.values)


def test_the_seed_decides_and_the_callers_random_numbers_are_left_alone() -> None:
    random.seed(7)
    expected = random.random()
    random.seed(7)
    first = search(known(), SETTINGS, seed=3)
    assert random.random() == expected
    assert same(first, search(known(), SETTINGS, seed=3))
    assert not same(first, search(known(), SETTINGS, seed=4))


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_what_is_not_finite_never_enters_a_front(bad: float) -> None:
    def sometimes(genes: Tensor) -> Tensor:
        return torch.where(genes[:, 0] > 20, torch.full_like(genes[:, 0], bad), genes[:, 0])

    front = search(known(first=sometimes), SETTINGS, seed=5)
    assert np.isfinite(front.values).all()
    assert (front.genes[:, 0] <= 20).all()
    with pytest.raises(NothingFinite, match="f1, f2"):
        search(known(second=lambda genes: torch.full((len(genes),), bad, dtype=torch.float64)), SETTINGS, seed=5)


def test_equal_genes_are_evaluated_once_and_the_local_search_asks_the_first_objective_first() -> None:
    seen: dict[str, list[bytes]] = {"f1": [], "f2": []}
    plain = known()

    def watched(place: int) -> object:
        objective = plain.objectives[place]

        def values(genes: Tensor) -> Tensor:
            seen[objective.name] += [row.numpy().tobytes() for row in genes]
            return objective.values(genes)

        return values

    fitness = known(first=watched(0), second=watched(1))
    search(fitness, SETTINGS, seed=6)
    for name, genes in seen.items():
        assert len(set(genes)) == len(genes) == fitness.evaluations[name]
    tries = SETTINGS.generations * round(SETTINGS.local_share * SETTINGS.population) * SETTINGS.local_steps
    # Second values only for populations, and for what a climb ended at.
    assert fitness.evaluations["f1"] - fitness.evaluations["f2"] > 0.8 * tries


def test_the_local_search_helps_and_can_be_turned_off() -> None:
    def mean_best(settings: SearchSettings) -> float:
        return float(np.mean([(front := search(known(), settings, seed)).values[front.chosen, 0] for seed in range(8)]))

    assert mean_best(SETTINGS) > mean_best(replace(SETTINGS, local_search=False))
    fitness = known()
    search(fitness, replace(SETTINGS, local_search=False), seed=1)
    assert fitness.evaluations["f1"] == fitness.evaluations["f2"]


def test_mutation_rate_by_hand() -> None:
    close, wide = [[0.0], [1.0]], [[-10.0], [60.0]]
    settings = SearchSettings(generations=5)
    # 0.3 in generations 0 to 2, 0.2 after; doubled while the spread is under 5, at most 0.5
    assert [mutation_rate(wide, settings, generation) for generation in range(5)] == [0.3, 0.3, 0.3, 0.2, 0.2]
    assert mutation_rate(close, settings, 0) == 0.5
    assert mutation_rate(close, settings, 4) == 0.4
    assert mutation_rate(close, replace(settings, adaptive=False), 0) == 0.3


def test_final_choice_ties_go_to_the_lower_second_objective() -> None:
    values = np.array([[7.0, 3.0], [7.5, 9.0], [7.5, 8.0], [6.0, 0.0]])
    assert dominating_order(values, (1.0, -1.0)) == [2, 1, 0, 3]


def test_brightness_penalty_by_hand() -> None:
    means = torch.tensor([0.25, 0.35, 0.5, 0.7, 0.9])
    assert brightness_penalty(means, 0.35, 0.7).tolist() == pytest.approx([0.1, 0.0, 0.0, 0.0, 0.2], abs=1e-6)


def test_a_constant_objective_is_no_trouble() -> None:
    def flat(genes: Tensor) -> Tensor:
        return torch.zeros(len(genes), dtype=torch.float64)

    front = search(known(first=flat, second=flat), SETTINGS, seed=1)
    assert (front.rank == 0).all()


def test_two_objectives_each_once() -> None:
    one = known().objectives[0]
    for wrong in ([one], [one, one]):
        with pytest.raises(ValueError, match="at least two"):
            Fitness(wrong)
