"""What a fuser is: a module from two pictures of a scene to one, and how its pixels depend on their surroundings."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from models.fusers.colour import luminance


class Fuser(nn.Module):
    """Maps two pictures of a scene (B, 3, H, W), float in [0, 1], sRGB, to one of that shape and range: an under- and an
    over-exposed one, or an infrared (grey) and a visible one.

    `halo` is how many pixels around a pixel its output can depend on, and `stride` the grid a tile has to start on; together
    they make tiled fusion equal to whole fusion (`models.tiling.fuse_tiled`). `whole`: it looks at the whole photo, and is
    never given a tile. `native`: `fuse_all` takes more than two exposures itself; other fusers are folded (`models.fusers.many`).
    `fits_half`: on a GPU half precision changes its pictures by 1/255 at most (`benchmarks.gpu` measures that).
    """

    halo: int = 0
    stride: int = 1
    whole: bool = False
    native: bool = False
    fits_half: bool = False

    def forward(self, under: torch.Tensor, over: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    def fuse(self, under: torch.Tensor, over: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The fused picture (B, 3, H, W) and its Y (B, 1, H, W), for losses on both, differentiably."""
        fused = self(under, over)
        return fused, luminance(fused)

    def fuse_luminance(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        """The fused Y (B, 1, H, W) in [0, 1] of the sources' Y (B, 1, H, W) in [0, 1]; here of what it makes of grey ones."""
        return luminance(self(first.expand(-1, 3, -1, -1), second.expand(-1, 3, -1, -1)))

    def fuse_all(self, exposures: Sequence[torch.Tensor]) -> torch.Tensor:
        """Two or more exposures (B, 3, H, W), darkest first, in one go; only where `native`."""
        raise NotImplementedError(f"{type(self).__name__} fuses two exposures; fold more with models.fusers.many.fold")


def check_sources(exposures: Sequence[torch.Tensor]) -> None:
    """Raise ValueError unless there are at least two pictures (B, 3, H, W) of one shape."""
    shapes = [tuple(exposure.shape) for exposure in exposures]
    if len(shapes) < 2 or len(set(shapes)) > 1 or len(shapes[0]) != 4 or shapes[0][1] != 3:
        raise ValueError(f"a fuser takes at least two exposures (B, 3, H, W) of one shape, not {shapes}")
