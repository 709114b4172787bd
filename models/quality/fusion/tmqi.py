"""TMQI: quality of a tone-mapped image against its high dynamic range original."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional

from models.core.gaussian import gaussian_taps, smooth_valid
from models.quality.colour import linear_light
from models.quality.fusion.mef_ssim import halve
from models.quality.metric import Compute, need
from models.quality.strips import cuts, strip_rows

SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
FREQUENCIES = (16.0, 8.0, 4.0, 2.0, 1.0)
"""Cycles a degree that the scales stand for, the finest first (Eq. 8, 32 pixels a degree)."""
SHARE, FIDELITY_POWER, NATURALNESS_POWER = 0.8012, 0.3046, 0.7088
RADIANCE_AT_MOST = 2.0**32 - 1
FLAT = 1e-12
"""Local variance below which the radiance counts as flat, as a share of its range squared: less is float64 rounding."""
TAPS = gaussian_taps(1.5, 5)
BLOCK = 11


def luminance(image: Tensor, linear: bool = False) -> Tensor:
    """(B, 1, H, W) Y of BT.709, float64, in the unit of the image (B, 3, H, W); linear: of sRGB's linear light."""
    weights = torch.tensor([0.2126, 0.7152, 0.0722], dtype=torch.float64, device=image.device)
    strips = (image[:, :, start:stop].double() for start, stop in _cuts(image, image.shape[2]))
    return torch.cat(
        [torch.einsum("bchw,c->bhw", linear_light(x) if linear else x, weights) for x in strips], 1
    ).unsqueeze(1)


def radiance(reference: Tensor) -> Tensor:
    """(B, 1, H, W) linear luminance of sRGB references (B, 3, H, W), each stretched to [0, 2^32 - 1]; 0 where flat."""
    light = luminance(reference, linear=True)
    low, high = light.amin((1, 2, 3), keepdim=True), light.amax((1, 2, 3), keepdim=True)
    return (light - low) / (high - low).clamp(min=1e-12) * RADIANCE_AT_MOST


def _cuts(image: Tensor, height: int) -> Iterator[tuple[int, int]]:
    return cuts(height, strip_rows(image.shape[0] * image.shape[3], image.device))


def visibility(deviation: Tensor, frequency: float) -> Tensor:
    """Chance in [0, 1] that a local deviation is seen: normal, about the threshold of Mannos and Sakrison (Eq. 4 to 7)."""
    sensitivity = 260 * (0.0192 + 0.114 * frequency) * math.exp(-((0.114 * frequency) ** 1.1))
    threshold = 128 / (1.4 * sensitivity)
    return torch.special.ndtr((deviation - threshold) / (threshold / 3))


def local_fidelity(hdr: Tensor, ldr: Tensor, frequency: float) -> Tensor:
    """Structural fidelity of one scale, (B,), of radiance and luma (B, 1, H, W); Gaussian window 11, valid (Eq. 3)."""
    # About the mean, which no moment taken below depends on, fewer digits are lost.
    hdr, ldr = hdr - hdr.mean((1, 2, 3), keepdim=True), ldr - ldr.mean((1, 2, 3), keepdim=True)
    more = len(TAPS) - 1
    height, width = hdr.shape[2] - more, hdr.shape[3] - more
    parts = [
        _fidelity_map(hdr[:, :, start : stop + more], ldr[:, :, start : stop + more], frequency).sum((1, 2, 3))
        for start, stop in _cuts(hdr, height)
    ]
    return torch.stack(parts).sum(0) / (height * width)


def _fidelity_map(hdr: Tensor, ldr: Tensor, frequency: float) -> Tensor:
    c1, c2 = 0.01, 10.0
    mean_h, mean_l = smooth_valid(hdr, TAPS), smooth_valid(ldr, TAPS)
    variance_h = (smooth_valid(hdr * hdr, TAPS) - mean_h**2).clamp(min=0)
    variance_l = (smooth_valid(ldr * ldr, TAPS) - mean_l**2).clamp(min=0)
    covariance = smooth_valid(hdr * ldr, TAPS) - mean_h * mean_l
    varied = (variance_h > FLAT * RADIANCE_AT_MOST**2) & (variance_l > FLAT * 255**2)
    variance_h = torch.where(variance_h > FLAT * RADIANCE_AT_MOST**2, variance_h, 0)
    variance_l = torch.where(variance_l > FLAT * 255**2, variance_l, 0)
    covariance = torch.where(varied, covariance, 0)
    deviation_h, deviation_l = variance_h.sqrt(), variance_l.sqrt()
    seen_h, seen_l = visibility(deviation_h, frequency), visibility(deviation_l, frequency)
    signal = (2 * seen_h * seen_l + c1) / (seen_h**2 + seen_l**2 + c1)
    return signal * (covariance + c2) / (deviation_h * deviation_l + c2)


def structural_fidelity(hdr: Tensor, ldr: Tensor) -> Tensor:
    """S (B,) in [0, 1] over five scales of radiance and luma (B, 1, H, W); a scale below 0 counts as 0 (Eq. 9)."""
    value = hdr.new_ones(hdr.shape[0])
    for i, (weight, frequency) in enumerate(zip(SCALE_WEIGHTS, FREQUENCIES, strict=True)):
        if i > 0:
            hdr, ldr = halve(hdr), halve(ldr)
        value = value * local_fidelity(hdr, ldr, frequency).clamp(min=0) ** weight
    return value


def naturalness(ldr: Tensor) -> Tensor:
    """N (B,) in [0, 1] of luma (B, 1, H, W) in [0, 255]: its mean and its local contrast as in 3000 grey photos (Eq. 10).

    Local contrast: mean over pixels of the sample deviation of their 11 x 11 block; incomplete blocks are filled with 0,
    as the authors' blkproc does.
    """
    height, width = ldr.shape[2:]
    padded = functional.pad(ldr, (0, -width % BLOCK, 0, -height % BLOCK))
    blocks = padded.unfold(2, BLOCK, BLOCK).unfold(3, BLOCK, BLOCK).flatten(4)
    deviation = blocks.std(-1, correction=1).repeat_interleave(BLOCK, 2).repeat_interleave(BLOCK, 3)
    contrast = deviation[..., :height, :width].mean((1, 2, 3)) / 64.29
    first, second = 4.4, 10.1
    mode = (first - 1) / (first + second - 2)
    x = contrast.clamp(0, 1)
    # Both densities over their highest value, so the beta function cancels.
    seen = (x / mode) ** (first - 1) * ((1 - x) / (1 - mode)) ** (second - 1)
    brightness = torch.exp(-0.5 * ((ldr.mean((1, 2, 3)) - 115.94) / 27.99) ** 2)
    return seen * brightness


def tmqi(image: Tensor, reference: Tensor) -> Tensor:
    """TMQI (B,) in [0, 1] of images (B, 3, H, W) against references of that shape, sRGB in [0, 1].

    Q = a S^alpha + (1 - a) N^beta. The reference stands for the scene's radiance: its linear luminance, stretched as the
    authors stretch theirs. Source: Yeganeh and Wang, Objective Quality Assessment of Tone-Mapped Images, 2013, Eq. 11.
    """
    ldr = luminance(image) * 255
    fidelity = structural_fidelity(radiance(reference), ldr)
    return SHARE * fidelity**FIDELITY_POWER + (1 - SHARE) * naturalness(ldr) ** NATURALNESS_POWER


def build(device: str | torch.device) -> Compute:
    """The compute function of `tmqi`."""
    return lambda image, reference: tmqi(image, need(reference))
