"""Which pairs of a user's folders show nearly the same: frames of a video, a camera that stands still.

A pair is described by what VGG16 (relu3_3, averaged over a grid of 4 x 4 places) sees in both of its pictures at 128 pixels; the
distance of two pairs is 1 - the cosine between their descriptions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from models.core.features import load_vgg16_layers
from models.core.tensors import tensor

SIDE, GRID, LAYER = 128, 4, "relu3_3"


@dataclass(frozen=True)
class Twin:
    """A pair that is left out, the one that is kept for it, and their distance."""

    name: str
    twin: str
    distance: float


@cache
def _features() -> Any:
    return load_vgg16_layers([LAYER], "cpu")


@torch.no_grad()
def description(infrared: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """Of a pair, (H, W, 3) uint8 each: a vector of length 1, float32."""
    parts = []
    for picture in (infrared, visible):
        small = F.interpolate(tensor(picture), (SIDE, SIDE), mode="bilinear", antialias=True, align_corners=False)
        maps = _features()(small)
        pooled = F.adaptive_avg_pool2d(maps if isinstance(maps, torch.Tensor) else maps[0], GRID)
        parts.append(F.normalize(pooled.flatten(), dim=0))
    return F.normalize(torch.cat(parts), dim=0).numpy()


def distances(descriptions: Sequence[np.ndarray]) -> np.ndarray:
    """Between all pairs, (N, N), in [0, 2]."""
    matrix = np.stack(descriptions)
    return np.clip(1 - matrix @ matrix.T, 0, 2)


def twins(names: Sequence[str], apart: np.ndarray, nearest: float) -> list[Twin]:
    """The pairs that lie within `nearest` of one that is kept, in the order of their names: the first of a kind is kept."""
    kept: list[int] = []
    found = []
    for place in sorted(range(len(names)), key=lambda i: names[i]):
        near = min(kept, key=lambda other: apart[place, other], default=None)
        if near is not None and apart[place, near] < nearest:
            found.append(Twin(names[place], names[near], round(float(apart[place, near]), 4)))
        else:
            kept.append(place)
    return found


def scenes(names: Sequence[str], apart: np.ndarray, same: float) -> dict[str, str]:
    """Name -> the first name of its scene: pairs within `same` of each other, and what those are within `same` of."""
    order = sorted(range(len(names)), key=lambda i: names[i])
    scene: dict[int, int] = {}
    for first in order:
        if first in scene:
            continue
        reached, scene[first] = [first], first
        while reached:
            place = reached.pop()
            for other in order:
                if other not in scene and apart[place, other] < same:
                    scene[other] = first
                    reached.append(other)
    return {names[place]: names[first] for place, first in scene.items()}
