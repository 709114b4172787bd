"""The sections of params.yaml for the per-photo genetic search, its evaluation and its predictor."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field, model_validator

from tasks.config.base import (
    Batch,
    Fraction,
    Many,
    NonNegative,
    Positive,
    Section,
    Shares,
    Training,
    Width,
    metrics_of_fusion,
    unknown_metrics,
)

PAPER_OBJECTIVES = ("entropy", "distance")
NOTHING_ELSE = "pictures"
JUDGED, _FORMER_JUDGED = "judge:", "ranker:"
"""Before the round of a judge, where one is an objective."""


def objective_fault(name: str) -> str | None:
    """Why `name` is no objective, else None: entropy, distance, a registered metric without reference, or judge:rNN."""
    if name in PAPER_OBJECTIVES:
        return None
    if name.startswith(_FORMER_JUDGED):
        return f"{name} is now called {JUDGED}{name.removeprefix(_FORMER_JUDGED)}: write that"
    if name.startswith(JUDGED):
        known = re.fullmatch(r"r\d\d+", name.removeprefix(JUDGED))
        return None if known else f"{name!r} names no round ({JUDGED}r00, {JUDGED}r01, ...)"
    from models.own import OwnModelError
    from models.quality import RENAMED, UnknownMetric, info, names

    if name in RENAMED:
        return f"{name} is now called {RENAMED[name]}: write that (docs/metrics.md says why)"
    try:
        facts = info(name)
    except UnknownMetric:
        return f"{name!r} is no objective; known are entropy, distance, {JUDGED}rNN and {', '.join(sorted(names()))}"
    except OwnModelError as error:
        return str(error)
    if facts.needs_sources:
        return f"{name!r} compares a fused image with its exposures, and a photo has none"
    return f"{name!r} needs a reference, and a search has none" if facts.needs_reference else None


class Genetic(Section):
    """The search; see `models.genetic.search.SearchSettings`. Defaults are the paper's numbers."""

    kinds: list[str]
    photos: Many | None = None
    population: Annotated[int, Field(ge=4, le=10_000)] = 50
    generations: Annotated[int, Field(ge=0, le=10_000)] = 5
    crossover: Fraction = 0.85
    blend: NonNegative = 0.5
    mutation: Shares = (0.3, 0.2)
    mutation_sigma: Positive = 0.1
    mutation_cap: Fraction = 0.5
    low_spread: NonNegative = 5.0
    adaptive: bool = True
    local_search: bool = True
    local_share: Annotated[float, Field(gt=0, le=1)] = 0.2
    local_steps: Annotated[int, Field(ge=0, le=10_000)] = 8
    local_sigma: Positive = 0.05
    objectives: Annotated[list[str], Field(min_length=2, default_factory=lambda: list(PAPER_OBJECTIVES))]
    reads: str
    penalty: NonNegative = 30.0
    brightness: Shares = (0.35, 0.7)
    side: Annotated[int, Field(ge=32, le=4096)] = 224
    batch: Batch = 10

    @property
    def judge(self) -> str | None:
        """The round of the judge that is an objective, if one is."""
        return next((name.removeprefix(JUDGED) for name in self.objectives if name.startswith(JUDGED)), None)

    @model_validator(mode="after")
    def _consistent(self) -> Genetic:
        faults = [fault for name in self.objectives if (fault := objective_fault(name))]
        if len(set(self.objectives)) < len(self.objectives):
            faults.append("objectives names one twice")
        judges = {f"judges/{name.removeprefix(JUDGED)}" for name in self.objectives if name.startswith(JUDGED)}
        if len(judges) > 1:
            faults.append("objectives may name one judge only")
        wanted = next(iter(judges), NOTHING_ELSE)
        if self.reads != wanted:
            faults.append(f"reads must be {wanted!r} with these objectives (what else of data/KIND the search reads)")
        if not 0 <= self.brightness[0] <= self.brightness[1] <= 1:
            faults.append("brightness must be [low, high] within [0, 1]")
        if not all(0 <= rate <= 1 for rate in self.mutation):
            faults.append("mutation must be two rates within [0, 1]")
        if faults:
            raise ValueError("; ".join(faults))
        return self


class GeneticEvaluate(Section):
    metrics: Annotated[list[str], Field(min_length=1)]

    @model_validator(mode="after")
    def _metrics_known(self) -> GeneticEvaluate:
        fault = unknown_metrics("metrics", self.metrics) or metrics_of_fusion("metrics", self.metrics)
        if fault:
            raise ValueError(fault)
        return self


class Amortise(Training):
    """The predictor of genes. target: chosen, or an objective by which the best of each photo's front is learned instead."""

    width: Width = 16
    hidden: Width = 96
    target: str = "chosen"

    @model_validator(mode="after")
    def _target_known(self) -> Amortise:
        fault = None if self.target == "chosen" else objective_fault(self.target)
        if fault:
            raise ValueError(f"target: {fault}")
        return self
