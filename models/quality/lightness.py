"""LOE: how often a picture's pixels have changed places in the order of lightness."""

from __future__ import annotations

import torch
from torch import Tensor

from models.quality.metric import Sources, SourcesCompute

SIDE = 50
LEVELS = 256


def lightness(image: Tensor) -> Tensor:
    """The brightest of R, G and B (B, h, w) of images (B, 3, H, W) in [0, 1], as 8-bit levels, at every step-th pixel.

    step: the shorter side over 50, rounded down: the result's shorter side has 50 to 99 pixels, or all, where there are less.
    """
    step = max(1, min(image.shape[2:]) // SIDE)
    taken = image[:, :, step - 1 :: step, step - 1 :: step]
    return (taken.amax(1).double() * (LEVELS - 1)).round().clamp(0, LEVELS - 1).long()


def order_error(one: Tensor, other: Tensor) -> Tensor:
    """For a pixel, the mean number of pixels that are as light or lighter in one picture and not in the other: a scalar >= 0.

    one, other: levels 0 ... 255 of one shape. Counted by pairs of levels, so pictures of any size take the same.
    """
    pairs = torch.bincount((one * LEVELS + other).flatten(), minlength=LEVELS**2).view(LEVELS, LEVELS)
    both = pairs.flip(0, 1).cumsum(0).cumsum(1).flip(0, 1)
    changed = both[:, :1] + both[:1] - 2 * both
    return (pairs * changed).sum().double() / one.numel()


def loe(image: Tensor, sources: Sources) -> Tensor:
    """Lightness order error (B,) >= 0 of images (B, 3, H, W) in [0, 1] with K >= 1 sources: the mean over them.

    It grows with the number of pixels that are compared, at most that number. Source: Wang, Zheng, Hu, Li, Naturalness preserved
    enhancement algorithm for non-uniform illumination images, 2013; reduced as in the authors' program.
    """
    ours, others = lightness(image), [lightness(source) for source in sources]
    return torch.stack(
        [torch.stack([order_error(ours[i], other[i]) for other in others]).mean() for i in range(len(ours))]
    )


def build(device: str | torch.device) -> SourcesCompute:
    """The compute function of `loe`."""
    return loe
