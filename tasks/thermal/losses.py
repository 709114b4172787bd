"""Losses of thermal that need nothing but the fused picture and its sources; for `align.keep`."""

from __future__ import annotations

import torch

from models.fusers.colour import luminance
from models.losses.infrared import LOSSES as EVERY
from models.losses.infrared import Scene
from tasks.kinds.base import Loss

OF_PARTS = "decomposition"
"""It looks into the network."""


def _of(name: str) -> Loss:
    def loss(made: torch.Tensor, sources: tuple[torch.Tensor, ...]) -> torch.Tensor:
        infrared, visible = sources
        return EVERY[name](Scene(luminance(made), luminance(infrared), luminance(visible)))

    return loss


LOSSES = {name: _of(name) for name in EVERY if name != OF_PARTS}
