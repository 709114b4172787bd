"""The section of params.yaml for exposures that are fused: dataset, dual search, network, its training, its evaluation."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, ValidationInfo, field_validator, model_validator

from tasks.brackets.kind import SEARCHED
from tasks.config.base import (
    MAX_SIDE,
    Batch,
    Count,
    Crop,
    Few,
    Fraction,
    InnerFaults,
    Lights,
    Many,
    Rate,
    Section,
    Side,
    Stops,
    Training,
    lines_of,
    unknown_metrics,
)
from tasks.config.rounds import KindSection, TaughtModel

MAX_CHANNELS, MAX_STEPS = 1024, 64
"""As `models.fusers.searched` has them, where torch would be imported with them."""
Channels = Annotated[int, Field(ge=1, le=MAX_CHANNELS)]


def _known_layers(layers: list[str]) -> list[str]:
    from models.core.vgg_layers import VGG16_LAYERS

    unknown = [layer for layer in layers if layer not in VGG16_LAYERS]
    if unknown:
        raise ValueError(f"{unknown} are no VGG16 activations; known are {', '.join(VGG16_LAYERS)}")
    return layers


Layers = Annotated[list[str], Field(min_length=1), AfterValidator(_known_layers)]
"""Of VGG16, for the perceptual losses."""


class SampleBrackets(Section):
    """Photographs that installed packages ship, exposed shorter and longer in linear light.

    lights: which a photograph's crops are lit by, in turn. contrast_stops: how much darker than its brightest places such a light
    leaves the darkest; exposures are metered for the mean.
    """

    crops_per_photo: Few
    crop: Annotated[int, Field(ge=64, le=MAX_SIDE)]
    lights: Lights = Field(default_factory=lambda: ["even"])
    contrast_stops: Stops = (2.0, 5.0)
    under_stops: Stops
    over_stops: Stops
    shot_gain: Fraction
    read_sigma: Fraction
    validation_photos: Many

    @model_validator(mode="after")
    def _ordered(self) -> SampleBrackets:
        for name in ("under_stops", "over_stops"):
            low, high = getattr(self, name)
            if not 0 < low <= high:
                raise ValueError(f"{name} must be [low, high] with 0 < low <= high (stops away from the photograph)")
        if self.contrast_stops[0] > self.contrast_stops[1]:
            raise ValueError("contrast_stops must be [low, high] with 0 <= low <= high (stops from dark to bright)")
        return self


class FolderBrackets(Section):
    """A user's own bracketed photos: two folders that are joined, or one of bursts. natural: well-lit photos of anything, for
    the search's constraint."""

    under: str | None = None
    over: str | None = None
    reference: str | None = None
    natural: str | None = None
    validation_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.2
    max_side: Side | None = None
    swapped: Literal["fix", "refuse"] = "fix"
    bursts: str | None = None
    recursive: bool = False
    pair_by: Literal["name", "order", "time"] = "name"
    align: bool = True


class Dataset(Section):
    source: Literal["sample", "folder"]
    sample: SampleBrackets
    folder: FolderBrackets

    @model_validator(mode="after")
    def _folders_named(self) -> Dataset:
        named = [name for name in ("under", "over") if getattr(self.folder, name)]
        if self.source == "folder" and self.folder.bursts and named:
            raise ValueError(
                f"folder.bursts and folder.{named[0]} are both set; name one folder of bursts, or two to join"
            )
        missing = [f"folder.{name}" for name in ("under", "over") if name not in named]
        if self.source == "folder" and missing and not self.folder.bursts:
            raise ValueError(
                f"source is 'folder', so {' and '.join(missing)} must name the folders with your photos (or folder.bursts one "
                "folder of bracketed bursts)"
            )
        return self

    @property
    def positives(self) -> set[str]:
        """Which positives of the contrastive constraint the data can have: reference, natural."""
        if self.source == "sample":
            return {"reference", "natural"}
        return {name for name in ("reference", "natural") if getattr(self.folder, name)}


