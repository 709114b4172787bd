"""MEF-SSIM: structural similarity of a fused image with its exposures, over three scales."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from models.quality.fusion.structure import WINDOW, mef_ssim_map
from models.quality.metric import SourcesCompute
from models.quality.strips import strip_sums

SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001)
"""Of the finest to the coarsest scale, before they are made to sum to 1 (Ma 2015, Sec. III-B, after Wang 2003)."""
CONSTANT = (0.03 * 255) ** 2


def grey(image: Tensor) -> Tensor:
    """(B, 1, H, W) Y of YIQ, float64 in [0, 255] and not rounded, of images (B, 3, H, W) in [0, 1]; differentiable."""
    weights = torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64, device=image.device)
    return (torch.einsum("bchw,c->bhw", image.double(), weights) * 255).unsqueeze(1)


def halve(y: Tensor) -> Tensor:
    """Means of 2 x 2 pixels, (B, C, ceil(H / 2), ceil(W / 2)); the last row or column of an odd side is repeated."""
    padded = functional.pad(y, (0, y.shape[-1] % 2, 0, y.shape[-2] % 2), mode="replicate")
    return functional.avg_pool2d(padded, 2)


def mef_ssim(image: Tensor, sources: Sequence[Tensor], weights: Sequence[float] = SCALE_WEIGHTS) -> Tensor:
    """MEF-SSIM (B,) in [0, 1] of fused images (B, 3, H, W) in [0, 1] with K >= 1 sources of that shape.

    weights: one number a scale, the finest first; (1.0,) is the single-scale index. Gradients flow to the image.
    Source: Ma, Zeng, Wang, Perceptual Quality Assessment for Multi-Exposure Image Fusion, 2015, Eq. 13 to 15.
    """
    fused, exposures = grey(image), [grey(source) for source in sources]
    value = fused.new_ones(fused.shape[0])
    for i, weight in enumerate(weights):
        if i > 0:
            fused, exposures = halve(fused), [halve(exposure) for exposure in exposures]
        positions = (fused.shape[2] - WINDOW + 1) * (fused.shape[3] - WINDOW + 1)
        score = strip_sums(_scale_sums, (fused, *exposures), WINDOW, len(exposures)) / positions
        # Clamped above 0: the gradient of a root at 0 is infinite.
        value = value * score.clamp(min=1e-12) ** (weight / sum(weights))
    return value


def _scale_sums(fused: Tensor, *exposures: Tensor) -> Tensor:
    return mef_ssim_map(fused, exposures, CONSTANT).sum((1, 2, 3))


def build(device: str | torch.device) -> SourcesCompute:
    """The compute function of `mef_ssim`."""
    return mef_ssim
