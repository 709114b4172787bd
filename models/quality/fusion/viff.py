"""The papers' VIFF: pixel-domain visual information fidelity of a fused image with each of its sources, summed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from models.core.gaussian import gaussian_taps, smooth_valid
from models.quality.fidelity import luma
from models.quality.metric import SourcesCompute
from models.quality.strips import strip_sums

HALVES = (8, 4, 2, 1)
"""Half widths of the Gaussian windows of the four scales: 17, 9, 5, 3 pixels, each with a fifth of it as sigma."""
NOISE = 2.0
"""Variance of the visual noise, 8-bit grey levels squared."""
TINY = 1e-10


def vifp(image: Tensor, reference: Tensor) -> Tensor:
    """Pixel-domain VIF (B,) >= 0 of luma (B, 1, H, W) in [0, 255], sides >= 41; more than 1 where contrast is enhanced.

    1 where the reference is flat. Source: Sheikh and Bovik, Image Information and Visual Quality, 2006, in the multi-scale
    pixel-domain form of the authors' vifp_mscale.m.
    """
    sums = image.new_zeros(2, image.shape[0])
    for i, half in enumerate(HALVES):
        taps = gaussian_taps((2 * half + 1) / 5, half)
        if i > 0:
            image, reference = smooth_valid(image, taps)[..., ::2, ::2], smooth_valid(reference, taps)[..., ::2, ::2]
        sums = sums + strip_sums(partial(_information, taps=taps), (image, reference), len(taps))
    return torch.where(sums[1] > 0, sums[0] / sums[1], 1)


def _information(image: Tensor, reference: Tensor, taps: list[float]) -> Tensor:
    """What the image and what the reference tells, summed over positions: (2, B)."""
    mean_x, mean_y = smooth_valid(reference, taps), smooth_valid(image, taps)
    variance_x = (smooth_valid(reference * reference, taps) - mean_x**2).clamp(min=0)
    variance_y = (smooth_valid(image * image, taps) - mean_y**2).clamp(min=0)
    covariance = smooth_valid(reference * image, taps) - mean_x * mean_y
    gain = covariance / (variance_x + TINY)
    rest = variance_y - gain * covariance
    flat_x, flat_y = variance_x < TINY, variance_y < TINY
    gain = torch.where(flat_x, 0, gain)
    rest = torch.where(flat_x, variance_y, rest)
    variance_x = torch.where(flat_x, 0, variance_x)
    gain = torch.where(flat_y, 0, gain)
    rest = torch.where(flat_y, 0, rest)
    # Reversed structure tells nothing, and all of it is distortion.
    rest = torch.where(gain < 0, variance_y, rest).clamp(min=TINY)
    gain = gain.clamp(min=0)
    told = torch.log10(1 + gain**2 * variance_x / (rest + NOISE))
    return torch.stack([told.sum((1, 2, 3)), torch.log10(1 + variance_x / NOISE).sum((1, 2, 3))])


def viff(image: Tensor, sources: Sequence[Tensor]) -> Tensor:
    """VIFF (B,) >= 0 of fused images (B, 3, H, W) in [0, 1] with K >= 1 sources: the sum of `vifp` over them.

    Source: Han, Cai, Cao, Xu, A New Image Fusion Performance Metric Based on Visual Information Fidelity, 2013, in the form
    of CDDFuse's Evaluator.py, which is what tables of fusion papers hold.
    """
    fused = luma(image).double()
    return torch.stack([vifp(fused, luma(source).double()) for source in sources]).sum(0)


def build(device: str | torch.device) -> SourcesCompute:
    """The compute function of `viff`."""
    return viff
