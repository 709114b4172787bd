"""Fusion without learning: the average, a Laplacian pyramid, and OpenCV's Mertens."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional as F

from models.fusers.base import Fuser, check_sources
from models.fusers.colour import luminance


class Average(Fuser):
    """The mean of the exposures, value by value."""

    native = True

    def forward(self, under: torch.Tensor, over: torch.Tensor) -> torch.Tensor:
        return self.fuse_all((under, over))

    def fuse_all(self, exposures: Sequence[torch.Tensor]) -> torch.Tensor:
        check_sources(exposures)
        return torch.stack(list(exposures)).mean(0)


class LaplacianPyramid(Fuser):
    """Exposures blended level by level in Laplacian pyramids, under Gaussian pyramids of their weights.

    Burt & Adelson 1983 for the blending; weights contrast * saturation * well-exposedness with exponents one, sigma 0.2, of
    Mertens et al. 2007 (Eq. 1 to 4). Ours in torch: differentiable, in batches, on any device, and of `levels` levels
    whatever the photo's size, so that photos can be tiled. OpenCV's goes down to one pixel, `mertens` below.
    """

    native = True

    def __init__(self, levels: int = 5, sigma: float = 0.2) -> None:
        super().__init__()
        if levels < 0 or sigma <= 0:
            raise ValueError(f"levels should be at least 0 and sigma positive, not {levels} and {sigma}")
        self.levels, self.sigma = levels, sigma
        self.stride = 2**levels
        # 2 (2^L - 1) pixels down the pyramid, as many up, 2^L for the grid, 1 for the contrast's neighbours.
        self.halo = 5 * 2**levels

    def weights(self, exposure: torch.Tensor) -> torch.Tensor:
        """How good each pixel of an exposure (B, 3, H, W) is: (B, 1, H, W), positive, not normalised."""
        grey = F.pad(luminance(exposure), (1, 1, 1, 1), mode="replicate")
        middle = grey[..., 1:-1, 1:-1]
        around = grey[..., :-2, 1:-1] + grey[..., 2:, 1:-1] + grey[..., 1:-1, :-2] + grey[..., 1:-1, 2:]
        contrast = (around - 4 * middle).abs()
        # The square root has no slope at 0, where the three channels are equal.
        saturation = (exposure.var(1, unbiased=False, keepdim=True) + 1e-12).sqrt()
        exposed = torch.exp(-((exposure - 0.5) ** 2) / (2 * self.sigma**2)).prod(1, keepdim=True)
        return contrast * saturation * exposed + 1e-12

    def forward(self, under: torch.Tensor, over: torch.Tensor) -> torch.Tensor:
        return self.fuse_all((under, over))

    def fuse_all(self, exposures: Sequence[torch.Tensor]) -> torch.Tensor:
        check_sources(exposures)
        weights = torch.stack([self.weights(exposure) for exposure in exposures])
        weights = weights / weights.sum(0)
        blended = [self._blended(exposure, weight) for exposure, weight in zip(exposures, weights, strict=True)]
        bands = [torch.stack(level).sum(0) for level in zip(*blended, strict=True)]
        fused = bands.pop()
        while bands:
            band = bands.pop()
            fused = band + _up(fused, band.shape)
        return fused.clamp(0, 1)

    def _blended(self, exposure: torch.Tensor, weight: torch.Tensor) -> list[torch.Tensor]:
        """The Laplacian pyramid of an exposure times the Gaussian pyramid of its weight, finest first."""
        bands = []
        for _ in range(self.levels):
            smaller = _down(exposure)
            bands.append(weight * (exposure - _up(smaller, exposure.shape)))
            exposure, weight = smaller, _down(weight)
        return [*bands, weight * exposure]


class Mertens(Fuser):
    """OpenCV's exposure fusion (`createMergeMertens`, Mertens et al. 2007), on the CPU, clipped to [0, 1].

    Its pyramid has as many levels as the shorter side allows: a photo is fused whole. No gradient flows through it.
    """

    whole = True
    native = True

    def __init__(self, contrast: float = 1.0, saturation: float = 1.0, exposure: float = 1.0) -> None:
        super().__init__()
        self.exponents = (contrast, saturation, exposure)

    def forward(self, under: torch.Tensor, over: torch.Tensor) -> torch.Tensor:
        return self.fuse_all((under, over))

    @torch.no_grad()
    def fuse_all(self, exposures: Sequence[torch.Tensor]) -> torch.Tensor:
        import cv2

        check_sources(exposures)
        merge = cv2.createMergeMertens(*self.exponents)
        fused = []
        for pictures in zip(*exposures, strict=True):
            # OpenCV works on BGR floats of 8-bit range; nothing is rounded.
            arrays = [
                np.ascontiguousarray(picture.float().permute(1, 2, 0).flip(2).mul(255).cpu().numpy())
                for picture in pictures
            ]
            fused.append(torch.from_numpy(merge.process(arrays)).flip(2).permute(2, 0, 1))
        return torch.stack(fused).clamp(0, 1).to(exposures[0])


def _down(x: torch.Tensor) -> torch.Tensor:
    """Blurred by (1 4 6 4 1) / 16 both ways, every second row and column, the first included: (B, C, ceil(H/2), ceil(W/2))."""
    x = F.pad(x, (2, 2, 2, 2), mode="replicate")
    x = (x[..., :-4, :] + x[..., 4:, :] + 4 * (x[..., 1:-3, :] + x[..., 3:-1, :]) + 6 * x[..., 2:-2, :])[
        ..., ::2, :
    ] / 16
    return (x[..., :-4] + x[..., 4:] + 4 * (x[..., 1:-3] + x[..., 3:-1]) + 6 * x[..., 2:-2])[..., ::2] / 16


def _up(x: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """Twice as large by the same filter (1 6 1) / 8 and (1 1) / 2 between, cut to the last two of `shape`."""
    x = _up_last(_up_last(x).transpose(-1, -2)).transpose(-1, -2)
    return x[..., : shape[-2], : shape[-1]]


def _up_last(x: torch.Tensor) -> torch.Tensor:
    padded = F.pad(x, (1, 1, 0, 0), mode="replicate")
    on = (padded[..., :-2] + 6 * x + padded[..., 2:]) / 8
    between = (x + padded[..., 2:]) / 2
    return torch.stack([on, between], -1).flatten(-2)


def average() -> Average:
    """The registered constructor of the average."""
    return Average()


def laplacian(levels: int = 5, sigma: float = 0.2) -> LaplacianPyramid:
    """The registered constructor of the Laplacian pyramid."""
    return LaplacianPyramid(levels, sigma)


def mertens(contrast: float = 1.0, saturation: float = 1.0, exposure: float = 1.0) -> Mertens:
    """The registered constructor of OpenCV's Mertens; the three exponents of its weights."""
    return Mertens(contrast, saturation, exposure)
