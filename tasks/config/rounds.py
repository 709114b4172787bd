"""The sections of params.yaml that every kind of pictures has: how its rounds are judged, asked, labelled and aligned."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, ValidationInfo, field_validator, model_validator

from tasks.config.asking import Labels
from tasks.config.base import (
    Crop,
    Few,
    InnerFaults,
    Many,
    NonNegative,
    Options,
    Positive,
    Reduction,
    Revision,
    Section,
    Training,
    Width,
    lines_of,
    plain,
    unknown_metrics,
)


class JudgeTraining(Training):
    """Of a judge. On pairs of which one picture is the better: crop, margin. On ratings: variants, corrupted ones of a scene."""

    crop: Crop | None = None
    margin: Positive | None = None
    variants: Few | None = None


class RankerOptions(Section):
    """Channels of the first convolution and of the nine blocks, which of the blocks halve the size, and the hidden units."""

    widths: Annotated[list[Width], Field(min_length=10, max_length=10)]
    strides: Annotated[list[Literal[1, 2]], Field(min_length=9, max_length=9)]
    hidden: Width
    reduce: Reduction = 1


class MetricOptions(Section):
    """A registered metric that needs no reference."""

    metric: str

    @field_validator("metric")
    @classmethod
    def _judges(cls, metric: str) -> str:
        from models.quality import info

        if fault := unknown_metrics("metric", [metric]):
            raise ValueError(fault)
        if info(metric).needs_reference:
            raise ValueError(f"{metric} compares with a reference, which a judge is not given")
        return metric


class EnsembleOptions(Section):
    """See `models.judges.ensemble`. of, options: a judge that learns from pairs, and what it is built with."""

    of: str
    options: dict[str, Any]
    members: Annotated[int, Field(ge=1, le=100)] = 5
    take: Literal["mean", "worst", "mean_minus_spread"] = "mean"
    spread_weight: NonNegative = 1.0
    share: Annotated[float, Field(gt=0, le=1)] = 1.0

    @field_validator("of")
    @classmethod
    def _learns_from_pairs(cls, of: str) -> str:
        if fault := judge_fault("judge", of):
            raise ValueError(fault)
        if of == "ensemble" or _LEARNS.get(of, "pairs") != "pairs":
            raise ValueError(f"an ensemble is of judges that learn from pairs, such as ranker or your own, not of {of}")
        return of

    @field_validator("options")
    @classmethod
    def _fit(cls, options: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        return _fitting(str(info.data.get("of")), options)


def judge_fault(what: str, name: str) -> str | None:
    """Why no judge is called `name`, else None."""
    from models.judges.registry import GROUP, JUDGES
    from models.own import is_own, known_names

    if name in JUDGES or is_own(name, GROUP):
        return None
    known = ", ".join([*sorted(JUDGES), *known_names(GROUP)])
    return (
        f"no {what} is called {name!r}; known are {known}, and your own by module:function or by a TorchScript "
        "or ONNX file (docs/your-model.md)"
    )


class RankerLossOptions(Section):
    """See `models.aligners.ranker_loss`."""

    lambda_ranker: NonNegative
    content_layer: str
    content_reduce: Reduction = 1

    @field_validator("content_layer")
    @classmethod
    def _known(cls, layer: str) -> str:
        from models.core.vgg_layers import VGG16_LAYERS

        if layer not in VGG16_LAYERS:
            raise ValueError(f"{layer!r} is no VGG16 activation; known are {', '.join(VGG16_LAYERS)}")
        return layer


class Vary(Section):
    """How two versions of a picture differ: by `tone`, in a field that is smooth between `parts` x `parts` places
    (`models.enhancers.versions`); 1: all over alike.
    """

    tone: Annotated[float, Field(gt=0, le=2)]
    parts: Annotated[int, Field(ge=1, le=16)] = 1


class PreferredOptions(Vary):
    """See `models.aligners.preferred`."""

    tone: Annotated[float, Field(gt=0, le=2)] = 0.5
    parts: Annotated[int, Field(ge=1, le=16)] = 2
    newest_votes: Few | None = 1


# Of those whose options are checked before anything is imported; of all others they are checked when one is built.
_OPTIONS: dict[str, type[Section]] = {
    "ranker": RankerOptions, "metric": MetricOptions, "ensemble": EnsembleOptions, "ranker_loss": RankerLossOptions,
    "preferred": PreferredOptions,
}  # fmt: skip
# What they learn from, of those of which it is known here; of all others it shows when one is built.
_LEARNS = {"ranker": "pairs", "metric": None, "reward": "ratings", "ensemble": "pairs"}
_PAIRS, _RATINGS = ("crop", "margin"), ("variants",)


def _sound(options: dict[str, Any], info: ValidationInfo, *, named: bool = False) -> dict[str, Any]:
    """The options, where they fit what `name` names, as far as that is known."""
    return _fitting(str(info.data.get("name")), options, named=named)


def _fitting(name: str, options: dict[str, Any], *, named: bool = False) -> dict[str, Any]:
    shape = _OPTIONS.get(name)
    if shape is None:
        return plain(options, named=named)
    try:
        shape.model_validate(options)
    except ValidationError as error:
        raise InnerFaults(lines_of(error)) from None
    return options


def _sound_with_names(options: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
    return _sound(options, info, named=True)


NamedOptions = Annotated[dict[str, Any], AfterValidator(_sound)]
"""Of what `name` beside them names."""
NestedOptions = Annotated[dict[str, Any], AfterValidator(_sound_with_names)]
"""The same, of which one may be options by name itself (explore, generator)."""


class Judge(Section):
    """A judge, the options of its constructor, its training before there are labels (g0), and the one of each round.

    start, rounds: null for a judge that learns nothing. DVC reads all of them, so none may be left out.
    """

    name: str
    options: NamedOptions
    start: JudgeTraining | None
    rounds: JudgeTraining | None

    @model_validator(mode="after")
    def _known(self) -> Judge:
        if fault := judge_fault("judge", self.name):
            raise ValueError(fault)
        sections = {"start": self.start, "rounds": self.rounds}
        given = [key for key, section in sections.items() if section is not None]
        if self.name in _LEARNS and _LEARNS[self.name] is None and given:
            raise ValueError(f"{self.name} learns nothing, so {' and '.join(given)} must be null")
        if _LEARNS.get(self.name) and len(given) < 2:
            raise ValueError(
                f"{self.name} learns from {_LEARNS[self.name]}, so start and rounds say how it is trained; one is null"
            )
        if len(given) == 1:
            raise ValueError("start and rounds are both sections, or both null for a judge that learns nothing")
        for key, section in sections.items():
            if section is not None and (fault := self._keys_fault(key, section)):
                raise ValueError(fault)
        return self

    @property
    def opinions(self) -> int | None:
        """How many opinions it has of a picture, as far as that is known without building it; None for a user's own."""
        if self.name == "ensemble":
            return int(self.options.get("members", EnsembleOptions.model_fields["members"].default))
        return 1 if self.name in _LEARNS else None

    def _keys_fault(self, key: str, section: JudgeTraining) -> str | None:
        """What a training lacks, or has too much of.

        Before there are labels a judge of ratings learns from corruptions, or, with crop and margin, from pairs as a ranker does.
        """
        values = section.model_dump()
        as_ranker = section.variants is None and any(values[name] is not None for name in _PAIRS)
        rated = key == "start" and (
            (_LEARNS.get(self.name) == "ratings" and not as_ranker)
            or (self.name not in _LEARNS and section.variants is not None)
        )
        wanted, others = (_RATINGS, _PAIRS) if rated else (_PAIRS, _RATINGS)
        missing, odd = (
            [name for name in wanted if values[name] is None],
            [name for name in others if values[name] is not None],
        )
        if missing:
            return f"{key}.{missing[0]} is missing: {self.name} learns there from {'ratings' if rated else 'pairs'}"
        return f"{key}.{odd[0]} is not for a training on {'ratings' if rated else 'pairs'}" if odd else None

    @property
    def crops(self) -> dict[str, int]:
        """Sides of the crops that its trainings cut, by the path of their key."""
        sections = {"judge.start.crop": self.start, "judge.rounds.crop": self.rounds}
        return {key: section.crop for key, section in sections.items() if section is not None and section.crop}


