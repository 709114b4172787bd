"""Corrupted versions of infrared and visible pairs, whose scores and heatmaps are known; see `tasks.kinds.base.Rated`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

from models.artifacts import CORRUPTIONS, Injected, heatmap, inject, true_scores
from models.core.tensors import tensor
from models.fusers.base import Fuser
from pictures import read_uint8
from tasks.kinds.base import RatedPicture
from tasks.kinds.fusers import Method, opened
from tasks.thermal.models import method

POOL = ("average", "maximum", "pyramid", "wavelet")
WHOLE = 0.5
"""Of the versions, that show the whole picture; the others a square of 0.5 to 1 of its shorter side, as alignment sees crops."""


@lru_cache(maxsize=4)
def _fused(sources: tuple[str, ...], specs: tuple[Method, ...]) -> tuple[np.ndarray, ...]:
    """A scene fused by every method, (H, W, 3) float in [0, 1]."""
    import torch

    tensors = [tensor(read_uint8(path)) for path in sources]
    with torch.no_grad():
        return tuple(_array(opened(spec), tensors) for spec in specs)


def _array(fuser: Fuser, tensors: Sequence[object]) -> np.ndarray:
    return np.asarray(fuser(*tensors)[0].permute(1, 2, 0).clamp(0, 1).numpy())


def examples(
    sources: tuple[str, ...], f0: Method, count: int, seed: int, names: tuple[str, ...] = tuple(CORRUPTIONS)
) -> list[RatedPicture]:
    """`count` versions, fused by f(0) or one of POOL, whole or cut out, with up to three of the named corruptions each."""
    fused = _fused(sources, (f0, *map(method, POOL)))
    infrared, visible = (read_uint8(path).astype(np.float32) / 255 for path in sources)
    random = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        picture = fused[int(random.integers(len(fused)))]
        part = _part(picture.shape[:2], random)
        shown, heat, light = picture[part], infrared[part], visible[part]
        corrupted, injected = inject(shown, heat, light, random, names)
        found.append(
            RatedPicture(
                corrupted,
                (heat, light),
                true_scores(corrupted, heat, light, injected),
                heatmap([one.disk for one in injected], *corrupted.shape[:2]),
                tuple(one.name for one in injected),
                tuple(one.disk for one in injected),
            )
        )
    return found


def candidates(
    sources: tuple[str, ...], made: Mapping[str, str], injected: float, seed: int
) -> dict[str, RatedPicture]:
    """What the models of two rounds and POOL made of a scene, whole; see `tasks.kinds.base.Rated`."""
    infrared, visible = (read_uint8(path).astype(np.float32) / 255 for path in sources)
    fused = {name: read_uint8(path).astype(np.float32) / 255 for name, path in made.items()}
    fused |= dict(zip(POOL, _fused(sources, tuple(map(method, POOL))), strict=True))
    random = np.random.default_rng(seed)
    found = {}
    for name, clean in fused.items():
        picture, known = clean, list[Injected]()
        if random.random() < injected:
            picture, known = inject(picture, infrared, visible, random, tuple(CORRUPTIONS))
        names = tuple(one.name for one in known)
        disks = tuple(one.disk for one in known)
        found["+".join([name, *names])] = RatedPicture(
            picture,
            (infrared, visible),
            true_scores(picture, infrared, visible, known),
            heatmap(disks, *picture.shape[:2]),
            names,
            disks,
        )
    return found


def _part(size: tuple[int, int], random: np.random.Generator) -> tuple[slice, slice]:
    if random.random() < WHOLE:
        return slice(0, size[0]), slice(0, size[1])
    side = int(min(size) * random.uniform(0.5, 1))
    top, left = int(random.integers(size[0] - side + 1)), int(random.integers(size[1] - side + 1))
    return slice(top, top + side), slice(left, left + side)
