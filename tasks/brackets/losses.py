"""Losses of brackets that need nothing but the fused picture and its exposures; for `align.keep`."""

from __future__ import annotations

import torch

from models.fusers.colour import luminance
from models.losses.fusion import LOSSES as EVERY
from models.losses.fusion import usable
from models.search.bilevel import SearchBatch, scene_of
from tasks.kinds.base import Loss


def _of(name: str) -> Loss:
    def loss(made: torch.Tensor, sources: tuple[torch.Tensor, ...]) -> torch.Tensor:
        under, over = sources
        return EVERY[name](scene_of((made, luminance(made)), SearchBatch(under=under, over=over)), None)

    return loss


LOSSES = {name: _of(name) for name in usable(has_reference=False, has_features=False)}
