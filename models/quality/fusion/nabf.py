"""Nabf: how much of a fused picture's edges comes from neither source."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from models.quality.fidelity import luma
from models.quality.fusion.gradient import WINDOW, Edges, sobel
from models.quality.metric import SourcesCompute
from models.quality.strips import strip_sums

STRENGTH = (0.9999, 19.0, 0.5)
"""Gamma, kappa and sigma of the sigmoid of the relative edge strength."""
ORIENTATION = (0.9995, 22.0, 0.5)
THRESHOLD, POWER, LEAST_WEIGHT = 2.0, 1.5, 0.001
"""Edges below the threshold weigh the least, the others their strength to the power."""


def edges(padded: Tensor) -> Edges:
    """Strength (Sobel / 8) and orientation in [-pi/2, pi/2], 0 without an edge, of a padded picture (B, 1, H + 2, W + 2)."""
    horizontal, vertical = (gradient / 8 for gradient in sobel(padded))
    angle = torch.atan(horizontal / torch.where(vertical == 0, 1, vertical))
    right = torch.where(vertical == 0, horizontal.sign() * (math.pi / 2), angle)
    return (horizontal**2 + vertical**2).sqrt(), right


def preservation(source: Edges, fused: Edges) -> Tensor:
    """How well each edge of a source survives, in [0, 0.9997], from `edges` of both; orientations modulo half a turn."""
    low, high = torch.minimum(source[0], fused[0]), torch.maximum(source[0], fused[0])
    turned = ((source[1] - fused[1]).abs() - math.pi / 2).abs() / (math.pi / 2)
    value = torch.ones_like(turned)
    for ratio, (gamma, kappa, sigma) in ((low / high.clamp(min=1e-12), STRENGTH), (turned, ORIENTATION)):
        value = value * gamma / (1 + torch.exp(-kappa * (ratio - sigma)))
    return value.sqrt()


def nabf(image: Tensor, sources: Sequence[Tensor]) -> Tensor:
    """N^AB/F (B,) in [0, 1] of fused images (B, 3, H, W) in [0, 1] with K >= 2 sources: the lower, the fewer artifacts.

    What of each source's weighted edges is lost, over the pixels whose fused edge is stronger than that of every source.
    Source: Petrovic and Xydeas, Objective evaluation of signal-level image fusion performance, 2005, as modified by Shreyamsha
    Kumar, Multifocus and multispectral image fusion based on pixel significance, 2013; for any K.
    """

    def sums(fused: Tensor, *others: Tensor) -> Tensor:
        of_fused, of_sources = edges(fused), [edges(other) for other in others]
        made = torch.stack([of_fused[0] > strength for strength, _ in of_sources]).all(0)
        lost, total = torch.zeros_like(fused[:, 0, 0, 0]), torch.zeros_like(fused[:, 0, 0, 0])
        for one in of_sources:
            weight = torch.where(one[0] >= THRESHOLD, one[0] ** POWER, LEAST_WEIGHT)
            lost = lost + (made * (1 - preservation(one, of_fused)) * weight).sum((1, 2, 3))
            total = total + weight.sum((1, 2, 3))
        return torch.stack([lost, total])

    padded = [functional.pad(luma(picture).double(), (1, 1, 1, 1), mode="reflect") for picture in (image, *sources)]
    lost, total = strip_sums(sums, padded, WINDOW, len(sources))
    return lost / total


def build(device: str | torch.device) -> SourcesCompute:
    """The compute function of `nabf`."""
    return nabf
