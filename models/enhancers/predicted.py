"""Brightness, contrast and gamma predicted from a thumbnail, in place of a search for each photo.

The network learns from what `models.genetic` chose; a new photo then costs one look at its thumbnail.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import torch
from torch import nn
from torch.nn import functional as F

from models.enhancers.base import Enhancer
from models.enhancers.parametric import BOUNDS, ParametricEnhancer, apply_genes
from models.losses import zero_reference

THUMBNAIL = 48
QUANTILES = 24


def thumbnail(image: torch.Tensor, side: int = THUMBNAIL) -> torch.Tensor:
    """Area averages of images (B, 3, H, W) on a side x side grid; a photo smaller than that is repeated.

    Large photos are averaged by a whole factor first, which is many times quicker; fewer pixels than the factor, at the
    right and lower edge, are left out then. A trace does the same in one step, for photos of any size.
    """
    if torch.jit.is_tracing():
        height, width = cast("tuple[torch.Tensor, torch.Tensor]", image.shape[-2:])  # what a trace has for numbers
        traced = (torch.minimum(height, width) // (2 * side)).clamp(min=1)
        return torch.matmul(_cells(height, traced, side), torch.matmul(image, _cells(width, traced, side).T))
    factor = min(image.shape[-2:]) // (2 * side)
    return F.adaptive_avg_pool2d(F.avg_pool2d(image, factor) if factor > 1 else image, side)


def _cells(pixels: torch.Tensor, factor: torch.Tensor, cells: int) -> torch.Tensor:
    """Weights (cells, pixels) of averages by a factor, then of `adaptive_avg_pool2d`, in what every exporter knows."""
    place = torch.arange(pixels, device=pixels.device)  # type: ignore[call-overload]  # whose number a trace keeps open
    reduced, cell = pixels // factor, torch.arange(cells, device=pixels.device)[:, None]
    first, last = cell * reduced // cells * factor, ((cell + 1) * reduced + cells - 1) // cells * factor
    inside = (place >= first) & (place < last)
    return inside.to(torch.float32) / (last - first)


def tones(thumb: torch.Tensor, count: int = QUANTILES) -> torch.Tensor:
    """Quantiles of grey and mean colour of thumbnails (B, 3, S, S): (B, count + 3), what a tone curve depends on most."""
    grey = thumb.mean(1).flatten(1).sort(dim=1).values
    places = torch.linspace(0, grey.shape[1] - 1, count, device=grey.device).round().long()
    return torch.cat([grey[:, places], thumb.mean((2, 3))], dim=1)


class GenePredictor(Enhancer):
    """Thumbnail -> genes -> the parametric operator. width: channels of the first convolution; hidden: of the last layers."""

    def __init__(self, width: int = 16, hidden: int = 96) -> None:
        super().__init__()
        if min(width, hidden) < 1:
            raise ValueError(f"width and hidden must be at least 1, not {width}, {hidden}")
        self.look = nn.Sequential(
            nn.Conv2d(3, width, 3, stride=2, padding=1), nn.SiLU(),
            nn.Conv2d(width, 2 * width, 3, stride=2, padding=1), nn.SiLU(),
            nn.Conv2d(2 * width, 2 * width, 3, stride=2, padding=1), nn.SiLU(),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        )  # fmt: skip
        self.decide = nn.Sequential(
            nn.Linear(2 * width + QUANTILES + 3, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU(),
            nn.Linear(hidden, len(BOUNDS)),
        )  # fmt: skip
        low, high = torch.tensor(BOUNDS).unbind(1)
        self.register_buffer("low", low, persistent=False)
        self.register_buffer("span", high - low, persistent=False)

    low: torch.Tensor
    span: torch.Tensor

    def from_thumbnail(self, thumb: torch.Tensor) -> torch.Tensor:
        """Genes (B, 3) within BOUNDS for thumbnails (B, 3, THUMBNAIL, THUMBNAIL)."""
        # Dark photos crowd near black: the root spreads them.
        seen = thumb.clamp(min=1e-6).sqrt()
        found = self.decide(torch.cat([self.look(seen), tones(seen)], dim=1))
        return self.low + torch.sigmoid(found) * self.span

    def genes(self, image: torch.Tensor) -> torch.Tensor:
        """Genes (B, 3) for photos (B, 3, H, W), float in [0, 1], sRGB."""
        return self.from_thumbnail(thumbnail(image))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return apply_genes(image, self.genes(image))

    @torch.no_grad()
    def for_photo(self, image: torch.Tensor) -> Enhancer:
        brightness, contrast, gamma = (float(gene) for gene in self.genes(image)[0])
        return ParametricEnhancer(brightness, contrast, gamma).to(image.device).eval()

    def pretraining_loss(
        self, image: torch.Tensor, weights: Mapping[str, float], exposure_level: float
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        return zero_reference.total(image, self(image), None, weights, exposure_level)


def build(width: int = 16, hidden: int = 96) -> GenePredictor:
    """The registered constructor."""
    return GenePredictor(width=width, hidden=hidden)
