"""PSNR, SSIM and MS-SSIM."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from models.quality.gaussian import gaussian_taps, smooth_valid
from models.quality.metric import Compute, MetricInfo, need

SSIM_WINDOW = 11
SSIM_SIGMA = 1.5
MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Of the scales, the finest first."""
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
MS_SSIM_INFO = MetricInfo(
    name="ms_ssim",
    higher_is_better=True,
    value_range=(0.0, 1.0),
    needs_reference=True,
    variant="Y of YIQ rounded to 8 bit, Gaussian window 11, sigma 1.5, valid part, five scales, product; odd sides 0-padded",
    min_size=2 ** (len(MS_SSIM_WEIGHTS) - 1) * (SSIM_WINDOW - 1) + 1,
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
    return _similarity(luma(image).double(), luma(reference).double())[0]


def ms_ssim(image: Tensor, reference: Tensor) -> Tensor:
    """Multi-scale structural similarity of the luma, (B,) in [0, 1], five scales, sides of at least 161; pyiqa's figures.

    Source: Wang, Simoncelli, Bovik, Multiscale Structural Similarity for Image Quality Assessment, 2003, Eq. 7.
    """
    x, y = luma(image).double(), luma(reference).double()
    value = x.new_ones(x.shape[0])
    for i, weight in enumerate(MS_SSIM_WEIGHTS):
        if i > 0:
            padding = (x.shape[2] % 2, x.shape[3] % 2)
            x, y = functional.avg_pool2d(x, 2, padding=padding), functional.avg_pool2d(y, 2, padding=padding)
        similarity, structure = _similarity(x, y)
        value = value * (similarity if i == len(MS_SSIM_WEIGHTS) - 1 else structure) ** weight
    return value


def _similarity(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """SSIM and its contrast and structure alone, (B,) each, of luma (B, 1, H, W) in [0, 255]."""
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    taps = gaussian_taps(SSIM_SIGMA, SSIM_WINDOW // 2)
    mean_x, mean_y = smooth_valid(x, taps), smooth_valid(y, taps)
    variance_x, variance_y = smooth_valid(x * x, taps) - mean_x**2, smooth_valid(y * y, taps) - mean_y**2
    covariance = smooth_valid(x * y, taps) - mean_x * mean_y
    structure = ((2 * covariance + c2) / (variance_x + variance_y + c2)).clamp(min=0)
    light = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return (light * structure).mean(dim=(1, 2, 3)), structure.mean(dim=(1, 2, 3))


def build_psnr(device: str | torch.device) -> Compute:
    """The compute function of `psnr`."""
    return lambda image, reference: psnr(image, need(reference))


def build_ssim(device: str | torch.device) -> Compute:
    """The compute function of `ssim`."""
    return lambda image, reference: ssim(image, need(reference))


def build_ms_ssim(device: str | torch.device) -> Compute:
    """The compute function of `ms_ssim`."""
    return lambda image, reference: ms_ssim(image, need(reference))
