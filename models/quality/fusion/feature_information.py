"""FMI: what a window of a fused picture's features tells of the same window of its sources'."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from models.quality.fidelity import luma
from models.quality.metric import SourcesCompute
from models.quality.strips import strip_sums

WINDOW = 3
PLACES = WINDOW**2
FLAT = 1e-12
"""Spread of places, and mean of squares, below which there is none but for float64's rounding."""


def gradient_magnitude(grey: Tensor) -> Tensor:
    """Length of the gradient of (B, 1, H, W) by central differences, one-sided at the borders."""
    down, right = torch.gradient(grey, dim=(2, 3))
    return (down.square() + right.square()).sqrt()


def densities(features: Tensor) -> Tensor:
    """(B, 9, H - 2, W - 2): features (B, 1, H, W) >= 0 of every window over their sum; 1/9 each where all are 0."""
    height, width = features.shape[2] - WINDOW + 1, features.shape[3] - WINDOW + 1
    windows = torch.cat([features[..., i : i + height, j : j + width] for i in range(WINDOW) for j in range(WINDOW)], 1)
    total = windows.sum(1, keepdim=True)
    return torch.where(total > 0, windows / torch.where(total > 0, total, 1), 1 / PLACES)


def bits(shares: Tensor, dims: tuple[int, ...]) -> Tensor:
    """Entropy over some dimensions; a share of 0 adds nothing."""
    return -torch.special.xlogy(shares, shares).sum(dims) / torch.log(shares.new_tensor(2.0))


def window_information(one: Tensor, other: Tensor) -> Tensor:
    """Normalised mutual information (B, H, W) in [0, 1] of densities (B, 9, H, W) over a window's places, 1 where they are equal.

    The joint density is a mixture of the independent one and of a Frechet bound, the upper one for a correlation above 0, the
    lower one below, in such shares that it has the densities' correlation (or as nearly as a mixture can).
    """
    x, y = one[:, :, None], other[:, None]
    apart = x * y
    cumulated = one.cumsum(1)[:, :, None], other.cumsum(1)[:, None]
    upper = _differences(torch.minimum(*cumulated))
    lower = _differences((cumulated[0] + cumulated[1] - 1).clamp(min=0))
    wanted = _correlation(one, other)[:, None, None]
    bound = torch.where(wanted >= 0, upper, lower)
    highest = _place_correlation(bound, one, other)[:, None, None]
    share = torch.where(highest.abs() > FLAT, wanted / torch.where(highest.abs() > FLAT, highest, 1), 0).clamp(0, 1)
    joint = (share * bound + (1 - share) * apart).clamp(min=0)
    alone = bits(one, (1,)) + bits(other, (1,))
    told = (alone - bits(joint, (1, 2))).clamp(min=0)
    value = torch.where(alone > 0, 2 * told / torch.where(alone > 0, alone, 1), 0).clamp(max=1)
    return torch.where((one == other).all(1), 1, value)


def _differences(cumulated: Tensor) -> Tensor:
    """The density of a cumulated one (B, 9, 9, H, W)."""
    first = torch.cat([cumulated[:, :1], cumulated.diff(dim=1)], 1)
    return torch.cat([first[:, :, :1], first.diff(dim=2)], 2)


def _correlation(one: Tensor, other: Tensor) -> Tensor:
    """Pearson correlation over dimension 1 in [-1, 1], 0 where one is flat."""
    x, y = one - one.mean(1, keepdim=True), other - other.mean(1, keepdim=True)
    energy = x.square().sum(1) * y.square().sum(1)
    flat = (x.square().sum(1) < FLAT) | (y.square().sum(1) < FLAT)
    return torch.where(flat, 0, (x * y).sum(1) / torch.where(flat, 1, energy).sqrt()).clamp(-1, 1)


def _place_correlation(joint: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """Correlation (B, H, W) of the places 1 ... 9 that a joint density (B, 9, 9, H, W) pairs, 0 where one never varies."""
    place = torch.arange(1.0, PLACES + 1, dtype=joint.dtype, device=joint.device)
    means = [torch.einsum("bihw,i->bhw", density, place) for density in (one, other)]
    spreads = [
        (torch.einsum("bihw,i->bhw", density, place**2) - mean**2).clamp(min=0)
        for density, mean in zip((one, other), means, strict=True)
    ]
    flat = (spreads[0] < FLAT) | (spreads[1] < FLAT)
    both = torch.einsum("bijhw,i,j->bhw", joint, place, place) - means[0] * means[1]
    return torch.where(flat, 0, both / torch.where(flat, 1, spreads[0] * spreads[1]).sqrt())


def fmi(image: Tensor, sources: Sequence[Tensor]) -> Tensor:
    """FMI (B,) in [0, 1] of fused images (B, 3, H, W) in [0, 1] with K >= 1 sources, sides >= 3: means over windows and sources.

    Features: `gradient_magnitude`. Source: Haghighat, Aghagolzadeh, Seyedarabi, A non-reference image fusion metric based on
    mutual information of image features, 2011; each term over both entropies, as in Hossny 2008.
    """

    def sums(fused: Tensor, *others: Tensor) -> Tensor:
        of_fused = densities(fused)
        return torch.stack([window_information(densities(other), of_fused).sum((1, 2)) for other in others]).sum(0)

    features = [gradient_magnitude(luma(picture).double()) for picture in (image, *sources)]
    positions = (image.shape[2] - WINDOW + 1) * (image.shape[3] - WINDOW + 1)
    return strip_sums(sums, features, WINDOW, PLACES) / (positions * len(sources))


def build(device: str | torch.device) -> SourcesCompute:
    """The compute function of `fmi`."""
    return fmi
