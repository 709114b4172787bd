"""What every section of params.yaml is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Range = Annotated[tuple[float, float], Field(strict=False)]


class Section(BaseModel):
    """A part of params.yaml: fixed keys, strict types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Training(Section):
    """What every training stage has in common; see `models.training.Settings`."""

    steps: Count
    batch: Count
    learning_rate: Positive
    weight_decay: NonNegative = 0.0
    halve_every: Count | None = None
    accumulate: Count = 1
    precision: Literal["no", "bf16", "fp16"] = "no"
    ema: Annotated[float, Field(gt=0, lt=1)] | None = None
    clip_norm: Positive | None = None
    save_every: Count = 50
    log_every: Count = 10


def unknown_metrics(key: str, chosen: Sequence[str]) -> str | None:
    """Which of the metrics named under `key` there are not, and what those with a former name are called, else None."""
    from models.quality import RENAMED, names

    renamed = [f"{name} is now called {RENAMED[name]}" for name in chosen if name in RENAMED]
    if renamed:
        return f"{key}: {'; '.join(renamed)}: write that (docs/metrics.md says why)"
    unknown = sorted(set(chosen) - set(names()))
    return f"{key} names unknown metrics {unknown}; known are {', '.join(sorted(names()))}" if unknown else None


def metrics_of_fusion(key: str, chosen: Sequence[str]) -> str | None:
    """Which of the known metrics named under `key` cannot judge an enhanced photo, because they need sources; else None."""
    from models.quality import info

    fused = sorted(name for name in set(chosen) if info(name).needs_sources)
    if fused:
        return f"{key} names {', '.join(fused)}, which compare a fused image with its exposures; an enhanced photo has none"
    return None