class Pairs(Section):
    """Which pairs are asked: `k` of them, by the largest difference of the judge's scores, at random, or by what is expected to
    tell an ensemble most (`models.preference.choice`). vary: of two versions of what f(n) makes; null: of f(n-1) and f(n).
    """

    k: Many
    strategy: Literal["gap", "random", "information"]
    vary: Vary | None = None


class Regions(Section):
    """A segmenter and its options (docs/regions.md). least: share of a picture under which a region is none of its own."""

    name: str
    options: NestedOptions = Field(default_factory=dict)
    least: Annotated[float, Field(ge=0, le=0.5)] = 0.01

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        from models.regions.registry import REGIONS

        if name not in REGIONS:
            raise ValueError(f"no segmenter is called {name!r}; known are {', '.join(sorted(REGIONS))}")
        return name


class Guard(Section):
    """When an alignment has gone too far; see `models.aligners.guard.Rule`.

    witnesses: metrics that are looked at beside the judge, which the model is not trained on. photographs: of the training set,
    which the alignment does not see, and the guard looks at.
    """

    witnesses: list[str] = Field(default_factory=list)
    photographs: Few = 4
    every: Few = 10
    patience: Few = 2
    harm: NonNegative = 2.0
    fidelity: Positive | None = None

    @model_validator(mode="after")
    def _sees(self) -> Guard:
        from models.quality import info

        if fault := unknown_metrics("witnesses", self.witnesses):
            raise ValueError(fault)
        for name in self.witnesses:
            if info(name).needs_reference:
                raise ValueError(f"witness {name} compares with a reference, which there is none of in an alignment")
        if not self.witnesses and self.fidelity is None:
            raise ValueError(
                "witnesses is empty and fidelity null, so nothing can go wrong; name some, or set guard to null"
            )
        return self


