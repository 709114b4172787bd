"""Exposures blended level by level in Laplacian pyramids, with weights and contrast that a small network decides on.

Burt & Adelson 1983 for the blending. The weights start from those of Mertens et al. 2007; one network, the same for each
exposure and each level, raises or lowers them by what it sees of that exposure and, in the mean, of all (so that any number of
exposures goes, in any order), and says by how much the contrast that blending took is given back. The coarsest level has its own
last layer: there brightness is decided, not detail.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from models.fusers.base import Fuser, check_sources
from models.fusers.classical import LaplacianPyramid
from models.fusers.colour import luminance
from models.fusers.pyramids import down, up

FEATURES = 4
REACH = 3
"""Rows around a pixel that decide on it at a level: a mean and two convolutions of 3 x 3."""
STRIP = 1 << 17
"""Pixels of a level at a time."""
MOST_GAIN = 0.7
"""Of the logarithm of what a level's contrast is multiplied with: twice, or half."""


class LearnedPyramid(Fuser):
    """Pyramid fusion by a network of `width` channels; `levels` halvings, or as many as the shorter side allows.

    Untrained it blends as Mertens' weights do.
    """

    whole = True
    native = True

    def __init__(self, width: int = 12, levels: int = 9) -> None:
        super().__init__()
        if width < 1 or levels < 1:
            raise ValueError(f"width and levels must be at least 1, not {width} and {levels}")
        self.levels = levels
        self.mertens = LaplacianPyramid(floor=1 / 255)
        self.first = _convolution(FEATURES, width)
        self.second = _convolution(2 * width, width)
        self.detail = nn.Conv2d(width, 2, 1)
        self.base = nn.Conv2d(width, 2, 1)
        for layer in (self.detail, self.base):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, under: torch.Tensor, over: torch.Tensor) -> torch.Tensor:
        return self.fuse_all((under, over))

    def fuse_all(self, exposures: Sequence[torch.Tensor]) -> torch.Tensor:
        check_sources(exposures)
        count = len(exposures)
        pictures = torch.stack(list(exposures), 1).flatten(0, 1)  # exposures of a scene beside one another
        weights = self.mertens.weights(pictures).unflatten(0, (-1, count))
        weights = (weights / weights.sum(1, keepdim=True)).flatten(0, 1)
        levels = min(self.levels, max(0, min(pictures.shape[-2:]).bit_length() - 2))
        bands = []
        for _ in range(levels):
            smaller = down(pictures)
            band = pictures - up(smaller, pictures.shape)
            bands.append(self._blended(band, pictures, weights, count, self.detail))
            pictures, weights = smaller, down(weights)
        fused = self._blended(pictures, pictures, weights, count, self.base)
        while bands:
            band = bands.pop()
            fused = band + up(fused, band.shape)
        return fused.clamp(0, 1)

    def _blended(
        self, band: torch.Tensor, pictures: torch.Tensor, weights: torch.Tensor, count: int, head: nn.Conv2d
    ) -> torch.Tensor:
        """A level, strip by strip where no gradient is wanted: the network's memory then does not grow with the photo."""
        height, width = band.shape[-2:]
        rows = max(1, STRIP // width)
        if torch.is_grad_enabled() or height <= rows + 2 * REACH:
            return self._level(band, pictures, weights, count, head)
        strips = []
        for start in range(0, height, rows):
            first, last = max(0, start - REACH), min(height, start + rows + REACH)
            seen, shown, share = (whole[..., first:last, :] for whole in (band, pictures, weights))
            made = self._level(seen, shown, share, count, head)
            strips.append(made[..., start - first : start - first + rows, :])
        return torch.cat(strips, -2)

    def _level(
        self, band: torch.Tensor, pictures: torch.Tensor, weights: torch.Tensor, count: int, head: nn.Conv2d
    ) -> torch.Tensor:
        """A level (B, 3, h, w) of the result from that of its exposures, (B count, 3, h, w), and Mertens' weights of it."""
        strength = F.avg_pool2d(F.pad(luminance(band).square(), (1, 1, 1, 1), mode="replicate"), 3, 1)
        share = weights.clamp(min=1e-4).log()
        seen = torch.cat([luminance(pictures) - 0.5, (strength + 1e-6).log() / 8 + 1, pictures.amax(1, keepdim=True) - 0.5,
                          share / 8], 1)  # fmt: skip
        own = F.silu(self.first(seen)).unflatten(0, (-1, count))
        all_ = own.mean(1, keepdim=True).expand_as(own)
        found = head(F.silu(self.second(torch.cat([own, all_], 2).flatten(0, 1)))).unflatten(0, (-1, count))
        share = torch.softmax(share.unflatten(0, (-1, count)) + found[:, :, :1], 1)
        blended = (share * band.unflatten(0, (-1, count))).sum(1)
        if head is self.base:
            return blended + 0.2 * torch.tanh((share * found[:, :, 1:]).sum(1))
        gain = torch.exp(MOST_GAIN * torch.tanh((share * found[:, :, 1:]).sum(1)))
        return gain * blended


def _convolution(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1, padding_mode="replicate")


def build(width: int = 12, levels: int = 9) -> LearnedPyramid:
    """The registered constructor."""
    return LearnedPyramid(width, levels)
