"""What every section of params.yaml is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from pictures import shortened

# Every number has both bounds: what lies beyond would fail, or fill the memory, in a stage that runs after hours.
LARGEST = 1e6
MAX_SIDE = 8192
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
"""numpy takes no negative seed, scikit-learn none from 2^32 on."""
Count = Annotated[int, Field(ge=1, le=10_000_000)]
"""Steps, and what is counted in steps."""
Many = Annotated[int, Field(ge=1, le=1_000_000)]
Few = Annotated[int, Field(ge=1, le=1000)]
Batch = Annotated[int, Field(ge=1, le=4096)]
Width = Annotated[int, Field(ge=1, le=4096)]
"""Channels or hidden units of a layer."""
Reduction = Annotated[int, Field(ge=1, le=64)]
Crop = Annotated[int, Field(ge=32, le=MAX_SIDE)]
Side = Annotated[int, Field(ge=64, le=100_000)]
Revision = Annotated[int, Field(ge=0, le=2**31 - 1)]
Positive = Annotated[float, Field(gt=0, le=LARGEST)]
Rate = Annotated[float, Field(gt=0, le=100)]
"""A learning rate."""
NonNegative = Annotated[float, Field(ge=0, le=LARGEST)]
Number = Annotated[float, Field(ge=-LARGEST, le=LARGEST)]
Whole = Annotated[int, Field(ge=-4096, le=4096)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Stops = Annotated[
    tuple[Annotated[float, Field(ge=0, le=16)], Annotated[float, Field(ge=0, le=16)]], Field(strict=False)
]
"""Of exposure: 16 are all that a camera's sensor tells apart."""


def _known_lights(names: list[str]) -> list[str]:
    from models.lighting import LIGHTS

    if unknown := [name for name in names if name not in LIGHTS]:
        raise ValueError(f"{', '.join(unknown)} is not known; known are {', '.join(LIGHTS)}")
    return names


Lights = Annotated[list[str], Field(min_length=1), AfterValidator(_known_lights)]
"""Of `models.lighting`, that the crops of a sample photograph are taken in, in turn."""
Shares = Annotated[tuple[Fraction, Fraction], Field(strict=False)]


class InnerFaults(ValueError):
    """What is wrong inside of a value, each line with the path of its key from there."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("; ".join(lines))
        self.lines = tuple(lines)


def plain(options: dict[str, Any], *, named: bool = False) -> dict[str, Any]:
    """The options, which are numbers, words, true, false, null, or lists of these; with `named` also such ones by name.

    Raises `InnerFaults`.
    """
    wrong = [
        f"{key}: should be a number of at most {LARGEST:.0g}, a word, true, false or null, or a list of these (is "
        f"{shortened(repr(value))})"
        for key, value in options.items()
        if not all(map(_is_plain, _parts(value, named)))
    ]
    if wrong:
        raise InnerFaults(wrong)
    return options


def _parts(value: object, named: bool) -> list[object]:
    if named and isinstance(value, dict):
        return [part for one in value.values() for part in (one if isinstance(one, list) else [one])]
    return value if isinstance(value, list) else [value]


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, str | bool) or (isinstance(value, int | float) and abs(value) <= LARGEST)


Options = Annotated[dict[str, Any], AfterValidator(plain)]
"""What the constructor of a model, a judge or an aligner is given."""


class Section(BaseModel):
    """A part of params.yaml: fixed keys, strict types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Training(Section):
    """What every training stage has in common; see `models.core.training.Settings`."""

    steps: Count
    batch: Batch
    learning_rate: Rate
    weight_decay: NonNegative = 0.0
    halve_every: Count | None = None
    accumulate: Few = 1
    precision: Literal["no", "bf16", "fp16"] = "no"
    ema: Annotated[float, Field(gt=0, lt=1)] | None = None
    clip_norm: Positive | None = None
    save_every: Count = 50
    log_every: Count = 10


def lines_of(error: ValidationError) -> list[str]:
    """Every fault as a line, with the path of its key."""
    lines = []
    for fault in error.errors():
        path = ".".join(shortened(part) for part in fault["loc"]) or "(top)"
        if isinstance(inner := fault.get("ctx", {}).get("error"), InnerFaults):
            lines += [f"{path}.{line}" for line in inner.lines]
            continue
        text = "unknown key" if fault["type"] == "extra_forbidden" else fault["msg"].removeprefix("Value error, ")
        plain = fault["type"] in {"missing", "value_error", "extra_forbidden"}
        given = "" if plain else f" (is {shortened(repr(fault['input']))})"
        # A validator may say several things at once.
        lines += [f"{path}: {line}{given}" for line in text.split("\n  ")]
    return lines


def unknown_metrics(key: str, chosen: Sequence[str]) -> str | None:
    """Which of the metrics named under `key` there are not, and what those with a former name are called, else None."""
    from models.own import OwnModelError
    from models.quality import RENAMED, UnknownMetric, info, names

    renamed = [f"{name} is now called {RENAMED[name]}" for name in chosen if name in RENAMED]
    if renamed:
        return f"{key}: {'; '.join(renamed)}: write that (docs/metrics.md says why)"
    unknown = []
    for name in sorted(set(chosen)):
        try:
            info(name)
        except UnknownMetric:
            unknown.append(name)
        except OwnModelError as error:
            return f"{key}: {error}"
    return f"{key} names unknown metrics {unknown}; known are {', '.join(sorted(names()))}" if unknown else None


def metrics_of_fusion(key: str, chosen: Sequence[str], sources: int = 1) -> str | None:
    """Which of the known metrics named under `key` need more sources than a picture has; else None."""
    from models.quality import info

    fused = sorted(name for name in set(chosen) if not info(name).measures(references=True, sources=sources))
    if fused:
        return f"{key} names {', '.join(fused)}, which compare a fused image with its exposures; an enhanced photo has none"
    return None
