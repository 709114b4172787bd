"""The section of params.yaml for infrared and visible pictures: dataset, fuser, its training."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tasks.config.base import (
    MAX_SIDE,
    Count,
    Crop,
    Few,
    Fraction,
    Many,
    NonNegative,
    Section,
    Side,
    Stops,
    Training,
)
from tasks.config.rounds import KindSection, TaughtModel

Percent = Annotated[float, Field(ge=0, le=100)]


class SampleThermal(Section):
    """Photographs that installed packages ship, in less light, beside a synthetic thermal channel; only to have a graph run."""

    crops_per_photo: Few
    crop: Annotated[int, Field(ge=64, le=MAX_SIDE)]
    stops: Stops
    targets: Annotated[int, Field(ge=0, le=20)]
    noise: Fraction
    validation_photos: Many

    @model_validator(mode="after")
    def _ordered(self) -> SampleThermal:
        low, high = self.stops
        if low > high:
            raise ValueError(
                "stops must be [low, high] with low <= high (stops of under-exposure of the visible picture)"
            )
        return self


class FolderThermal(Section):
    """A user's own pairs. duplicates, same_scene: distances between pairs, in [0, 2] (`tasks.thermal.alike`); null for none."""

    infrared: str | None = None
    visible: str | None = None
    validation_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.2
    max_side: Side | None = 768
    recursive: bool = False
    pair_by: Literal["name", "order", "time"] = "name"
    hot: Literal["white", "black"] = "white"
    scale: Literal["picture", "set"] = "picture"
    percentiles: Annotated[tuple[Percent, Percent], Field(strict=False)] = (0.5, 99.5)
    align: bool = False
    duplicates: Annotated[float, Field(gt=0, le=2)] | None = 0.08
    same_scene: Annotated[float, Field(gt=0, le=2)] | None = 0.18

    @model_validator(mode="after")
    def _ordered(self) -> FolderThermal:
        low, high = self.percentiles
        if low >= high:
            raise ValueError("percentiles must be [low, high] with low < high")
        return self


class Dataset(Section):
    source: Literal["sample", "folder"]
    sample: SampleThermal
    folder: FolderThermal

    @model_validator(mode="after")
    def _folders_named(self) -> Dataset:
        missing = [f"folder.{name}" for name in ("infrared", "visible") if not getattr(self.folder, name)]
        if self.source == "folder" and missing:
            raise ValueError(f"source is 'folder', so {' and '.join(missing)} must name the folders with your pictures")
        return self


class FuserModel(TaughtModel):
    """A fuser that can be trained for infrared and visible."""

    @model_validator(mode="after")
    def _known(self) -> FuserModel:
        from models.fusers.registry import GROUP
        from models.own import is_own, known_names

        if self.name not in TAUGHT and not is_own(self.name, GROUP):
            raise ValueError(
                f"the rounds can teach {', '.join([*TAUGHT, *known_names(GROUP)])}, and your own fuser by module:function or by "
                f"a TorchScript file (docs/your-model.md), not {self.name!r}"
            )
        return self


TAUGHT = ("dcevo",)
"""Registered fusers that can be trained for infrared and visible."""


class LossWeights(Section):
    """Of the terms of `models.losses.infrared`."""

    intensity: NonNegative
    gradient: NonNegative
    decomposition: NonNegative
    ssim_infrared: NonNegative
    ssim_visible: NonNegative
    correlation: NonNegative
    detail: NonNegative
    transfer: NonNegative = 0.0

    @model_validator(mode="after")
    def _one_is_there(self) -> LossWeights:
        if not any(self.model_dump().values()):
            raise ValueError("all weights are 0: nothing would be learnt")
        return self


class Evolution(Section):
    """DCEvo's search of the loss weights. steps: of the short training that judges each individual."""

    population: Annotated[int, Field(ge=3, le=1000)] = 5
    generations: Few = 5
    mutation: Fraction = 0.1
    steps: Count


class Start(Training):
    """Of f(0). checkpoints: kept on the way, for the first judge of the rounds. evolve: searches the weights first."""

    crop: Crop
    checkpoints: Annotated[int, Field(ge=2, le=1000)] = 4
    weights: LossWeights
    evolve: Evolution | None = None


class Thermal(KindSection):
    dataset: Dataset
    model: FuserModel
    start: Start


SECTION = Thermal
