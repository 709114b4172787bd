"""The four zero-reference losses of curve estimation (Guo et al., Zero-DCE, CVPR 2020, Sec. 3.3)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch.nn import functional as F


def spatial_consistency(image: torch.Tensor, enhanced: torch.Tensor, patch: int = 4) -> torch.Tensor:
    """How much the contrast between neighbouring patches changes (Eq. 3, each pair of neighbours counted once).

    image, enhanced: (B, 3, H, W), at least two patches a side. Scalar.
    """
    before = F.avg_pool2d(image.mean(1, keepdim=True), patch)
    after = F.avg_pool2d(enhanced.mean(1, keepdim=True), patch)
    loss = image.new_zeros(())
    for axis in (-1, -2):
        difference = after.diff(dim=axis).abs() - before.diff(dim=axis).abs()
        loss = loss + difference.square().mean()
    return loss


def exposure_control(
    enhanced: torch.Tensor, level: float = 0.6, patch: int = 16, spared: torch.Tensor | None = None
) -> torch.Tensor:
    """Distance of the mean grey of each patch from the wanted level (Eq. 4). enhanced: (B, 3, H, W). Scalar.

    spared: the images as they were, (B, 3, H, W): patches that are at the level or above it have to stay as they are.
    """
    wanted: torch.Tensor | float = level
    if spared is not None:
        wanted = F.avg_pool2d(spared.mean(1, keepdim=True), patch).clamp(min=level)
    return (F.avg_pool2d(enhanced.mean(1, keepdim=True), patch) - wanted).abs().mean()


def colour_constancy(enhanced: torch.Tensor) -> torch.Tensor:
    """Squared differences between the channels' means (grey world, Eq. 5). enhanced: (B, 3, H, W). Scalar."""
    red, green, blue = enhanced.mean((2, 3)).unbind(1)
    return ((red - green).square() + (red - blue).square() + (green - blue).square()).mean()


def illumination_smoothness(curves: torch.Tensor) -> torch.Tensor:
    """Mean squared differences between neighbours in the curve maps as estimated. curves: (B, 3, h, w). Scalar.

    Eq. 6 squares the sum of the two mean absolute gradients; squaring each difference instead also punishes the few steep
    places of an otherwise flat map, which are what makes halos.
    """
    return curves.diff(dim=-1).square().mean() + curves.diff(dim=-2).square().mean()


def total(
    image: torch.Tensor,
    enhanced: torch.Tensor,
    curves: torch.Tensor | None,
    weights: Mapping[str, float],
    level: float,
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """The weighted sum (Eq. 7) and its unweighted terms. weights: of spatial, exposure, colour and smoothness.

    curves: None for an enhancer without curve maps, which then has no smoothness term.
    """
    terms = {
        "spatial": spatial_consistency(image, enhanced),
        "exposure": exposure_control(enhanced, level),
        "colour": colour_constancy(enhanced),
    }
    if curves is not None:
        terms["smoothness"] = illumination_smoothness(curves)
    loss = sum((weights[name] * value for name, value in terms.items()), image.new_zeros(()))
    return loss, terms
