"""Metrics of one picture, as an item of the map over images; each process loads a metric once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from models.core.tensors import tensor
from models.quality import MetricUnavailable, create, info
from models.quality.metric import Metric
from pictures import read_uint8


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
        try:
            _metric(name)
            usable.append(name)
        except MetricUnavailable as error:
            missing.append(Missing(name, error.reason))
    return usable, missing


def score_files(
    names: Sequence[str], picture: np.ndarray, reference: str | None, sources: Sequence[str]
) -> dict[str, float | None]:
    """`score` with reference and sources as files, of which only those are read that a metric needs."""
    facts = [info(name) for name in names]
    other = reference if any(fact.needs_reference for fact in facts) else None
    fused_from = sources if any(fact.needs_sources for fact in facts) else ()
    return score(
        names, picture, None if other is None else read_uint8(other), [read_uint8(source) for source in fused_from]
    )


def score(
    names: Sequence[str],
    picture: np.ndarray,
    reference: np.ndarray | None = None,
    sources: Sequence[np.ndarray] = (),
) -> dict[str, float | None]:
    """The metrics of a picture (H, W, 3) uint8, against its reference where there is one, and against what it was made from.

    None where a metric needs a reference or more sources than there are, where the picture is too small for it, or where its
    value is not finite.
    """
    values: dict[str, float | None] = {}
    for name in names:
        facts = info(name)
        if not facts.measures(reference is not None, len(sources)) or min(picture.shape[:2]) < facts.min_size:
            values[name] = None
            continue
        other = tensor(reference) if facts.needs_reference and reference is not None else None
        fused_from = tuple(map(tensor, sources)) if facts.needs_sources else None
        with torch.no_grad():
            value = float(_metric(name)(tensor(picture), other, fused_from))
        values[name] = value if np.isfinite(value) else None
    return values
