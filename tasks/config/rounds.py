"""The sections of params.yaml that every kind of pictures has: how its rounds are judged, asked, labelled and aligned."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tasks.config.base import (
    Crop,
    Few,
    Fraction,
    Many,
    NonNegative,
    Number,
    Positive,
    Reduction,
    Revision,
    Section,
    Seed,
    Training,
    Width,
    unknown_metrics,
)


class RankerTraining(Training):
    crop: Crop
    margin: Positive


class RankerNetwork(Section):
    """Channels of the first convolution and of the nine blocks, which of the blocks halve the size, and the hidden units."""

    widths: Annotated[list[Width], Field(min_length=10, max_length=10)]
    strides: Annotated[list[Literal[1, 2]], Field(min_length=9, max_length=9)]
    hidden: Width
    reduce: Reduction = 1


class Judge(Section):
    """The ranker: its network, its training on NIQE's rankings (g0), and the one of each round."""

    name: Literal["ranker"] = "ranker"
    network: RankerNetwork
    start: RankerTraining
    rounds: RankerTraining


class Pairs(Section):
    """Which pairs are asked: `k` of them, by the largest difference of the judge's scores or at random."""

    k: Many
    strategy: Literal["gap", "random"]


class Simulated(Section):
    """Simulated observers; see `models.preference.observers`. `utility` weighs registered metrics, `noise` is in its units."""

    observers: Few
    utility: Annotated[dict[str, Number], Field(min_length=1)]
    noise: NonNegative
    lapse: Fraction
    position_bias: Number
    seed: Seed

    @model_validator(mode="after")
    def _metrics_known(self) -> Simulated:
        fault = unknown_metrics("utility", list(self.utility))
        if fault:
            raise ValueError(fault)
        if any(weight <= 0 for weight in self.utility.values()):
            raise ValueError("utility weights must be positive (a metric's direction is known to the registry)")
        return self


class Labels(Section):
    """Who votes, and how pairs are shown to people; the fields that have defaults came later than version 0.1's files."""

    source: Literal["simulated", "people"]
    votes: Few
    question: str
    allow_tie: bool = False
    allow_unsure: bool = False
    repeats: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    training: Annotated[int, Field(ge=0, le=100)] = 0
    simulated: Simulated

    @model_validator(mode="after")
    def _enough_observers(self) -> Labels:
        if self.source == "simulated" and self.simulated.observers < self.votes:
            raise ValueError(
                f"votes is {self.votes} but simulated.observers only {self.simulated.observers}: "
                "each vote on a pair comes from another observer"
            )
        return self


class Align(Training):
    """The aligner: ranker loss beside content loss (HiLLIE, Eq. 3 to 5)."""

    name: Literal["ranker_loss"] = "ranker_loss"
    crop: Crop
    lambda_ranker: NonNegative
    content_layer: str
    content_reduce: Reduction = 1

    @model_validator(mode="after")
    def _layer_known(self) -> Align:
        from models.core.vgg_layers import VGG16_LAYERS

        if self.content_layer not in VGG16_LAYERS:
            raise ValueError(
                f"content_layer {self.content_layer!r} is no VGG16 activation; known are {', '.join(VGG16_LAYERS)}"
            )
        return self


class Evaluate(Section):
    metrics: Annotated[list[str], Field(min_length=1)]
    bootstrap: Annotated[int, Field(ge=100, le=100_000)]
    label_rev: Revision = 0

    @model_validator(mode="after")
    def _metrics_known(self) -> Evaluate:
        fault = unknown_metrics("metrics", self.metrics)
        if fault:
            raise ValueError(fault)
        return self


class Report(Section):
    photos: Few


class KindSection(Section):
    """What params.yaml says of a kind of pictures: these, and what its own section adds."""

    judge: Judge
    pairs: Pairs
    labels: Labels
    align: Align
    evaluate: Evaluate
    report: Report
