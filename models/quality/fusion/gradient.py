"""Qabf: how much of the sources' edges a fused image carries."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from models.quality.fidelity import luma
from models.quality.metric import MetricInfo, SourcesCompute

STRENGTH = (0.9994, -15.0, 0.5)
"""Gamma, kappa and sigma of the edge strength's sigmoid (Xydeas and Petrovic 2000)."""
ORIENTATION = (0.9879, -22.0, 0.8)
INFO = MetricInfo(
    name="qabf",
    higher_is_better=True,
    value_range=(0.0, 1.0),
    needs_reference=False,
    needs_sources=True,
    variant=(
        "Xydeas and Petrovic 2000: Sobel, edge pixels repeated; strength 0.9994 -15 0.5, orientation 0.9879 -22 0.8, L 1; "
        "Y of YIQ rounded to 8 bit; at most 0.975"
    ),
    min_size=3,
)


def edges(y: Tensor) -> tuple[Tensor, Tensor]:
    """Strength (>= 0) and orientation in [0, pi) of the Sobel gradient of (B, 1, H, W), same size, edge pixels repeated.

    Orientation 0 where there is no edge.
    """
    padded = functional.pad(y, (1, 1, 1, 1), mode="replicate")
    down = padded[..., :-2, :] + 2 * padded[..., 1:-1, :] + padded[..., 2:, :]
    across = padded[..., :-2] + 2 * padded[..., 1:-1] + padded[..., 2:]
    horizontal, vertical = down[..., 2:] - down[..., :-2], across[..., 2:, :] - across[..., :-2, :]
    return torch.hypot(horizontal, vertical), torch.atan2(vertical, horizontal).remainder(math.pi)


def preservation(source: tuple[Tensor, Tensor], fused: tuple[Tensor, Tensor]) -> Tensor:
    """How well each edge of a source survives, in [0, 0.975], from `edges` of both (Eq. 3 to 6)."""
    strength, orientation = source
    kept = torch.minimum(strength, fused[0]) / torch.maximum(strength, fused[0]).clamp(min=1e-12)
    turned = 2 / math.pi * ((orientation - fused[1]).abs() - math.pi / 2).abs()
    value = torch.ones_like(kept)
    for ratio, (gamma, kappa, sigma) in ((kept, STRENGTH), (turned, ORIENTATION)):
        value = value * gamma / (1 + torch.exp(kappa * (ratio - sigma)))
    return value


def qabf(image: Tensor, sources: Sequence[Tensor]) -> Tensor:
    """Q^AB/F (B,) in [0, 0.975] of fused images (B, 3, H, W) in [0, 1] with K >= 1 sources; NaN where no source has an edge.

    Each source's preservation, weighted by that source's edge strength (L = 1).
    Source: Xydeas and Petrovic, Objective Image Fusion Performance Measure, 2000, Eq. 7.
    """
    fused = edges(luma(image).double())
    total, weight = image.new_zeros(image.shape[0]).double(), image.new_zeros(image.shape[0]).double()
    for source in sources:
        found = edges(luma(source).double())
        total = total + (preservation(found, fused) * found[0]).sum((1, 2, 3))
        weight = weight + found[0].sum((1, 2, 3))
    return total / weight


def build(device: str | torch.device) -> SourcesCompute:
    """The compute function of `qabf`."""
    return qabf
