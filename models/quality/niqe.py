"""NIQE: how far the statistics of a picture's blocks lie from those of natural pictures."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

from models import weights
from models.quality.fidelity import luma
from models.quality.metric import Compute, one_by_one
from models.quality.separable import shifted_sum
from models.quality.strips import extended, map_strips

BLOCK = 96
WINDOW, SIGMA = 7, 7 / 6
SHAPES = (0.2, 10.0, 0.001)
"""First, last and step of the shapes that the fit of a generalised Gaussian chooses from."""
STRIP = 1 << 17
"""Pixels at a time, about: more than a few rows of blocks do not fit a cache."""
NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1))


def _window_taps() -> list[float]:
    """The Gaussian window's column.

    pyiqa's window has float32 weights, whose sum misses 1 by 1e-8: that decides on which side of 0 a flat region's pixels
    count. The taps have that sum, so that values remain comparable with those of before and of others.
    """
    places = torch.arange(WINDOW, dtype=torch.float64) - WINDOW // 2
    taps = torch.exp(-places.square() / (2 * SIGMA**2))
    window = taps[:, None] * taps
    single = (window / window.sum()).float().double()
    return (taps / taps.sum() * single.sum().sqrt()).tolist()


def _half_taps() -> list[float]:
    """MATLAB's imresize to a half: the cubic kernel (a = -0.5) stretched over 8 pixels, from 3 before to 4 after."""
    distance = (torch.arange(8, dtype=torch.float64) - 3.5).abs() / 2
    near = 1.5 * distance**3 - 2.5 * distance**2 + 1
    far = -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2
    taps = torch.where(distance <= 1, near, far)
    return (taps / taps.sum()).tolist()


def halved(grey: Tensor) -> Tensor:
    """(H, W) resized to (H / 2, W / 2), even sides, as by MATLAB's imresize(grey, 0.5): bicubic, antialiased, float64."""
    taps = _half_taps()
    return map_strips(
        lambda strip: shifted_sum(shifted_sum(strip, taps, -2, 2), taps, -1, 2), grey, 3, 4, "symmetric", stride=2
    )


def _normalised(strip: Tensor, taps: list[float]) -> Tensor:
    """Mean-subtracted contrast-normalised values of a strip's inner part (Eq. 1 to 3)."""
    half = WINDOW // 2
    mean = shifted_sum(shifted_sum(strip, taps, -2), taps, -1)
    square = shifted_sum(shifted_sum(strip * strip, taps, -2), taps, -1)
    deviation = (square - mean * mean).abs().sqrt()
    return (strip[half:-half, half:-half] - mean) / (deviation + 1)


def _moments(values: Tensor) -> Tensor:
    """Of each block of K fields (K, rows of blocks, side, blocks, side): count, sum and energy below 0, and the same above 0.

    (blocks, K, 6).
    """
    above = values.clamp(min=0)
    below = values - above
    parts = (values < 0, below, below * below, values > 0, above, above * above)
    sums = torch.stack([part.sum(4).sum(2).double() for part in parts], -1)
    return sums.permute(1, 2, 0, 3).flatten(0, 1)


