"""Structural similarity of a fused picture and its exposures (MEF-SSIM), from window moments."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

WINDOW = 8
POWER_AT_MOST = 10.0


def box_mean(y: Tensor, window: int) -> Tensor:
    """Mean over every window x window of (B, C, H, W), valid part: (B, C, H - window + 1, W - window + 1)."""
    return functional.avg_pool2d(functional.avg_pool2d(y, (window, 1), 1), (1, window), 1)


def mef_ssim_map(fused: Tensor, sources: Sequence[Tensor], constant: float, window: int = WINDOW) -> Tensor:
    """MEF-SSIM of every patch, (B, 1, H - window + 1, W - window + 1) in [-1, 1].

    fused, each of sources (K >= 1): (B, 1, H, W), one unit; constant: in that unit squared ((0.03 * 255)^2 for 8 bit).
    Gradients flow to the fused picture alone. The desired patch has no mean, the highest contrast of the sources' patches,
    and their structures' mean, weighted by contrast^p with p = tan(pi R / 2) (10 at most), R the sources' consistency; it
    is flat where the structures cancel.
    Source: Ma, Zeng, Wang, Perceptual Quality Assessment for Multi-Exposure Image Fusion, 2015, Eq. 4 to 13.
    All of it follows from the covariances of the K + 1 patches, so no patch is ever built.
    """
    x = torch.cat([source.detach() for source in sources], 1)
    # Moments of values about 0 lose fewer digits; nothing taken below depends on the level.
    level = x.mean((1, 2, 3), keepdim=True)
    x = x - level
    y = fused - level
    count = x.shape[1]
    means, mean_y = box_mean(x, window), box_mean(y, window)
    pairs = [(k, m) for k in range(count) for m in range(k, count)]
    products = torch.cat([x[:, k : k + 1] * x[:, m : m + 1] for k, m in pairs], 1)
    moments = box_mean(products, window)
    covariance = {
        pair: moments[:, i : i + 1] - means[:, pair[0] : pair[0] + 1] * means[:, pair[1] : pair[1] + 1]
        for i, pair in enumerate(pairs)
    }
    variance = torch.cat([covariance[k, k] for k in range(count)], 1).clamp(min=0)
    contrast = variance.sqrt()
    tiny = torch.finfo(x.dtype).tiny ** 0.5
    highest = contrast.amax(1, keepdim=True)

    def joint(weights: Tensor) -> Tensor:
        """Length of the weighted sum of the mean-free patches."""
        parts = [
            (1 if k == m else 2) * weights[:, k : k + 1] * weights[:, m : m + 1] * covariance[k, m] for k, m in pairs
        ]
        return torch.cat(parts, 1).sum(1, keepdim=True).clamp(min=0).sqrt()

    consistency = joint(torch.ones_like(contrast)) / contrast.sum(1, keepdim=True).clamp(min=tiny)
    limit = math.atan(POWER_AT_MOST) * 2 / math.pi
    power = torch.tan(consistency.clamp(0, limit) * (math.pi / 2))
    # Relative to the highest, so that a power of 10 neither overflows nor leaves all weights at 0.
    weights = (contrast / highest.clamp(min=tiny)).pow(power) / contrast.clamp(min=tiny)
    weights = torch.where(contrast > 0, weights, 0)
    length = joint(weights)
    # Opposite structures cancel: what is left is rounding, and the desired patch is flat.
    defined = length > torch.finfo(x.dtype).eps ** 0.5
    gain = torch.where(defined, highest / length.clamp(min=tiny), 0)
    both = box_mean(x * y, window) - means * mean_y
    with_fused = gain * (weights * both).sum(1, keepdim=True)
    variance_y = (box_mean(y * y, window) - mean_y * mean_y).clamp(min=0)
    return (2 * with_fused + constant) / (torch.where(defined, highest, 0).square() + variance_y + constant)
