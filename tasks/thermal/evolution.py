"""DCEvo's evolutionary search of the loss weights: a small population, each member judged by what a short training makes of it.

Seven weights, roulette selection, single-point crossover, mutation of a tenth of the genes, weights clipped to [1, 10] and scaled
to a sum of 10, as published (there with pygad; here with DEAP). Which seven terms the paper weighs is open: those of
`models.losses.infrared`, each times SCALES, which brings it to the order of the others.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from deap import base, tools

LOWEST, HIGHEST, SUM = 1.0, 10.0, 10.0
SCALES = {
    "intensity": 1.0,
    "gradient": 10.0,
    "decomposition": 1.0,
    "ssim_infrared": 0.3,
    "ssim_visible": 0.3,
    "correlation": 0.3,
    "detail": 10.0,
}
"""The seven terms that are weighed, and what one of weight 1 counts: of an untrained fuser on RoadScene all are of one order."""


@dataclass(frozen=True)
class Generation:
    """The best weights so far, by name as the training takes them, and the fitness of all individuals of the generation."""

    weights: dict[str, float]
    best: float
    fitness: tuple[float, ...]


def normalised(genes: Sequence[float]) -> list[float]:
    """Clipped to [1, 10] and scaled to a sum of 10."""
    clipped = [min(max(gene, LOWEST), HIGHEST) for gene in genes]
    return [SUM * gene / sum(clipped) for gene in clipped]


def weights_of(genes: Sequence[float]) -> dict[str, float]:
    """The weights of the terms, as `models.losses.infrared.weighted` takes them."""
    return {name: SCALES[name] * gene for name, gene in zip(SCALES, normalised(genes), strict=True)}


def evolve(
    fitness: Callable[[dict[str, float]], float], population: int, generations: int, mutation: float, seed: int
) -> list[Generation]:
    """Search the weights with the highest fitness; returns the generations, the first one drawn at random.

    mutation: chance of a gene to be drawn anew. The best individual of a generation stays. The same seed searches the same.
    """
    chance = random.Random(seed)
    state = random.getstate()
    random.seed(chance.random())  # DEAP draws from the module's generator, which is put back
    try:
        pool = [_Individual(chance.uniform(LOWEST, HIGHEST) for _ in SCALES) for _ in range(population)]
        found: list[Generation] = []
        for number in range(generations + 1):
            if number:
                best = max(pool, key=lambda one: one.score)
                parents = [
                    _Individual(one) for one in tools.selRoulette([_shifted(one, pool) for one in pool], population - 1)
                ]
                for one, other in zip(parents[::2], parents[1::2], strict=False):
                    tools.cxOnePoint(one, other)
                for one in parents:
                    for place in range(len(one)):
                        if chance.random() < mutation:
                            one[place] = chance.uniform(LOWEST, HIGHEST)
                pool = [best, *parents]
            for one in pool:
                if one.score is None:
                    one.score = fitness(weights_of(one))
            best = max(pool, key=lambda one: one.score)
            found.append(Generation(weights_of(best), best.score, tuple(one.score for one in pool)))
            print(f"weights, generation {number}: best {best.score:.4f}", flush=True)
        return found
    finally:
        random.setstate(state)


class _Individual(list[float]):
    """The genes of one; score: None until it was tried."""

    score: Any = None
    fitness: Any = None


class _Fitness(base.Fitness):  # type: ignore[misc]
    """Higher is better."""

    weights = (1.0,)


def _shifted(one: _Individual, pool: Sequence[_Individual]) -> _Individual:
    """With a fitness above 0 for the roulette: the worst of the pool gets a twentieth of the spread."""
    scores = [other.score for other in pool]
    spread = max(scores) - min(scores)
    one.fitness = _Fitness((one.score - min(scores) + 0.05 * spread + 1e-9,))
    return one
