"""Qw: structural similarity of edge pictures with the sources', weighted by how much happens in each window."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from models.core.gaussian import gaussian_taps, smooth_valid
from models.quality.fidelity import SSIM_SIGMA, SSIM_WINDOW, luma
from models.quality.metric import SourcesCompute
from models.quality.strips import strip_sums

PREWITT = 1
"""How far the edge filter looks."""
TAPS = gaussian_taps(SSIM_SIGMA, SSIM_WINDOW // 2)
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
FLAT = 1e-9
"""Variance below which every source counts as flat: less is float64 rounding of edges up to 1082."""
FLAT_VARIANCE = 0.5
"""What the kit assigns to each source's variance there."""


def edge_picture(padded: Tensor) -> Tensor:
    """Prewitt magnitude (B, 1, H, W), 0 to 1082, of a padded picture (B, 1, H + 2, W + 2) in [0, 255]."""
    down = padded[..., :-2, :] + padded[..., 1:-1, :] + padded[..., 2:, :]
    across = padded[..., :-2] + padded[..., 1:-1] + padded[..., 2:]
    horizontal, vertical = down[..., 2:] - down[..., :-2], across[..., 2:, :] - across[..., :-2, :]
    return (horizontal**2 + vertical**2).sqrt()


def qw(image: Tensor, sources: Sequence[Tensor]) -> Tensor:
    """Qw (B,) in [-1, 1] of fused images (B, 3, H, W) in [0, 1] with K >= 2 sources, sides >= 11.

    SSIM (Gaussian window 11) of the edge pictures, in each window averaged over the sources by their variances, and over the
    windows by the highest of them. Source: Piella and Heijmans, A new quality metric for image fusion, 2003, Eq. 5, on edge
    pictures (Sec. 3) and with SSIM in place of its UQI, as MEFB's kit computes what it calls Qw; for any K.
    """

    def sums(fused: Tensor, *others: Tensor) -> Tensor:
        y = edge_picture(fused)
        mean_y = smooth_valid(y, TAPS)
        variance_y = smooth_valid(y * y, TAPS) - mean_y**2
        variances, similarities = [], []
        for other in others:
            x = edge_picture(other)
            mean_x = smooth_valid(x, TAPS)
            variances.append((smooth_valid(x * x, TAPS) - mean_x**2).clamp(min=0))
            covariance = smooth_valid(x * y, TAPS) - mean_x * mean_y
            light = (2 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1)
            similarities.append(light * (2 * covariance + C2) / (variances[-1] + variance_y + C2))
        saliency = torch.cat(variances, 1)
        saliency = torch.where(saliency.sum(1, keepdim=True) < FLAT, FLAT_VARIANCE, saliency)
        weight = saliency.amax(1)
        value = (saliency * torch.cat(similarities, 1)).sum(1) / saliency.sum(1)
        return torch.stack([(weight * value).sum((1, 2)), weight.sum((1, 2))])

    padded = [functional.pad(luma(picture).double(), (PREWITT,) * 4) for picture in (image, *sources)]
    above, below = strip_sums(sums, padded, SSIM_WINDOW + 2 * PREWITT, len(sources))
    return (above / below).clamp(-1, 1)


def build(device: str | torch.device) -> SourcesCompute:
    """The compute function of `qw`."""
    return qw
