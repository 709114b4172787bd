"""A fuser of infrared and visible out of any fuser: Y is fused, colour comes from the visible picture."""

from __future__ import annotations

import torch

from models.fusers.base import Fuser, check_sources
from models.fusers.colour import compose, rgb_to_ycbcr


class VisibleColour(Fuser):
    """Fuses the Y of an infrared and a visible picture by `inner`, and gives it the visible one's Cb and Cr.

    Where Y and colour go beyond sRGB the colour is clipped, as it is by every format.
    """

    def __init__(self, inner: Fuser) -> None:
        super().__init__()
        self.inner = inner
        self.halo, self.stride = inner.halo, inner.stride
        self.whole, self.fits_half = inner.whole, inner.fits_half

    def fuse(self, under: torch.Tensor, over: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The fused picture (B, 3, H, W) and its Y (B, 1, H, W), of infrared and visible (B, 3, H, W) in [0, 1]."""
        check_sources((under, over))
        y_visible, cb, cr = rgb_to_ycbcr(over)
        y = self.inner.fuse_luminance(rgb_to_ycbcr(under)[0], y_visible)
        return compose(y, cb, cr), y

    def fuse_luminance(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        return self.inner.fuse_luminance(first, second)

    def forward(self, under: torch.Tensor, over: torch.Tensor) -> torch.Tensor:
        return self.fuse(under, over)[0]
