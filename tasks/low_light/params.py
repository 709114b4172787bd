"""The section of params.yaml for photos taken in the dark."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tasks.config.base import (
    MAX_SIDE,
    Crop,
    Few,
    Fraction,
    Lights,
    Many,
    NonNegative,
    Options,
    Section,
    Side,
    Stops,
    Training,
)
from tasks.config.rounds import Evaluate, KindSection, TaughtModel


class SampleDataset(Section):
    """Photographs that installed packages ship, darkened in linear light.

    lights: which a photograph's crops take in turn. noise_growth: powers of two of the shot noise for each
    stop of under-exposure, as a camera's gain raises it.
    """

    crops_per_photo: Few
    crop: Annotated[int, Field(ge=64, le=MAX_SIDE)]
    exposure_stops: Stops
    lights: Lights = Field(default_factory=lambda: ["even"])
    noise_growth: Annotated[float, Field(ge=0, le=2)] = 0.0
    shot_gain: Fraction
    read_sigma: Fraction
    validation_photos: Many

    @model_validator(mode="after")
    def _ordered(self) -> SampleDataset:
        low, high = self.exposure_stops
        if not 0 <= low <= high:
            raise ValueError("exposure_stops must be [low, high] with 0 <= low <= high (stops of under-exposure)")
        return self


class FolderDataset(Section):
    """A user's own photos."""

    inputs: str | None = None
    references: str | None = None
    normal: str | None = None
    validation_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.25
    max_side: Side | None = 768
    recursive: bool = False
    pair_by: Literal["name", "order", "time"] = "name"


class Dataset(Section):
    source: Literal["sample", "folder"]
    sample: SampleDataset
    folder: FolderDataset

    @model_validator(mode="after")
    def _folder_named(self) -> Dataset:
        if self.source == "folder" and not self.folder.inputs:
            raise ValueError("source is 'folder', so folder.inputs must name the folder with your low-light photos")
        return self


class Enhancer(TaughtModel):
    """An enhancer."""

    options: Options = Field(default_factory=dict)

    @model_validator(mode="after")
    def _known(self) -> Enhancer:
        from models.enhancers.registry import ENHANCERS, GROUP
        from models.own import is_own, known_names

        if self.name not in ENHANCERS and not is_own(self.name, GROUP):
            raise ValueError(
                f"no enhancer is called {self.name!r}; known are {', '.join([*sorted(ENHANCERS), *known_names(GROUP)])}, and "
                "your own by module:function or by a TorchScript or ONNX file (docs/your-model.md)"
            )
        return self


class ZeroReferenceWeights(Section):
    """Weights of the four zero-reference losses (Zero-DCE)."""

    spatial: NonNegative
    exposure: NonNegative
    colour: NonNegative
    smoothness: NonNegative


class PhaseTraining(Training):
    """One of several trainings by which an enhancer becomes f(0). weights: of its loss's terms, where they are to be others."""

    crop: Crop
    weights: dict[str, NonNegative] = Field(default_factory=dict)


class Pretrain(Training):
    """The training of f(0). phases: numbers of those trainings, by name, that are not to have these."""

    crop: Crop
    phases: dict[str, PhaseTraining] = Field(default_factory=dict)
    checkpoints: Annotated[int, Field(ge=2, le=1000)]
    exposure_level: Annotated[float, Field(gt=0, lt=1)]
    weights: ZeroReferenceWeights


class SampleElsewhere(Section):
    """New crops of the sample photographs that validate, in light of another character.

    warmth: the most stops by which red is brighter than blue. jpeg: the quality of the file that they are kept in.
    """

    crops_per_photo: Few
    crop: Annotated[int, Field(ge=64, le=MAX_SIDE)]
    exposure_stops: Stops
    lights: Lights
    warmth: Annotated[float, Field(ge=0, le=8)]
    shot_gain: Fraction
    read_sigma: Fraction
    jpeg: Annotated[int, Field(ge=1, le=100)]

    @model_validator(mode="after")
    def _ordered(self) -> SampleElsewhere:
        if self.exposure_stops[0] > self.exposure_stops[1]:
            raise ValueError("exposure_stops must be [low, high] with 0 <= low <= high (stops of under-exposure)")
        return self


class Elsewhere(Section):
    """Photos of another character, of which nothing learns. photos: a folder of the user's; recursive: its sub-folders too."""

    photos: str | None = None
    recursive: bool = False
    sample: SampleElsewhere | None = None


class EvaluateElsewhere(Evaluate):
    elsewhere: Elsewhere | None = None


class LowLight(KindSection):
    dataset: Dataset
    model: Enhancer
    start: Pretrain
    evaluate: EvaluateElsewhere


SECTION = LowLight
