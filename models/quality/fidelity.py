"""PSNR, SSIM and MS-SSIM."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from models.core.gaussian import gaussian_taps, smooth_valid
from models.quality.metric import Compute, full_precision, need
from models.quality.strips import strip_sums

SSIM_WINDOW = 11
SSIM_SIGMA = 1.5
PSNR_AT_MOST = 100.0
"""dB: a table has no infinity, and a mean over photos could not take one. One level of 8 bits everywhere is 48 dB."""
MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Of the scales, the finest first."""


def luma(image: Tensor) -> Tensor:
    """(B, 1, H, W) Y of YIQ (Rec. 601 weights) of an image (B, 3, H, W) in [0, 1], scaled to [0, 255] and rounded."""
    image = full_precision(image)
    weights = torch.tensor([0.299, 0.587, 0.114], dtype=image.dtype, device=image.device)
    return (torch.einsum("bchw,c->bhw", image, weights) * 255).round().unsqueeze(1)


def psnr(image: Tensor, reference: Tensor) -> Tensor:
    """Peak signal-to-noise ratio, (B,) dB in [0, 100], over all channels of images (B, 3, H, W) in [0, 1]."""
    error = (full_precision(image) - full_precision(reference)).square().mean(dim=(1, 2, 3))
    return -10 * torch.log10(error.clamp(10 ** (-PSNR_AT_MOST / 10), 1))


def ssim(image: Tensor, reference: Tensor) -> Tensor:
    """Structural similarity of the luma, (B,) in [-1, 1]; negative where the structure is reversed, as in scikit-image.

    Source: Wang et al., Image Quality Assessment: From Error Visibility to Structural Similarity, 2004, Eq. 13.
    """
    return _similarity(luma(image).double(), luma(reference).double())[0]


def ssim_rgb(image: Tensor, reference: Tensor) -> Tensor:
    """The mean over R, G and B of structural similarity, (B,) in [-1, 1], each channel in 8 bit; otherwise as `ssim`."""
    channels = ((full_precision(one) * 255).round().double().flatten(0, 1)[:, None] for one in (image, reference))
    return _similarity(*channels)[0].view(image.shape[0], 3).mean(1)


def ms_ssim(image: Tensor, reference: Tensor) -> Tensor:
    """Multi-scale structural similarity of the luma, (B,) in [0, 1], five scales, sides of at least 161.

    The mean contrast and structure of a scale is clamped at 0, as in pytorch-msssim: a power of less would not be real.

    Source: Wang, Simoncelli, Bovik, Multiscale Structural Similarity for Image Quality Assessment, 2003, Eq. 7.
    """
    x, y = luma(image).double(), luma(reference).double()
    value = x.new_ones(x.shape[0])
    for i, weight in enumerate(MS_SSIM_WEIGHTS):
        if i > 0:
            padding = (x.shape[2] % 2, x.shape[3] % 2)
            x, y = functional.avg_pool2d(x, 2, padding=padding), functional.avg_pool2d(y, 2, padding=padding)
        similarity, structure = _similarity(x, y)
        value = value * (similarity if i == len(MS_SSIM_WEIGHTS) - 1 else structure).clamp(min=0) ** weight
    return value


def _similarity(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Mean SSIM and its contrast and structure alone, (B,) in [-1, 1] each, of luma (B, 1, H, W) in [0, 255]."""
    positions = (x.shape[2] - SSIM_WINDOW + 1) * (x.shape[3] - SSIM_WINDOW + 1)
    both = strip_sums(_similarity_sums, (x, y), SSIM_WINDOW) / positions
    return both[0], both[1]


def _similarity_sums(x: Tensor, y: Tensor) -> Tensor:
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    taps = gaussian_taps(SSIM_SIGMA, SSIM_WINDOW // 2)
    mean_x, mean_y = smooth_valid(x, taps), smooth_valid(y, taps)
    variance_x, variance_y = smooth_valid(x * x, taps) - mean_x**2, smooth_valid(y * y, taps) - mean_y**2
    covariance = smooth_valid(x * y, taps) - mean_x * mean_y
    structure = (2 * covariance + c2) / (variance_x + variance_y + c2)
    light = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return torch.stack([(light * structure).sum(dim=(1, 2, 3)), structure.sum(dim=(1, 2, 3))])


def build_psnr(device: str | torch.device) -> Compute:
    """The compute function of `psnr`."""
    return lambda image, reference: psnr(image, need(reference))


def build_ssim(device: str | torch.device) -> Compute:
    """The compute function of `ssim`."""
    return lambda image, reference: ssim(image, need(reference))


def build_ssim_rgb(device: str | torch.device) -> Compute:
    """The compute function of `ssim_rgb`."""
    return lambda image, reference: ssim_rgb(image, need(reference))


def build_ms_ssim(device: str | torch.device) -> Compute:
    """The compute function of `ms_ssim`."""
    return lambda image, reference: ms_ssim(image, need(reference))
