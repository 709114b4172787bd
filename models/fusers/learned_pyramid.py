"""Exposures blended level by level in Laplacian pyramids, with weights and contrast that a small network decides on.

Burt & Adelson 1983 for the blending. The weights start from those of Mertens et al. 2007; one network, the same for each
exposure and each level, raises or lowers them by what it sees of that exposure and, in the mean, of all (so that any number of
exposures goes, in any order), and says by how much the contrast that blending took is given back. The coarsest level has its own
last layer: there brightness is decided, not detail.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import torch
from torch import nn
from torch.nn import functional as F

from models.fusers.base import Fuser, check_sources
from models.fusers.classical import LaplacianPyramid
from models.fusers.colour import luminance
from models.fusers.pyramids import by_strips, down, put_together, up

FEATURES = 4
REACH = 3
"""Rows around a pixel that decide on it at a level: a mean and two convolutions of 3 x 3."""
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
        weights = (weights / _added(weights)[:, None]).flatten(0, 1)
        levels = min(self.levels, max(0, min(pictures.shape[-2:]).bit_length() - 2))
        bands = []
        for _ in range(levels):
            smaller = down(pictures)
            bands.append(self._blended(pictures, smaller, weights, count))
            pictures, weights = smaller, down(weights)
        fused = self._blended(pictures, None, weights, count)
        while bands:
            fused = put_together(bands.pop(), fused)
        return fused.clamp(0, 1)

    def _blended(
        self, pictures: torch.Tensor, smaller: torch.Tensor | None, weights: torch.Tensor, count: int
    ) -> torch.Tensor:
        """A level (B, 3, h, w) of the result from that of the exposures (B count, 3, h, w), their next smaller one (None at the
        coarsest) and Mertens' weights of it.
        """
        height, width = pictures.shape[-2:]

        def rows(first: int, last: int) -> torch.Tensor:
            before, after = max(0, first - REACH), min(height, last + REACH)
            cut, shares = pictures[..., before:after, :], weights[..., before:after, :]
            band = cut if smaller is None else cut - up(smaller, (height, width), (before, after))
            made = self._level(band, cut, shares, count, self.base if smaller is None else self.detail)
            return made[..., first - before : last - before, :]

        return by_strips(rows, pictures.shape, pictures.device)

    def _level(
        self, band: torch.Tensor, pictures: torch.Tensor, weights: torch.Tensor, count: int, head: nn.Conv2d
    ) -> torch.Tensor:
        """`_blended` of rows: from a level of the exposures' Laplacian pyramid and of their Gaussian one."""
        strength = F.avg_pool2d(F.pad(luminance(band).square(), (1, 1, 1, 1), mode="replicate"), 3, 1)
        share = weights.clamp(min=1e-4).log()
        seen = torch.cat([luminance(pictures) - 0.5, (strength + 1e-6).log() / 8 + 1, pictures.amax(1, keepdim=True) - 0.5,
                          share / 8], 1)  # fmt: skip
        own = F.silu(self.first(seen.contiguous(memory_format=torch.channels_last)))  # six times as fast as in planes
        found = head(F.silu(self._second(own, count))).contiguous().unflatten(0, (-1, count))
        share = torch.softmax(share.unflatten(0, (-1, count)) + found[:, :, :1], 1)
        blended = _added(share * band.unflatten(0, (-1, count)))
        change = torch.tanh(_added(share * found[:, :, 1:]))
        return blended + 0.2 * change if head is self.base else torch.exp(MOST_GAIN * change) * blended

    def _second(self, own: torch.Tensor, count: int) -> torch.Tensor:
        """The second convolution, of what is seen of an exposure beside the mean of all; of that once a scene."""
        width = own.shape[1]
        both = F.pad(own, (1, 1, 1, 1), mode="replicate")
        mean = _added(both.unflatten(0, (-1, count))) / count
        of_all = F.conv2d(mean, self.second.weight[:, width:], self.second.bias)
        of_own = F.conv2d(both, self.second.weight[:, :width]).unflatten(0, (-1, count))
        return (of_own + of_all[:, None]).flatten(0, 1)


def _added(x: torch.Tensor) -> torch.Tensor:
    """Of (B, count, ...) the sum over the exposures; several times as fast as `sum` where they are few."""
    return reduce(torch.add, x.unbind(1))


def _convolution(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1, padding_mode="replicate")


def build(width: int = 12, levels: int = 9) -> LearnedPyramid:
    """The registered constructor."""
    return LearnedPyramid(width, levels)
