"""What an enhancer is: a module from low-light images to enhanced ones, and how its pixels depend on their surroundings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import nn


@dataclass(frozen=True)
class Window:
    """Where a tile begins in a photo of `height` x `width` pixels."""

    top: int
    left: int
    height: int
    width: int


class Enhancer(nn.Module):
    """Maps images (B, 3, H, W), float in [0, 1], sRGB, to images of the same shape and range, differentiably.

    `halo` is how many pixels around a pixel its output can depend on, and `stride` the grid a tile has to start on;
    together they make tiled enhancement equal to whole enhancement (`models.tiling`). `whole`: it is given no tiles.
    `fits_half`: on a GPU half precision changes its pictures by 1/255 at most (`benchmarks.gpu` measures that).
    """

    halo: int = 0
    stride: int = 1
    whole: bool = False
    fits_half: bool = False

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    def for_photo(self, image: torch.Tensor) -> Enhancer:
        """The enhancer to use on the tiles of one photo (1, 3, H, W): itself, unless it looks at the whole photo first."""
        return self

    def on_tile(self, tile: torch.Tensor, window: Window) -> torch.Tensor:
        """The enhanced tile (1, 3, H, W) of a photo: as any image, unless what is done depends on where the tile lies."""
        enhanced: torch.Tensor = self(tile)
        return enhanced


class Pretrained(Protocol):
    """An enhancer with a loss of its own that trains it to f(0) without references; others get the zero-reference losses."""

    def pretraining_loss(
        self, image: torch.Tensor, weights: Mapping[str, float], exposure_level: float
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """The loss on low-light images (B, 3, H, W), and its terms.

        weights: of the loss's terms by name. exposure_level: wanted mean grey of a patch, in [0, 1].
        """
