"""NSGA-II with adaptive mutation and memetic local search over a photo's genes (Sec. 3.4 to 3.6, Appendix A).

DEAP sorts, selects and varies; individuals are judged a generation at a time by `Fitness`.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from deap import base, tools

from models.enhancers.parametric import BOUNDS
from models.genetic.objectives import Fitness


class NothingFinite(ValueError):
    """No individual of the first population has finite objectives."""


@dataclass(frozen=True)
class SearchSettings:
    """Numbers of the search; the defaults are the paper's (Table 1, Appendix A) except where `ours` is said.

    mutation: base rate before and after half of the generations. low_spread: of the brightness gene, under which the
    rate doubles, at most to mutation_cap. mutation_sigma: of each gene, in parts of its range. local_share: of the
    population that the local search tries to improve (20 % in Appendix A.1, 10 % in Sec. 3.5). local_sigma: its step in
    parts of the range (ours: "a small value"). adaptive, local_search: off for the ablations of Table 3.
    """

    population: int = 50
    generations: int = 5
    crossover: float = 0.85
    blend: float = 0.5
    mutation: tuple[float, float] = (0.3, 0.2)
    mutation_sigma: float = 0.1
    mutation_cap: float = 0.5
    low_spread: float = 5.0
    adaptive: bool = True
    local_search: bool = True
    local_share: float = 0.2
    local_steps: int = 8
    local_sigma: float = 0.05


@dataclass(frozen=True)
class Front:
    """The last population, best rank first.

    genes: (P, 3). values: (P, objectives). rank: (P,), 0 is the front. crowding: (P,), infinite at the ends.
    chosen: index of the individual that stands for the photo.
    """

    genes: np.ndarray
    values: np.ndarray
    rank: np.ndarray
    crowding: np.ndarray
    chosen: int


class Individual(list[float]):
    """Genes with DEAP's fitness."""

    def __init__(self, genes: Sequence[float], fitness: base.Fitness) -> None:
        super().__init__(genes)
        self.fitness = fitness
        self.rank = 0


def search(fitness: Fitness, settings: SearchSettings, seed: int) -> Front:
    """Search the genes of one photo. The same fitness, settings and seed give the same front.

    Raises NothingFinite where the first population has no individual whose objectives are all finite; others that have
    NaN or an infinity are left out of every front.
    """
    kind: type[base.Fitness] = type("PhotoFitness", (base.Fitness,), {"weights": fitness.weights})
    with _seeded(seed):
        people = [_individual([random.uniform(*bounds) for bounds in BOUNDS], kind) for _ in range(settings.population)]
        people = _ranked(_finite(people, fitness), settings.population)
        if not people:
            names = ", ".join(objective.name for objective in fitness.objectives)
            raise NothingFinite(f"no genes give finite values of {names} on this photo")
        for generation in range(settings.generations):
            children = _offspring(people, settings, generation, kind)
            people = _ranked(people + _finite(children, fitness), settings.population)
            if settings.local_search:
                people = _ranked(_improved(people, fitness, settings, kind), settings.population)
    return _front(people, fitness)


def dominating_order(values: np.ndarray, weights: Sequence[float]) -> list[int]:
    """Indices by the first objective, ties by the next, best first: the final choice among a front (Sec. 3.6)."""
    signed = values * np.asarray(weights)
    return sorted(range(len(values)), key=lambda index: tuple(-signed[index]))


def _individual(genes: Sequence[float], kind: type[base.Fitness]) -> Individual:
    clipped = [min(max(gene, low), high) for gene, (low, high) in zip(genes, BOUNDS, strict=True)]
    return Individual(clipped, kind())


def _array(people: Sequence[Individual]) -> np.ndarray:
    return np.array(people, dtype=np.float64).reshape(-1, len(BOUNDS))


def _finite(people: list[Individual], fitness: Fitness) -> list[Individual]:
    """Those of `people` whose objectives are all finite, with their fitness set."""
    kept = []
    for person, values in zip(people, fitness.all(_array(people)), strict=True):
        if np.isfinite(values).all():
            person.fitness.values = tuple(values)
            kept.append(person)
    return kept


def _ranked(people: list[Individual], count: int) -> list[Individual]:
    """The best `count` by non-domination and crowding, with rank and crowding distance set."""
    selected: list[Individual] = []
    for rank, front in enumerate(tools.sortNondominated(people, count)):
        tools.emo.assignCrowdingDist(front)
        for person in front:
            person.rank = rank
        front.sort(key=lambda person: person.fitness.crowding_dist, reverse=True)
        selected += front[: count - len(selected)]
    return selected