class Align(Training):
    """An aligner, its training, and the options of its constructor.

    data: all training pictures, or the `share` of them whose f(n) the judge likes least. guard: null for none. keep: weights of
    the kind's losses by name, which go on beside the aligner's own (docs/alignment.md).
    """

    name: str
    crop: Crop
    options: NestedOptions
    data: Literal["all", "hardest"] = "all"
    share: Annotated[float, Field(gt=0, le=1)] = 0.3
    guard: Guard | None = None
    keep: dict[str, NonNegative] = Field(default_factory=dict)

    @property
    def by_votes(self) -> bool:
        """Whether the model learns from what was preferred, with no judge between."""
        return self.name == "preferred" or self.options.get("pairs") == "votes"

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        from models.aligners.registry import ALIGNERS

        if name not in ALIGNERS:
            raise ValueError(f"no aligner is called {name!r}; known are {', '.join(sorted(ALIGNERS))}")
        return name


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


class TaughtModel(Section):
    """A model that the rounds teach, and the options of its constructor: a registered one, or the user's own.

    weights: a safetensors file of the user's to start with; the model is then f(0) as it is (docs/your-model.md).
    """

    name: str
    options: Options
    weights: str | None = None

    @model_validator(mode="after")
    def _weights_are_safe(self) -> TaughtModel:
        if self.weights is not None and not self.weights.endswith(".safetensors"):
            raise ValueError(f"weights is a .safetensors file; `loupe weights convert {self.weights}` makes one")
        return self


class KindSection(Section):
    """What params.yaml says of a kind of pictures: these, and what its own section adds."""

    judge: Judge
    pairs: Pairs
    labels: Labels
    regions: Regions | None
    align: Align
    evaluate: Evaluate
    report: Report

    @model_validator(mode="after")
    def _varies(self) -> KindSection:
        if self.pairs.vary is not None and self.labels.asks != "pairs":
            raise ValueError(f"pairs.vary is of pairs, and labels.asks is {self.labels.asks}: set pairs.vary to null")
        return self

    @model_validator(mode="after")
    def _doubts(self) -> KindSection:
        if self.pairs.strategy == "information" and self.judge.opinions == 1:
            raise ValueError(
                f"pairs.strategy: information asks where a judge's members disagree, and {self.judge.name} has one opinion: take "
                f"judge: {{name: ensemble, options: {{of: ..., options: ..., members: 5}}}} (docs/doubt.md), or gap"
            )
        return self
