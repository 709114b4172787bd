"""MEF-SSIM as its authors released it: window of 11, Gaussian in the last step, three scales (`mef_ms_ssim.m`)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import reduce
from operator import add

import torch
from torch import Tensor

from models.core.gaussian import gaussian_taps, smooth_valid
from models.quality.fidelity import luma
from models.quality.fusion.mef_ssim import CONSTANT, SCALE_WEIGHTS, halve
from models.quality.fusion.structure import POWER_AT_MOST, box_mean
from models.quality.metric import SourcesCompute
from models.quality.strips import strip_sums

WINDOW = 11
SIGMA = 1.5
PATCH = WINDOW**2
TAPS = gaussian_taps(SIGMA, WINDOW // 2)
BIAS = 0.001
"""Added by the authors to every patch's length, 8-bit grey levels."""
EPS = 2.0**-52


def mef_ms_ssim(image: Tensor, sources: Sequence[Tensor]) -> Tensor:
    """MEF-SSIM (B,) in [0, 1] of fused images (B, 3, H, W) in [0, 1] with K >= 1 sources, as the released code gives it.

    Source: Ma, Zeng, Wang, Perceptual Quality Assessment for Multi-Exposure Image Fusion, 2015, Eq. 4 to 15, with the
    constants of the authors' mef_ms_ssim.m, which differ from the paper's (window, Gaussian).
    """
    fused, exposures = luma(image).double(), [luma(source).double() for source in sources]
    value = fused.new_ones(fused.shape[0])
    for i, weight in enumerate(SCALE_WEIGHTS):
        if i > 0:
            fused, exposures = halve(fused), [halve(exposure) for exposure in exposures]
        positions = (fused.shape[2] - WINDOW + 1) * (fused.shape[3] - WINDOW + 1)
        score = strip_sums(_scale_sums, (fused, *exposures), WINDOW, len(exposures)) / positions
        value = value * score.clamp(min=0) ** (weight / sum(SCALE_WEIGHTS))
    return value


def _scale_sums(fused: Tensor, *exposures: Tensor) -> Tensor:
    return mef_ms_ssim_map(fused, exposures).sum((1, 2, 3))


def mef_ms_ssim_map(fused: Tensor, exposures: Sequence[Tensor]) -> Tensor:
    """One scale's index of every patch, (B, 1, H - 10, W - 10), of (B, 1, H, W) in [0, 255] each.

    Desired and fused patch are compared by moments alone: the desired one is a weighted sum of the exposures' patches, so
    its moments follow from theirs, and no patch is ever built.
    """
    # Moments of values about 0 lose fewer digits; nothing taken below depends on the level.
    level = torch.cat(tuple(exposures), 1).mean((1, 2, 3), keepdim=True)
    x = [exposure - level for exposure in exposures]
    y = fused - level
    count = range(len(x))
    means = [box_mean(one, WINDOW) for one in x]
    uniform = {(k, m): box_mean(x[k] * x[m], WINDOW) - means[k] * means[m] for k in count for m in count if k <= m}
    squares = torch.cat([uniform[k, k] for k in count], 1).clamp(min=0)
    length = (PATCH * squares).sqrt()
    joint = added((1 if k == m else 2) * value for (k, m), value in uniform.items())
    consistency = ((PATCH * joint).clamp(min=0).sqrt() + EPS) / (length.sum(1, keepdim=True) + EPS)
    power = torch.tan(consistency.clamp(max=1 - EPS) * (math.pi / 2)).clamp(max=POWER_AT_MOST)
    biased = length + BIAS
    weights = (biased / WINDOW).pow(power) + EPS
    parts = (weights / weights.sum(1, keepdim=True) / biased).split(1, 1)
    pairs = {(k, m): (1 if k == m else 2) * parts[k] * parts[m] for k, m in uniform}
    desired = added(pairs[pair] * uniform[pair] for pair in pairs)
    norm = (PATCH * desired).clamp(min=0).sqrt()
    # Flat patches, and structures that cancel: what is left of the sum is rounding, and the desired patch is flat.
    gain = torch.where(norm > 1e-7, biased.amax(1, keepdim=True) / norm.clamp(min=1e-7), 0)
    seen = [smooth_valid(one, TAPS) for one in x]
    seen_y = smooth_valid(y, TAPS)
    variance = added(pairs[k, m] * (smooth_valid(x[k] * x[m], TAPS) - seen[k] * seen[m]) for k, m in pairs)
    shared = added(parts[k] * (smooth_valid(x[k] * y, TAPS) - seen[k] * seen_y) for k in count)
    variance_y = smooth_valid(y * y, TAPS) - seen_y**2
    return (2 * gain * shared + CONSTANT) / (gain**2 * variance + variance_y + CONSTANT)


def added(parts: Iterable[Tensor]) -> Tensor:
    """The sum of one or more tensors of one shape."""
    return reduce(add, parts)


def build(device: str | torch.device) -> SourcesCompute:
    """The compute function of `mef_ms_ssim`."""
    return mef_ms_ssim
