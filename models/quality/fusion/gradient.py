"""Qabf: how much of the sources' edges a fused image carries, as the public kits compute it and with folded orientation."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from models.quality.fidelity import luma
from models.quality.metric import SourcesCompute
from models.quality.strips import strip_sums

STRENGTH = (0.9994, -15.0, 0.5)
"""Gamma, kappa and sigma of the edge strength's sigmoid (Xydeas and Petrovic 2000)."""
ORIENTATION = (0.9879, -22.0, 0.8)
WINDOW = 3
_SHARED = "Xydeas and Petrovic 2000: Sobel; strength 0.9994 -15 0.5, orientation 0.9879 -22 0.8, L 1; Y of YIQ rounded to 8 bit"

Edges = tuple[Tensor, Tensor]
"""Strength (>= 0) and orientation of (B, 1, H, W)."""


def sobel(padded: Tensor) -> tuple[Tensor, Tensor]:
    """Horizontal and vertical Sobel gradient of (B, 1, H, W), valid part: (B, 1, H - 2, W - 2) each."""
    down = padded[..., :-2, :] + 2 * padded[..., 1:-1, :] + padded[..., 2:, :]
    across = padded[..., :-2] + 2 * padded[..., 1:-1] + padded[..., 2:]
    return down[..., 2:] - down[..., :-2], across[..., 2:, :] - across[..., :-2, :]


def edges(padded: Tensor) -> Edges:
    """Strength and orientation in (-pi/2, pi/2] of a padded picture (B, 1, H + 2, W + 2).

    Orientation pi/2 where nothing changes across, so where there is no edge, too (the kits' convention; weighted with 0).
    """
    horizontal, vertical = sobel(padded)
    # The kits convolve, which turns both masks: their horizontal gradient points left, their vertical one down.
    angle = torch.atan(-vertical / torch.where(horizontal == 0, 1, horizontal))
    # Not hypot: of whole numbers the sum of squares is exact, so equal strengths are found equal.
    return (horizontal**2 + vertical**2).sqrt(), torch.where(horizontal == 0, math.pi / 2, angle)


def folded_edges(padded: Tensor) -> Edges:
    """Strength and orientation in [0, pi) of a padded picture (B, 1, H + 2, W + 2); orientation 0 where there is no edge."""
    horizontal, vertical = sobel(padded)
    return torch.hypot(horizontal, vertical), torch.atan2(vertical, horizontal).remainder(math.pi)


def preservation(source: Edges, fused: Edges) -> Tensor:
    """How well each edge of a source survives, in [0, 0.9754], from `edges` of both (Eq. 3 to 6 as the kits read them)."""
    strength, orientation = source
    kept = _ratio(strength, fused[0])
    # The kits assign the strength itself where both are equal: for whole grey values 1 or more, so the sigmoid saturates.
    kept = torch.where(strength == fused[0], strength, kept)
    return preserved(kept, 1 - (orientation - fused[1]).abs() / (math.pi / 2))


def folded_preservation(source: Edges, fused: Edges) -> Tensor:
    """How well each edge of a source survives, in [0, 0.9748], from `folded_edges` of both (Eq. 3 to 6)."""
    strength, orientation = source
    turned = ((orientation - fused[1]).abs() - math.pi / 2).abs() / (math.pi / 2)
    return preserved(_ratio(strength, fused[0]), turned)


def _ratio(one: Tensor, other: Tensor) -> Tensor:
    return torch.minimum(one, other) / torch.maximum(one, other).clamp(min=1e-12)


def preserved(kept: Tensor, aligned: Tensor) -> Tensor:
    """How well edges survive, in [0, 1), by the ratio of strengths and how far directions agree, both in [0, 1] (Eq. 5, 6)."""
    value = torch.ones_like(kept)
    for ratio, (gamma, kappa, sigma) in ((kept, STRENGTH), (aligned, ORIENTATION)):
        value = value * gamma / (1 + torch.exp(kappa * (ratio - sigma)))
    return value


def qabf(image: Tensor, sources: Sequence[Tensor]) -> Tensor:
    """Q^AB/F (B,) in [0, 0.9754] of fused images (B, 3, H, W) in [0, 1] with K >= 1 sources; NaN where no source has an edge.

    Each source's preservation, weighted by that source's edge strength (L = 1); the kits' formula, for any K.
    Source: Xydeas and Petrovic, Objective Image Fusion Performance Measure, 2000, Eq. 7; CDDFuse's Evaluator.py.
    """
    return _transfer(image, sources, "constant", edges, preservation)


def qabf_folded(image: Tensor, sources: Sequence[Tensor]) -> Tensor:
    """Q^AB/F (B,) in [0, 0.9748] with orientations modulo half a turn; arguments, NaN and source as `qabf`."""
    return _transfer(image, sources, "replicate", folded_edges, folded_preservation)


def _transfer(
    image: Tensor,
    sources: Sequence[Tensor],
    padding: str,
    found: Callable[[Tensor], Edges],
    preserved: Callable[[Edges, Edges], Tensor],
) -> Tensor:
    def sums(fused: Tensor, source: Tensor) -> Tensor:
        fused_edges, source_edges = found(fused), found(source)
        weighted = preserved(source_edges, fused_edges) * source_edges[0]
        return torch.stack([weighted.sum((1, 2, 3)), source_edges[0].sum((1, 2, 3))])

    def padded(picture: Tensor) -> Tensor:
        return functional.pad(luma(picture).double(), (1, 1, 1, 1), mode=padding)

    fused = padded(image)
    total = torch.stack([strip_sums(sums, (fused, padded(source)), WINDOW) for source in sources]).sum(0)
    return total[0] / total[1]


def build(device: str | torch.device) -> SourcesCompute:
    """The compute function of `qabf`."""
    return qabf


def build_folded(device: str | torch.device) -> SourcesCompute:
    """The compute function of `qabf_folded`."""
    return qabf_folded
