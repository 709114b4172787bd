"""Losses of infrared and visible fusion: DCEvo's three terms, four more that its evolution may weigh, and edges as Qabf has them.

All are means over pixels and batch, to be minimised, of Y (B, 1, H, W) in [0, 1].
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from models.core.gaussian import gaussian_taps, smooth_valid
from models.losses.fusion import gradient_max, l1, ssim_loss
from models.quality.fusion.gradient import preserved, sobel

_FLAT = 0.01
_TAPS = gaussian_taps(1.0, 2)


@dataclass(frozen=True)
class Scene:
    """The fused Y with both sources' (B, 1, H, W); coarse, fine: each source's parts (B, C, H, W) where the network has such."""

    fused: Tensor
    infrared: Tensor
    visible: Tensor
    coarse: tuple[Tensor, Tensor] | None = None
    fine: tuple[Tensor, Tensor] | None = None


def correlation(one: Tensor, other: Tensor) -> Tensor:
    """Mean over pictures and channels of the linear correlation of (B, C, H, W), in [-1, 1]; scalar."""
    first, second = (x - x.mean((2, 3), keepdim=True) for x in (one, other))
    product = (first * second).sum((2, 3))
    # The small number is under the root: where a channel is flat the slope stays finite.
    return (product / (first.square().sum((2, 3)) * second.square().sum((2, 3)) + 1e-8).sqrt()).mean()


def intensity(scene: Scene) -> Tensor:
    """L1 to the brighter source, pixel by pixel."""
    return l1(scene.fused, torch.maximum(scene.infrared, scene.visible))


def gradient(scene: Scene) -> Tensor:
    """L1 of the Sobel strength to the stronger source's."""
    return gradient_max(scene.fused, scene.infrared, scene.visible)


def decomposition(scene: Scene) -> Tensor:
    """cc(fine)^2 / (1.01 + cc(coarse)): the fine parts of both sources share little, the coarse ones much; 0 without parts."""
    if scene.coarse is None or scene.fine is None:
        return scene.fused.new_zeros(())
    return correlation(*scene.fine).square() / (1.01 + correlation(*scene.coarse))


def detail(scene: Scene) -> Tensor:
    """L1 of the finest detail, with its sign, to the larger one of the sources."""
    fused, infrared, visible = (_finest(y) for y in (scene.fused, scene.infrared, scene.visible))
    return l1(fused, torch.where(infrared.abs() >= visible.abs(), infrared, visible))


def transfer(scene: Scene) -> Tensor:
    """1 - Qabf (Xydeas and Petrovic 2000): how well each edge of a source survives, by strength and direction.

    As the metric `qabf`, but smooth: strengths of an 8-bit level and less count as none, and equal ones are not set apart.
    """
    fused = _edges(scene.fused)
    kept, whole = scene.fused.new_zeros(()), scene.fused.new_zeros(())
    for y in (scene.infrared, scene.visible):
        strength, angle = _edges(y)
        ratio = torch.minimum(strength, fused[0]) / torch.maximum(strength, fused[0])
        kept = kept + (preserved(ratio, 1 - (angle - fused[1]).abs() / (math.pi / 2)) * strength).sum()
        whole = whole + strength.sum()
    return 1 - kept / whole


def _edges(y: Tensor) -> tuple[Tensor, Tensor]:
    """Sobel strength, in 8-bit levels, and orientation of (B, 1, H, W), each (B, 1, H - 2, W - 2)."""
    horizontal, vertical = (255 * part for part in sobel(y))
    level = torch.where(horizontal.abs() < _FLAT, torch.full_like(horizontal, _FLAT), horizontal)
    return (horizontal.square() + vertical.square() + _FLAT).sqrt(), torch.atan(vertical / level)


def _finest(y: Tensor) -> Tensor:
    return y[..., 2:-2, 2:-2] - smooth_valid(y, _TAPS)


LOSSES: dict[str, Callable[[Scene], Tensor]] = {
    "intensity": intensity,
    "gradient": gradient,
    "decomposition": decomposition,
    "ssim_infrared": lambda scene: ssim_loss(scene.fused, scene.infrared),
    "ssim_visible": lambda scene: ssim_loss(scene.fused, scene.visible),
    "correlation": lambda scene: (
        1 - (correlation(scene.fused, scene.infrared) + correlation(scene.fused, scene.visible)) / 2
    ),
    "detail": detail,
    "transfer": transfer,
}
"""name -> term(scene), a scalar. DCEvo: intensity 1, gradient 10, decomposition 2."""


def weighted(scene: Scene, weights: Mapping[str, float]) -> tuple[Tensor, dict[str, Tensor]]:
    """The sum of the terms by their weights, and each term that has one. Raises KeyError for an unknown name."""
    terms = {name: LOSSES[name](scene) for name, weight in weights.items() if weight}
    return torch.stack([weights[name] * term for name, term in terms.items()]).sum(), terms
