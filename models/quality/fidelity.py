"""PSNR and SSIM."""

from __future__ import annotations

import torch
from torch import Tensor

from models.quality.gaussian import gaussian_taps, smooth_valid
from models.quality.metric import Compute, MetricInfo, need

SSIM_WINDOW = 11
SSIM_SIGMA = 1.5
PSNR_INFO = MetricInfo(
    name="psnr",
    higher_is_better=True,
    value_range=(0.0, 80.0),
    needs_reference=True,
    variant="RGB, dB; 80 at most (1e-8 added to the squared error)",
    differentiable=True,
)
SSIM_INFO = MetricInfo(
    name="ssim",
    higher_is_better=True,
    value_range=(0.0, 1.0),
    needs_reference=True,
    variant="Y of YIQ rounded to 8 bit, Gaussian window 11, sigma 1.5, valid part, not downsampled",
    min_size=SSIM_WINDOW,
)


def luma(image: Tensor) -> Tensor:
    """(B, 1, H, W) Y of YIQ (Rec. 601 weights) of an image (B, 3, H, W) in [0, 1], scaled to [0, 255] and rounded."""
    weights = torch.tensor([0.299, 0.587, 0.114], dtype=image.dtype, device=image.device)
    return (torch.einsum("bchw,c->bhw", image, weights) * 255).round().unsqueeze(1)


def psnr(image: Tensor, reference: Tensor) -> Tensor:
    """Peak signal-to-noise ratio, (B,) dB, over all channels of images (B, 3, H, W) in [0, 1]."""
    error = (image - reference).square().mean(dim=(1, 2, 3))
    return -10 * torch.log10(error + 1e-8)


def ssim(image: Tensor, reference: Tensor) -> Tensor:
    """Structural similarity of the luma, (B,) in [0, 1]; negative structure counts as 0, as in pyiqa.

    Source: Wang et al., Image Quality Assessment: From Error Visibility to Structural Similarity, 2004, Eq. 13.
    """
    x, y = luma(image).double(), luma(reference).double()
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    taps = gaussian_taps(SSIM_SIGMA, SSIM_WINDOW // 2)
    mean_x, mean_y = smooth_valid(x, taps), smooth_valid(y, taps)
    variance_x, variance_y = smooth_valid(x * x, taps) - mean_x**2, smooth_valid(y * y, taps) - mean_y**2
    covariance = smooth_valid(x * y, taps) - mean_x * mean_y
    structure = ((2 * covariance + c2) / (variance_x + variance_y + c2)).clamp(min=0)
    return ((2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1) * structure).mean(dim=(1, 2, 3))


def build_psnr(device: str | torch.device) -> Compute:
    """The compute function of `psnr`."""
    return lambda image, reference: psnr(image, need(reference))


def build_ssim(device: str | torch.device) -> Compute:
    """The compute function of `ssim`."""
    return lambda image, reference: ssim(image, need(reference))