def block_moments(grey: Tensor, side: int) -> Tensor:
    """Moments of normalised values and of their products with four neighbours: (blocks, 5, 6), of (H, W) grey values.

    H, W: multiples of side. A block's neighbours beyond its edge are those of its other edge.
    """
    taps, half = _window_taps(), WINDOW // 2
    height, width = grey.shape
    step = side * max(1, STRIP // (side * width))
    found = []
    for start in range(0, height, step):
        end = min(start + step, height)
        rows = extended(grey, 0, start - half, end + half, "replicate")
        strip = extended(rows, 1, -half, width + half, "replicate").double()
        values = _normalised(strip, taps).view(-1, side, width // side, side)
        products = (values * values.roll(shift, (1, 3)) for shift in NEIGHBOURS)
        if values.numel() <= STRIP:  # all at once: the calls take longer than the sums
            found.append(_moments(torch.stack([values, *products])))
        else:
            found.append(torch.cat([_moments(field[None]) for field in (values, *products)], 1))
    return torch.cat(found)


@lru_cache(maxsize=4)
def _shapes(device: torch.device) -> tuple[Tensor, Tensor]:
    """The shapes that a fit chooses from, and the ratio of moments that each of them has."""
    first, last, step = SHAPES
    shapes = first + step * torch.arange(round((last - first) / step) + 1, dtype=torch.float64, device=device)
    return shapes, torch.exp(2 * torch.lgamma(2 / shapes) - torch.lgamma(1 / shapes) - torch.lgamma(3 / shapes))


def gaussian_fit(moments: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Shape and left and right scale of asymmetric generalised Gaussians from moments (..., 6) of `count` values.

    The scale of a side without values is NaN. Source: Lasmar, Stitou, Berthoumieu 2009, as used by Mittal 2013.
    """
    below, sum_below, energy_below, above, sum_above, energy_above = moments.unbind(-1)
    left, right = (energy_below / below).sqrt(), (energy_above / above).sqrt()
    ratio = left / right
    flatness = ((sum_above - sum_below) / count).square() / ((energy_below + energy_above) / count)
    wanted = flatness * (ratio**3 + 1) * (ratio + 1) / (ratio**2 + 1).square()
    shapes, table = _shapes(moments.device)
    # The table rises, so the nearest entry is one of the two around. A fit that is not defined gets the first shape.
    after = torch.searchsorted(table, wanted.contiguous()).clamp(1, len(table) - 1)
    place = torch.where(wanted - table[after - 1] <= table[after] - wanted, after - 1, after)
    shape = shapes[torch.where(wanted.isnan(), 0, place)]
    stretch = torch.exp(torch.lgamma(1 / shape) - torch.lgamma(3 / shape)).sqrt()
    return shape, left * stretch, right * stretch


def block_features(grey: Tensor, side: int) -> Tensor:
    """The 18 features of each block of (H, W) grey values: (blocks, 18). Source: Mittal 2013, Table of Sec. II-A."""
    shape, left, right = gaussian_fit(block_moments(grey, side), side * side)
    mean = (right - left) * torch.exp(torch.lgamma(2 / shape) - torch.lgamma(1 / shape))
    own = torch.stack([shape[:, 0], (left[:, 0] + right[:, 0]) / 2], 1)
    return torch.cat([own, torch.stack([shape, mean, left, right], 2)[:, 1:].flatten(1)], 1)


def niqe(grey: Tensor, mean: Tensor, covariance: Tensor) -> Tensor:
    """NIQE, a scalar >= 0, of (H, W) whole grey values in 8-bit units, sides of at least 96; NaN where no block varies.

    mean (36,), covariance (36, 36): the model of natural pictures. Sides are cut to multiples of 96.
    Source: Mittal, Soundararajan, Bovik, Making a Completely Blind Image Quality Analyzer, 2013, Eq. 10.
    """
    undefined = grey.new_full((), math.nan, dtype=torch.float64)
    if bool((grey == grey[0, 0]).all()):
        return undefined
    grey = grey[: grey.shape[0] // BLOCK * BLOCK, : grey.shape[1] // BLOCK * BLOCK]
    features = torch.cat([block_features(grey, BLOCK), block_features(halved(grey), BLOCK // 2)], 1)
    whole = features[~features.isnan().any(1)]
    if not len(whole):
        return undefined
    centred = whole - whole.mean(0)
    own_covariance = centred.T @ centred / max(1, len(whole) - 1)
    difference = mean - features.nanmean(0)
    inverse = torch.linalg.pinv((covariance + own_covariance) / 2)
    return (difference @ inverse @ difference).sqrt()


def parameters(device: str | torch.device) -> tuple[Tensor, Tensor]:
    """Mean (36,) and covariance (36, 36) of the model of natural pictures. Raises models.weights.WeightUnavailable."""
    from scipy.io import loadmat

    file = loadmat(weights.resolve("niqe"))
    return tuple(  # type: ignore[return-value]
        torch.from_numpy(file[key]).double().squeeze().to(device) for key in ("mu_prisparam", "cov_prisparam")
    )


def build(device: str | torch.device) -> Compute:
    """The compute function of `niqe`. Raises models.weights.WeightUnavailable."""
    mean, covariance = parameters(device)
    return one_by_one(lambda image: niqe(luma(image)[0, 0], mean, covariance))
