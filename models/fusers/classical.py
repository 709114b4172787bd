"""Fusion without learning: the average, a Laplacian pyramid, and OpenCV's Mertens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from threading import Lock

import numpy as np
import torch
from torch.nn import functional as F

from models.fusers.base import Fuser, check_sources
from models.fusers.colour import luminance
from models.fusers.pyramids import by_strips, down, put_together, up


class Average(Fuser):
    """The mean of the exposures, value by value."""

    native = True

    def forward(self, under: torch.Tensor, over: torch.Tensor) -> torch.Tensor:
        return self.fuse_all((under, over))

    def fuse_all(self, exposures: Sequence[torch.Tensor]) -> torch.Tensor:
        check_sources(exposures)
        return torch.stack(list(exposures)).mean(0)


class LaplacianPyramid(Fuser):
    """Exposures blended level by level in Laplacian pyramids under Gaussian pyramids of their weights.

    Burt & Adelson 1983 for the blending; weights contrast * saturation * well-exposedness with exponents one, sigma 0.2, of
    Mertens et al. 2007 (Eq. 1 to 4). Ours in torch: differentiable, in batches, on any device.
    levels: None for as many as halve the shorter side to one pixel, which is best and takes the whole photo at once; a number
    makes fusion local, so that photos can be tiled, and leaves differences of brightness coarser than 2^levels pixels alone.
    floor: contrast and saturation that count as none, so that rounding does not rule the weights of flat and of grey areas.
    """

    native = True

    def __init__(self, levels: int | None = None, sigma: float = 0.2, floor: float = 0.0) -> None:
        super().__init__()
        if (levels is not None and levels < 0) or sigma <= 0 or floor < 0:
            raise ValueError(
                f"levels and floor should be at least 0 and sigma positive, not {levels}, {floor} and {sigma}"
            )
        self.levels, self.sigma, self.floor = levels, sigma, floor
        self.whole = levels is None
        if levels is not None:
            self.stride = 2**levels
            # 2 (2^L - 1) pixels down the pyramid, as many up, 2^L for the grid, 1 for the contrast's neighbours.
            self.halo = 5 * 2**levels

    def weights(self, exposure: torch.Tensor) -> torch.Tensor:
        """How good each pixel of an exposure (B, 3, H, W) is: (B, 1, H, W), positive, not normalised."""

        def rows(first: int, last: int) -> torch.Tensor:
            before = max(0, first - 1)  # the contrast's neighbours
            return self._weights(exposure[..., before : last + 1, :])[..., first - before : last - before, :]

        return by_strips(rows, exposure.shape, exposure.device)

    def _weights(self, exposure: torch.Tensor) -> torch.Tensor:
        grey = F.pad(luminance(exposure), (1, 1, 1, 1), mode="reflect" if min(exposure.shape[-2:]) > 1 else "replicate")
        middle = grey[..., 1:-1, 1:-1]
        around = grey[..., :-2, 1:-1] + grey[..., 2:, 1:-1] + grey[..., 1:-1, :-2] + grey[..., 1:-1, 2:]
        contrast = (around - 4 * middle).abs()
        # The square root has no slope at 0, where the three channels are equal.
        saturation = (_added((exposure - _added(exposure) / 3).square()) / 3 + 1e-12).sqrt()
        exposed = torch.exp(_added((exposure - 0.5).square()) / (-2 * self.sigma**2))
        return (contrast + self.floor) * (saturation + self.floor) * exposed + 1e-12

    def forward(self, under: torch.Tensor, over: torch.Tensor) -> torch.Tensor:
        return self.fuse_all((under, over))

    def fuse_all(self, exposures: Sequence[torch.Tensor]) -> torch.Tensor:
        check_sources(exposures)
        weights = torch.stack([self.weights(exposure) for exposure in exposures])
        weights = weights / weights.sum(0)
        bands: list[torch.Tensor] = []
        for exposure, weight in zip(exposures, weights, strict=True):
            blended = self._blended(exposure, weight)
            # Summed as they come: one pyramid in memory beside the result's, whatever the number of exposures.
            bands = [band + more for band, more in zip(bands, blended, strict=True)] if bands else blended
        fused = bands.pop()
        while bands:
            band = bands.pop()
            fused = put_together(band, fused)
        return fused.clamp(0, 1)

    def _blended(self, exposure: torch.Tensor, weight: torch.Tensor) -> list[torch.Tensor]:
        """The Laplacian pyramid of an exposure times the Gaussian pyramid of its weight, finest first."""
        bands = []
        levels = min(exposure.shape[-2:]).bit_length() - 1 if self.levels is None else self.levels
        for _ in range(levels):
            smaller = down(exposure)
            bands.append(by_strips(partial(_band, exposure, smaller, weight), exposure.shape, weight.device))
            exposure, weight = smaller, down(weight)
        return [*bands, weight * exposure]


def _band(exposure: torch.Tensor, smaller: torch.Tensor, weight: torch.Tensor, first: int, last: int) -> torch.Tensor:
    """Rows of a level of a weighted Laplacian pyramid."""
    coarse = up(smaller, exposure.shape, (first, last))
    return weight[..., first:last, :] * (exposure[..., first:last, :] - coarse)


def _added(x: torch.Tensor) -> torch.Tensor:
    """The sum of R, G and B: (B, 1, H, W) of (B, 3, H, W); several times as fast as `sum`."""
    red, green, blue = x.split(1, 1)
    return red + green + blue


class Mertens(Fuser):
    """OpenCV's exposure fusion (`createMergeMertens`, Mertens et al. 2007), on the CPU, clipped to [0, 1].

    Its pyramid has as many levels as the shorter side allows: a photo is fused whole. No gradient flows through it.
    contrast, saturation, exposure: exponents of the three weights; all one as in the paper (OpenCV's own default has exposure 0).
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
            arrays = [_eight_bit_range(picture) for picture in pictures]
            with _on_one_thread() if len(arrays) > 2 else nullcontext():
                fused.append(torch.from_numpy(merge.process(arrays)).flip(2).permute(2, 0, 1))
        return torch.stack(fused).clamp(0, 1).to(exposures[0])


_ONE_THREAD = Lock()  # how many threads OpenCV has is one number for the process


@contextmanager
def _on_one_thread() -> Iterator[None]:
    """OpenCV on one thread meanwhile: its threads add the exposures in the order in which they end, and the last digit of a
    float32 sum of more than two depends on it.
    """
    import cv2

    with _ONE_THREAD:
        threads = cv2.getNumThreads()
        cv2.setNumThreads(1)
        try:
            yield
        finally:
            cv2.setNumThreads(threads)


def _eight_bit_range(picture: torch.Tensor) -> np.ndarray:
    """A picture (3, H, W) in [0, 1] as OpenCV's fuser wants it: BGR, (H, W, 3) float32 in [0, 255], nothing rounded away.

    Values of 8-bit photos become whole again: in flat areas Mertens' contrast is what rounding left, and would rule the weights.
    """
    values = picture.float().permute(1, 2, 0).flip(2) * 255
    whole = values.round()
    return np.ascontiguousarray(torch.where((values - whole).abs() < 1e-3, whole, values).cpu().numpy())


def average() -> Average:
    """The registered constructor of the average."""
    return Average()


def laplacian(levels: int | None = None, sigma: float = 0.2) -> LaplacianPyramid:
    """The registered constructor of the Laplacian pyramid."""
    return LaplacianPyramid(levels, sigma)


def mertens(contrast: float = 1.0, saturation: float = 1.0, exposure: float = 1.0) -> Mertens:
    """The registered constructor of OpenCV's Mertens; the three exponents of its weights."""
    return Mertens(contrast, saturation, exposure)
