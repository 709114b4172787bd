"""Metrics of one picture, as an item of the map over images; each process loads a metric once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from models.quality import Metric, MetricUnavailable, create, info


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
        with torch.no_grad():
            value = float(_metric(name)(tensor(picture), tensor(reference) if facts.needs_reference else None))
        values[name] = value if np.isfinite(value) else None
    return values


def tensor(picture: np.ndarray | None) -> torch.Tensor | None:
    """(H, W, 3) uint8 -> (1, 3, H, W) float32 in [0, 1]."""
    if picture is None:
        return None
    return torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].float() / 255


def picture_of(image: torch.Tensor) -> np.ndarray:
    """(1, 3, H, W) or (3, H, W) float in [0, 1] -> (H, W, 3) uint8, rounded."""
    image = image.squeeze(0) if image.dim() == 4 else image
    return (image.clamp(0, 1) * 255 + 0.5).to(torch.uint8).permute(1, 2, 0).cpu().numpy()
