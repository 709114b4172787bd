"""params.yaml: its whole shape, validated before anything runs.

Unknown keys, wrong types and impossible values are all reported at once, each with its path. YAML is read as DVC reads it
(YAML 1.2: `1e-4` is a number, a repeated key an error).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from pictures import shortened
from tasks import kinds
from tasks.config.base import (
    MAX_SIDE,
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
    Side,
    Stops,
    Training,
    Whole,
    Width,
    unknown_metrics,
)
from tasks.config.fusion import Brackets, EvaluateBrackets, FuserNetwork, Search, TrainFuser, positives_fault
from tasks.config.genetic import Amortise, Genetic, GeneticEvaluate
from tasks.config.yaml_file import ConfigError, read_yaml
from tasks.registry import KINDS

PARAMS_FILE = Path("params.yaml")
_SHOWN = 100
CLUSTER = ("tcp://", "tls://", "ucx://")


class Machine(Section):
    """Where to run. No stage depends on it: changing it re-runs nothing."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    workers: Annotated[int, Field(ge=0, le=1024)] = 0
    executor: str = "processes"
    stages: Annotated[int, Field(ge=1, le=64)] = 2
    label_address: str | None = None

    @field_validator("label_address")
    @classmethod
    def _is_an_address(cls, address: str | None) -> str | None:
        if address is not None and not address.startswith(("http://", "https://")):
            raise ValueError("label_address is where people's browsers find the labelling app, http://HOST:PORT")
        return address

    @field_validator("executor")
    @classmethod
    def _known(cls, executor: str) -> str:
        if executor != "processes" and not executor.startswith(CLUSTER):
            raise ValueError(f"executor is 'processes' or the address of a Dask scheduler ({', '.join(CLUSTER)}...)")
        return executor


class Schedule(Section):
    """When Prefect starts a flow by itself: a cron line in a time zone. A schedule set in Prefect's pages needs none."""

    cron: str
    timezone: str = "UTC"


class SampleDataset(Section):
    """Photographs that installed packages ship, darkened in linear light."""

    crops_per_photo: Few
    crop: Annotated[int, Field(ge=64, le=MAX_SIDE)]
    exposure_stops: Stops
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


class Enhancer(Section):
    """A registered enhancer and the options of its constructor."""

    name: str
    options: dict[str, Whole | Number | str | bool]

    @model_validator(mode="after")
    def _known(self) -> Enhancer:
        from models.enhancers.registry import ENHANCERS

        if self.name not in ENHANCERS:
            raise ValueError(f"no enhancer is called {self.name!r}; known are {', '.join(sorted(ENHANCERS))}")
        return self


class ZeroReferenceWeights(Section):
    """Weights of the four zero-reference losses (Zero-DCE)."""

    spatial: NonNegative
    exposure: NonNegative
    colour: NonNegative
    smoothness: NonNegative


class Pretrain(Training):
    crop: Crop
    checkpoints: Annotated[int, Field(ge=2, le=1000)]
    exposure_level: Annotated[float, Field(gt=0, lt=1)]
    weights: ZeroReferenceWeights


class RankerTraining(Training):
    crop: Crop
    margin: Positive


class RankerNetwork(Section):
    """Channels of the first convolution and of the nine blocks, which of the blocks halve the size, and the hidden units."""

    widths: Annotated[list[Width], Field(min_length=10, max_length=10)]
    strides: Annotated[list[Literal[1, 2]], Field(min_length=9, max_length=9)]
    hidden: Width
    reduce: Reduction = 1


class Ranker(Section):
    network: RankerNetwork
    niqe: RankerTraining
    rounds: RankerTraining


class Pairs(Section):
    k: Many
    strategy: Literal["gap", "random"]
    candidates: str = "low_light"

    @field_validator("candidates")
    @classmethod
    def _known(cls, candidates: str) -> str:
        known = (*KINDS, "genetic")
        if candidates not in known:
            raise ValueError(f"no pictures of data/ are called {candidates!r}; known are {', '.join(known)}")
        return candidates


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


class Round(Section):
    prev: str
    label_rev: Revision = 0


class Finetune(Training):
    crop: Crop
    lambda_ranker: NonNegative
    content_layer: str
    content_reduce: Reduction = 1

    @model_validator(mode="after")
    def _layer_known(self) -> Finetune:
        from models.vgg_layers import VGG16_LAYERS

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


class Loop(Section):
    """The kind of pictures whose model the rounds teach; see `tasks.registry`."""

    task: str

    @field_validator("task")
    @classmethod
    def _known(cls, task: str) -> str:
        if task not in KINDS:
            raise ValueError(f"no kind of pictures is called {task!r}; known are {', '.join(KINDS)}")
        return task


