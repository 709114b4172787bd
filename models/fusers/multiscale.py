"""Fusion of infrared and visible without learning: what is brighter, or has more detail, by levels or by guided filters."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional as F

from models.core.gaussian import gaussian_taps, smooth_valid
from models.fusers.base import Fuser, check_sources
from models.fusers.pyramids import down, up


class Maximum(Fuser):
    """The larger of the sources' values, value by value."""

    native = True

    def forward(self, under: torch.Tensor, over: torch.Tensor) -> torch.Tensor:
        return self.fuse_all((under, over))

    def fuse_all(self, exposures: Sequence[torch.Tensor]) -> torch.Tensor:
        check_sources(exposures)
        return torch.stack(list(exposures)).amax(0)


def larger(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Value by value the one that is farther from 0."""
    return torch.where(one.abs() >= other.abs(), one, other)


class LargerDetail(Fuser):
    """Both sources are taken apart into bands: of each detail the larger one is kept, of what is left the mean.

    levels: how many bands of detail; a band has twice the size of the one before. Raises ValueError: fewer than one.
    """

    def __init__(self, levels: int = 4) -> None:
        super().__init__()
        if not 1 <= levels <= 12:
            raise ValueError(f"levels should be 1 to 12, not {levels}")
        self.levels = levels

    def forward(self, under: torch.Tensor, over: torch.Tensor) -> torch.Tensor:
        check_sources((under, over))
        first, second = self.bands(under), self.bands(over)
        kept = [larger(one, other) for one, other in zip(first[:-1], second[:-1], strict=True)]
        return self.joined([*kept, (first[-1] + second[-1]) / 2]).clamp(0, 1)

    def bands(self, picture: torch.Tensor) -> list[torch.Tensor]:
        """The bands of (B, C, H, W), finest first, and what is left of it."""
        raise NotImplementedError

    def joined(self, bands: list[torch.Tensor]) -> torch.Tensor:
        """The picture (B, C, H, W) that has these bands."""
        raise NotImplementedError


class Pyramid(LargerDetail):
    """In Laplacian pyramids (Burt & Kolczynski 1993, with a window of one pixel)."""

    def __init__(self, levels: int = 4) -> None:
        super().__init__(levels)
        self.stride = 2**levels
        # As for `LaplacianPyramid`, less the contrast's neighbours.
        self.halo = 5 * 2**levels

    def bands(self, picture: torch.Tensor) -> list[torch.Tensor]:
        found = []
        for _ in range(self.levels):
            smaller = down(picture)
            found.append(picture - up(smaller, picture.shape))
            picture = smaller
        return [*found, picture]

    def joined(self, bands: list[torch.Tensor]) -> torch.Tensor:
        picture = bands[-1]
        for band in reversed(bands[:-1]):
            picture = band + up(picture, band.shape)
        return picture


class Wavelet(LargerDetail):
    """In undecimated wavelet planes, by the B3 spline "a trous" (Nunez et al. 1999): no grid, and no ringing at edges."""

    TAPS = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)

    def __init__(self, levels: int = 4) -> None:
        super().__init__(levels)
        self.halo = 2 * (2**levels - 1)

    def bands(self, picture: torch.Tensor) -> list[torch.Tensor]:
        found = []
        for level in range(self.levels):
            smoother = self._smooth(picture, 2**level)
            found.append(picture - smoother)
            picture = smoother
        return [*found, picture]

    def joined(self, bands: list[torch.Tensor]) -> torch.Tensor:
        return torch.stack(bands).sum(0)

    def _smooth(self, picture: torch.Tensor, step: int) -> torch.Tensor:
        for dim in (-1, -2):
            size = picture.shape[dim]
            padded = picture.index_select(dim, mirrored(size, 2 * step, picture.device))
            parts = [padded.narrow(dim, place * step, size) * tap for place, tap in enumerate(self.TAPS)]
            picture = torch.stack(parts).sum(0)
        return picture


def mirrored(size: int, reach: int, device: torch.device) -> torch.Tensor:
    """Places -reach ... size - 1 + reach of a line, mirrored at its ends without repeating them, however short it is."""
    places = torch.arange(-reach, size + reach, device=device)
    if size == 1:
        return torch.zeros_like(places)
    places = places.remainder(2 * size - 2)
    return torch.minimum(places, 2 * size - 2 - places)


class Guided(Fuser):
    """Base and detail under weights that guided filters align with the edges (Li, Kang & Hu 2013, GFF).

    The base is the mean of 31 x 31 pixels. The source whose Laplacian, smoothed by a Gaussian (11 x 11, sigma 5), is the
    stronger gets the weight 1, which a guided filter smooths: of radius 45, eps 0.3 for the base, 7 and 1e-6 for the detail.
    """

    BASE, WIDE, NARROW = 15, (45, 0.3), (7, 1e-6)
    halo = 2 * 45 + 5 + 1

    def forward(self, under: torch.Tensor, over: torch.Tensor) -> torch.Tensor:
        check_sources((under, over))
        sources = (under, over)
        guides = [source.mean(1, keepdim=True) for source in sources]
        strength = torch.stack([self._saliency(guide) for guide in guides])
        first = (strength[0] >= strength[1]).to(under)
        bases = [box(source, self.BASE) for source in sources]
        fused = torch.zeros_like(under)
        for (radius, eps), layers in (
            (self.WIDE, bases),
            (self.NARROW, [source - base for source, base in zip(sources, bases, strict=True)]),
        ):
            weights = [
                guided_filter(guide, weight, radius, eps).clamp(0, 1)
                for guide, weight in zip(guides, (first, 1 - first), strict=True)
            ]
            total = weights[0] + weights[1]
            share = torch.where(total > 1e-6, weights[0] / total.clamp(min=1e-6), 0.5)
            fused = fused + share * layers[0] + (1 - share) * layers[1]
        return fused.clamp(0, 1)

    @staticmethod
    def _saliency(grey: torch.Tensor) -> torch.Tensor:
        padded = F.pad(grey, (1, 1, 1, 1), mode="replicate")
        around = padded[..., :-2, 1:-1] + padded[..., 2:, 1:-1] + padded[..., 1:-1, :-2] + padded[..., 1:-1, 2:]
        strength = (around - 4 * grey).abs()
        return smooth_valid(F.pad(strength, (5, 5, 5, 5), mode="replicate"), gaussian_taps(5.0, 5))


def box(picture: torch.Tensor, radius: int) -> torch.Tensor:
    """Mean of (B, C, H, W) over squares of 2 radius + 1 pixels, of those in the picture."""
    side = 2 * radius + 1
    for kernel, padding in (((side, 1), (radius, 0)), ((1, side), (0, radius))):
        picture = F.avg_pool2d(picture, kernel, 1, padding, count_include_pad=False)
    return picture


def guided_filter(guide: torch.Tensor, picture: torch.Tensor, radius: int, eps: float) -> torch.Tensor:
    """(B, 1, H, W) smoothed, but for the edges of the guide (B, 1, H, W): He, Sun & Tang 2013, Eq. 5, 6 and 8."""
    mean, target = box(guide, radius), box(picture, radius)
    covariance = box(guide * picture, radius) - mean * target
    variance = box(guide * guide, radius) - mean * mean
    slope = covariance / (variance.clamp(min=0) + eps)
    return box(slope, radius) * guide + box(target - slope * mean, radius)
