"""Every metric that there is: its facts, and where its function is. Neither needs torch.

A new metric is one file with a build function, and one entry here, or beside it for fused pictures.
"""

from __future__ import annotations

import math

from models.quality.facts import LIBRARY, MetricInfo
from models.quality.fusion.catalogue import FUSION

INFINITE = math.inf
_PYIQA = "pyiqa 0.1.16"
_SKIMAGE = "scikit-image 0.26.0"

# Facts, and MODULE:FUNCTION of what builds the metric.
CATALOGUE: tuple[tuple[MetricInfo, str], ...] = (
    (
        MetricInfo(
            name="niqe",
            higher_is_better=False,
            value_range=(0.0, INFINITE),
            needs_reference=False,
            variant="original model, Y of YIQ rounded to 8 bit, blocks of 96, incomplete blocks cut off",
            min_size=96,
        ),
        "models.quality.niqe:build",
    ),
    (
        MetricInfo(
            name="brisque",
            higher_is_better=False,
            value_range=(-INFINITE, INFINITE),
            needs_reference=False,
            variant="original LIVE model, Y of YIQ rounded to 8 bit",
            min_size=16,
        ),
        "models.quality.brisque:build",
    ),
    (
        MetricInfo(
            name="piqe",
            higher_is_better=False,
            value_range=(0.0, 100.0),
            needs_reference=False,
            variant=(
                "Y of YIQ, stretched to its maximum, blocks of 16; 100 where no block is active (a flat or black "
                "picture)"
            ),
            library=_PYIQA,
            min_size=16,
        ),
        "models.quality.pyiqa_adapter:build_piqe",
    ),
    (
        MetricInfo(
            name="entropy",
            higher_is_better=True,
            value_range=(0.0, 8.0),
            needs_reference=False,
            variant="bits; 256 bins of Y of YIQ rounded to 8 bit",
        ),
        "models.quality.entropy:build",
    ),
    (
        MetricInfo(
            name="psnr",
            higher_is_better=True,
            value_range=(0.0, 100.0),
            needs_reference=True,
            variant="RGB, peak 1, dB; exact up to 100, which equal images get in place of infinity",
            differentiable=True,
        ),
        "models.quality.fidelity:build_psnr",
    ),
    (
        MetricInfo(
            name="ssim",
            higher_is_better=True,
            value_range=(-1.0, 1.0),
            needs_reference=True,
            variant=(
                "Y of YIQ rounded to 8 bit, Gaussian window 11, sigma 1.5, population covariance, K1 0.01, K2 0.03, "
                "valid part, not downsampled; negative structure counts as it is"
            ),
            min_size=11,
        ),
        "models.quality.fidelity:build_ssim",
    ),
    (
        MetricInfo(
            name="lpips",
            higher_is_better=False,
            value_range=(0.0, INFINITE),
            needs_reference=True,
            variant="version 0.1, AlexNet, spatial mean; 0 for equal images, no upper bound",
            min_size=31,
            differentiable=True,
        ),
        "models.quality.lpips:build",
    ),
    (
        MetricInfo(
            name="delta_e",
            higher_is_better=False,
            value_range=(0.0, INFINITE),
            needs_reference=True,
            variant="mean CIE76 in CIELAB (D65) after a Gaussian blur of sigma 1.5 pixels in linear light",
            differentiable=True,
        ),
        "models.quality.colour:build",
    ),
    (
        MetricInfo(
            name="musiq",
            higher_is_better=True,
            value_range=(0.0, 100.0),
            needs_reference=False,
            variant="KonIQ-10k model, full size and 384 and 224 pixels",
            library=_PYIQA,
            min_size=32,
        ),
        "models.quality.pyiqa_adapter:build_musiq",
    ),
    (
        MetricInfo(
            name="nrqm",
            higher_is_better=True,
            value_range=(0.0, 10.0),
            needs_reference=False,
            variant="Y of YIQ",
            library=_PYIQA,
            min_size=64,
        ),
        "models.quality.pyiqa_adapter:build_nrqm",
    ),
    (
        MetricInfo(
            name="pi",
            higher_is_better=False,
            value_range=(-INFINITE, INFINITE),
            needs_reference=False,
            variant="(10 - NRQM + NIQE) / 2, Y of YCbCr, 4 pixels cut from each edge (PIRM 2018)",
            library=f"{_PYIQA} (NRQM), {LIBRARY} (NIQE)",
            min_size=104,
        ),
        "models.quality.pyiqa_adapter:build_pi",
    ),
    (
        MetricInfo(
            name="vif",
            higher_is_better=True,
            value_range=(0.0, INFINITE),
            needs_reference=True,
            variant="vector GSM in steerable pyramids (not the pixel domain), float64, Y of YIQ; 0 for a flat reference",
            min_size=33,
        ),
        "models.quality.vif:build",
    ),
    (
        MetricInfo(
            name="ms_ssim",
            higher_is_better=True,
            value_range=(0.0, 1.0),
            needs_reference=True,
            variant=(
                "Y of YIQ rounded to 8 bit, Gaussian window 11, sigma 1.5, population covariance, K1 0.01, K2 0.03, "
                "valid part, five scales, product; a scale whose mean is below 0 counts as 0; odd sides 0-padded"
            ),
            min_size=161,
        ),
        "models.quality.fidelity:build_ms_ssim",
    ),
    (
        MetricInfo(
            name="loe",
            higher_is_better=False,
            value_range=(0.0, INFINITE),
            needs_reference=False,
            needs_sources=True,
            least_sources=1,
            variant=(
                "lightness order error of Wang 2013: brightest of R, G and B, 8 bit, at every step-th pixel, step the "
                "shorter side over 50 rounded down; mean over pixels (not divided by their number again) and sources"
            ),
        ),
        "models.quality.lightness:build",
    ),
    (
        MetricInfo(
            name="clipped",
            higher_is_better=False,
            value_range=(0.0, 100.0),
            needs_reference=False,
            needs_sources=True,
            least_sources=1,
            variant="per cent of pixels whose brightest of R, G and B is over 250 of 255, and under 240 in a source",
        ),
        "models.quality.harm:build_clipped",
    ),
    (
        MetricInfo(
            name="cast",
            higher_is_better=False,
            value_range=(0.0, 260.0),
            needs_reference=False,
            needs_sources=True,
            least_sources=1,
            variant=(
                "CIELAB (D65): length of the mean of a and b less the sources', over pixels whose chroma is under 6 in all "
                "sources; 0 where there is none"
            ),
        ),
        "models.quality.harm:build_cast",
    ),
    (
        MetricInfo(
            name="ssim_rgb",
            higher_is_better=True,
            value_range=(-1.0, 1.0),
            needs_reference=True,
            variant=(
                "mean over R, G and B rounded to 8 bit; Gaussian window 11, sigma 1.5, population covariance, K1 0.01, K2 "
                "0.03, valid part, not downsampled; negative structure counts as it is"
            ),
            min_size=11,
        ),
        "models.quality.fidelity:build_ssim_rgb",
    ),
    (
        MetricInfo(
            name="ciede2000",
            higher_is_better=False,
            value_range=(0.0, INFINITE),
            needs_reference=True,
            variant="mean over pixels of CIEDE2000 in CIELAB (D65, 2 degrees), kL kC kH 1, no blur",
            library=_SKIMAGE,
        ),
        "models.quality.colour:build_ciede2000",
    ),
    (
        MetricInfo(
            name="dists",
            higher_is_better=False,
            value_range=(0.0, INFINITE),
            needs_reference=True,
            variant=(
                "Ding 2020, VGG16 (five stages, L2 pooling) and the picture itself, channel weights of dists-pytorch 0.1; full "
                "size, 0 for equal images"
            ),
            min_size=16,
            differentiable=True,
        ),
        "models.quality.dists:build",
    ),
    *FUSION,
)
