"""Metrics of one picture, as an item of the map over images; each process loads a metric once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from models.quality import Metric, MetricUnavailable, create, info
from tasks.tensors import tensor


@lru_cache(maxsize=64)
def _metric(name: str) -> Metric:
    return create(name)


@dataclass(frozen=True)
class Missing:
    """A metric that cannot be had here, and why."""

    metric: str
    reason: str


def available(names: Sequence[str]) -> tuple[list[str], list[Missing]]:
    """Which of the metrics can be loaded here, and the others with the reason."""
    usable, missing = [], []
    for name in names:
        if info(name).needs_sources:
            missing.append(
                Missing(name, "it compares a fused picture with its sources, and an enhanced photo has none")
            )
            continue
        try:
            _metric(name)
            usable.append(name)
        except MetricUnavailable as error:
            missing.append(Missing(name, error.reason))
    return usable, missing


def score(names: Sequence[str], picture: np.ndarray, reference: np.ndarray | None = None) -> dict[str, float | None]:
    """The metrics of a picture (H, W, 3) uint8, against its reference where there is one.

    None where a metric needs a reference and there is none, where the picture is too small for it, or where its value is
    not finite.
    """
    values: dict[str, float | None] = {}
    for name in names:
        facts = info(name)
        if (facts.needs_reference and reference is None) or min(picture.shape[:2]) < facts.min_size:
            values[name] = None
            continue
        other = tensor(reference) if facts.needs_reference and reference is not None else None
        with torch.no_grad():
            value = float(_metric(name)(tensor(picture), other))
        values[name] = value if np.isfinite(value) else None
    return values