class Report(Section):
    photos: Few


class Params(Section):
    """The whole of params.yaml."""

    scale: str
    seed: Seed
    machine: Machine
    schedule: dict[Literal["low-light", "genetic", "brackets"], Schedule] | None = None
    dataset: Dataset
    enhancer: Enhancer
    pretrain: Pretrain
    ranker: Ranker
    loop: Loop
    pairs: Pairs
    labels: Labels
    rounds: Annotated[dict[str, Round], Field(min_length=1)]
    finetune: Finetune
    evaluate: Evaluate
    report: Report
    genetic: Genetic
    genetic_evaluate: GeneticEvaluate
    amortise: Amortise
    brackets: Brackets
    search: Search
    fuser: FuserNetwork
    train_fuser: TrainFuser
    evaluate_brackets: EvaluateBrackets

    @field_validator("rounds")
    @classmethod
    def _chain(cls, rounds: dict[str, Round]) -> dict[str, Round]:
        before = "r00"
        for index, (name, entry) in enumerate(rounds.items(), start=1):
            if name != f"r{index:02d}":
                raise ValueError(f"expected r{index:02d} in place {index}, found {name!r}")
            if entry.prev != before:
                raise ValueError(f"{name}.prev must be {before}, the round before, not {entry.prev!r}")
            before = name
        return rounds

    @model_validator(mode="after")
    def _rounds_fit_the_kind(self) -> Params:
        if fault := kinds.named(self.loop.task).fault(self):
            raise ValueError(fault)
        return self

    @model_validator(mode="after")
    def _observers_can_judge(self) -> Params:
        """A user's folder without references: said now, and not by the first round after minutes of training."""
        from models.quality import info

        key = kinds.named(self.loop.task).absent_references(self)
        wanting = sorted(name for name in self.labels.simulated.utility if info(name).needs_reference)
        if self.labels.source == "simulated" and key and wanting:
            raise ValueError(
                f"labels.simulated.utility judges by {', '.join(wanting)}, which need references, but {key} is not set. "
                "Set the utility to no-reference metrics (for example {niqe: 1.0}), or give references, or let "
                "people label (labels.source: people)"
            )
        return self

    @model_validator(mode="after")
    def _search_has_positives(self) -> Params:
        fault = positives_fault(self.brackets, self.search)
        if fault:
            raise ValueError(fault)
        return self

    @property
    def last_round(self) -> str:
        return list(self.rounds)[-1]


class View:
    """The parts of params.yaml that a stage declares; any other is refused, so that dvc.yaml cannot miss one.

    declared: sections (`pairs`) and parts of them (`ranker.network`); `machine` is always there.
    """

    def __init__(self, params: Section, declared: Sequence[str], place: str = "") -> None:
        self._params = params
        self._declared = (*declared, "machine") if not place else tuple(declared)
        self._place = place

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in self._declared:
            return getattr(self._params, name)
        inner = [path.removeprefix(f"{name}.") for path in self._declared if path.startswith(f"{name}.")]
        if not inner:
            raise AttributeError(f"this stage does not declare the params {self._place}{name} (PARAMS, dvc.yaml)")
        return View(getattr(self._params, name), inner, f"{self._place}{name}.")


def validate(values: dict[str, Any], source: Path | str = PARAMS_FILE) -> Params:
    """Check a whole configuration. Raises `ConfigError` that lists every fault with the path of its key."""
    try:
        return Params.model_validate(values)
    except ValidationError as error:
        lines = []
        for fault in error.errors():
            path = ".".join(shortened(part) for part in fault["loc"]) or "(top)"
            text = "unknown key" if fault["type"] == "extra_forbidden" else fault["msg"].removeprefix("Value error, ")
            plain = fault["type"] in {"missing", "value_error", "extra_forbidden"}
            given = "" if plain else f" (is {shortened(repr(fault['input']))})"
            lines.append(f"  {path}: {text}{given}")
        faults = len(lines)
        if faults > _SHOWN:
            lines[_SHOWN:] = [f"  and {faults - _SHOWN} more"]
        count = f"{faults} fault" + ("s" if faults > 1 else "")
        raise ConfigError(f"{source} has {count}:\n" + "\n".join(lines)) from None


def load(declared: Sequence[str], path: Path = PARAMS_FILE) -> View:
    """Validate the whole file and return the declared sections of it (see `View`)."""
    return View(load_whole(path), declared)


def load_whole(path: Path = PARAMS_FILE) -> Params:
    """Validate the whole file and return all of it, for commands that are no stage."""
    return validate(read_yaml(path), path)