class Search(Section):
    """The dual search; see `models.search.loop.SearchSettings`. layers: of VGG16, for perceptual losses and constraint.

    accumulate: batches a step, which several processes share.
    """

    width: Channels
    steps: Count
    epoch: Count
    warmup: Annotated[int, Field(ge=0, le=10_000_000)] = 0
    upper_every: Count = 1
    omega_rate: Rate = 2e-4
    alpha_rate: Rate = 2e-1
    beta_rate: Rate = 3e-2
    constraint: Literal["both", "reference", "natural", "none"] = "both"
    refinement: Literal["wsras", "retention", "pruning", "darts"] = "wsras"
    threshold: Annotated[float, Field(ge=0, lt=1)] = 0.05
    retain: Annotated[int, Field(ge=1, le=11)] = 3
    crop: Crop
    batch: Batch
    layers: Layers
    save_every: Count = 25
    accumulate: Few = 1

    @model_validator(mode="after")
    def _possible(self) -> Search:
        if self.warmup >= self.steps:
            raise ValueError(f"warmup is {self.warmup} of {self.steps} steps: nothing would be searched")
        return self


class SearchedOptions(Section):
    """The derived network: its channels, and the unrolled steps of its dual stream."""

    width: Channels
    unrolled: Annotated[int, Field(ge=1, le=MAX_STEPS)] = 3


class FuserModel(TaughtModel):
    """The network that the search derives, or a fuser of the user's own."""

    @field_validator("options")
    @classmethod
    def _sound(cls, options: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        if info.data.get("name") == SEARCHED:
            try:
                return SearchedOptions.model_validate(options).model_dump()
            except ValidationError as error:
                raise InnerFaults(lines_of(error)) from None
        return options

    @model_validator(mode="after")
    def _known(self) -> FuserModel:
        from models.fusers.registry import GROUP
        from models.own import is_own, known_names

        if self.name != SEARCHED and not is_own(self.name, GROUP):
            raise ValueError(
                f"the rounds can teach {', '.join([SEARCHED, *known_names(GROUP)])}, and your own fuser by module:function or by "
                f"a TorchScript file (docs/your-model.md), not {self.name!r}"
            )
        if self.weights is not None and self.name == SEARCHED:
            raise ValueError("weights is for a fuser of your own; the searched one is trained by its start")
        return self


class TrainFuser(Training):
    """architecture random: as many parameters as the searched one; loss uniform: all terms alike (the comparisons).

    checkpoints: kept on the way, for the first ranker of the rounds.
    """

    crop: Crop
    checkpoints: Annotated[int, Field(ge=2, le=1000)] = 4
    layers: Layers
    architecture: Literal["searched", "random"] = "searched"
    loss: Literal["searched", "uniform"] = "searched"


class SearchReport(Section):
    metrics: Annotated[list[str], Field(min_length=1)]
    scenes: Few

    @model_validator(mode="after")
    def _metrics_known(self) -> SearchReport:
        fault = unknown_metrics("metrics", self.metrics)
        if fault:
            raise ValueError(fault)
        return self


class Brackets(KindSection):
    dataset: Dataset
    search: Search
    model: FuserModel
    start: TrainFuser
    search_report: SearchReport

    @model_validator(mode="after")
    def _search_has_positives(self) -> Brackets:
        wanted = {"both": {"reference", "natural"}, "none": set()}.get(self.search.constraint, {self.search.constraint})
        if wanted and not wanted & self.dataset.positives:
            named = " or ".join(f"dataset.folder.{name}" for name in sorted(wanted))
            raise ValueError(
                f"search.constraint is {self.search.constraint!r}, but {named} is not set. Name a folder of natural photos "
                "(well-lit, of anything), or set search.constraint to none: all losses then count the same"
            )
        return self


SECTION = Brackets