def _tournament(people: Sequence[Individual]) -> Individual:
    """Binary tournament: lower rank, among equals the less crowded (DEAP's own takes multiples of four only)."""
    one, two = random.choice(people), random.choice(people)
    if one.rank != two.rank:
        return one if one.rank < two.rank else two
    return one if one.fitness.crowding_dist >= two.fitness.crowding_dist else two


def mutation_rate(people: Sequence[Sequence[float]], settings: SearchSettings, generation: int) -> float:
    """Share of children that mutate: the base rate, doubled while the brightness genes lie close together (Sec. 3.4)."""
    rate = settings.mutation[0 if generation < settings.generations / 2 else 1]
    spread = float(np.std([person[0] for person in people]))
    if settings.adaptive and spread < settings.low_spread:
        return min(settings.mutation_cap, 2 * rate)
    return rate


def _offspring(
    people: Sequence[Individual], settings: SearchSettings, generation: int, kind: type[base.Fitness]
) -> list[Individual]:
    rate = mutation_rate(people, settings, generation)
    sigmas = [settings.mutation_sigma * (high - low) for low, high in BOUNDS]
    children: list[Individual] = []
    while len(children) < settings.population:
        one, two = list(_tournament(people)), list(_tournament(people))
        if random.random() < settings.crossover:
            tools.cxBlend(one, two, settings.blend)
        for genes in (one, two):
            if random.random() < rate:
                tools.mutGaussian(genes, [0.0] * len(genes), sigmas, 1.0)
            children.append(_individual(genes, kind))
    return children[: settings.population]


def _improved(
    people: list[Individual], fitness: Fitness, settings: SearchSettings, kind: type[base.Fitness]
) -> list[Individual]:
    """The population with its top individuals climbed by the first objective (Sec. 3.5, Appendix A.1).

    A neighbour is accepted when the first objective improves, or ties and the next decides. The first objective is
    asked first; the others only where it ties, and of what the climb ends at.
    """
    sign = fitness.weights[0]
    order = sorted(range(len(people)), key=lambda index: people[index].fitness.wvalues, reverse=True)
    top = order[: max(1, round(settings.local_share * len(people)))]
    best = {index: _array([people[index]])[0] for index in top}
    first = {index: float(people[index].fitness.values[0]) for index in top}
    sigmas = np.array([settings.local_sigma * (high - low) for low, high in BOUNDS])
    for _ in range(settings.local_steps):
        steps = np.array([[random.gauss(0.0, sigma) for sigma in sigmas] for _ in top])
        tried = np.clip(np.stack([best[index] for index in top]) + steps, *np.array(BOUNDS).T)
        for index, genes, value in zip(top, tried, fitness.of(tried, 0), strict=True):
            if not np.isfinite(value) or sign * value < sign * first[index]:
                continue
            if value == first[index] and not _better_at_tie(genes, best[index], fitness):
                continue
            best[index], first[index] = genes, float(value)
    climbed = _finite([_individual(best[index], kind) for index in top], fitness)
    kept = {tuple(person): person for person in climbed}
    result = list(people)
    for index in top:
        result[index] = kept.get(tuple(best[index]), people[index])
    return result


def _better_at_tie(genes: np.ndarray, before: np.ndarray, fitness: Fitness) -> bool:
    """Whether the objectives after the first prefer `genes`, the second before the third."""
    new, old = fitness.all(np.stack([genes, before])) * np.asarray(fitness.weights)
    return bool(np.isfinite(new).all()) and tuple(new[1:]) > tuple(old[1:])


def _front(people: list[Individual], fitness: Fitness) -> Front:
    unique = list({tuple(person): person for person in people}.values())
    people = _ranked(unique, len(unique))
    values = np.array([person.fitness.values for person in people])
    rank = np.array([person.rank for person in people])
    leaders = np.flatnonzero(rank == 0)
    chosen = int(leaders[dominating_order(values[leaders], fitness.weights)[0]])
    crowding = np.array([person.fitness.crowding_dist for person in people])
    return Front(_array(people), values, rank, crowding, chosen)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """DEAP draws from the global `random`: seeded for the search, and put back as it was."""
    state: Any = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)
