"""The content loss between an enhancer and the one of the round before (HiLLIE, Eq. 4)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional as F

Features = Callable[[torch.Tensor], torch.Tensor]


def feature_content(features: Features, enhanced: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
    """Mean squared difference of feature maps of two enhanced versions (B, 3, H, W) of the same images.

    The paper writes the squared norm; the mean over elements is the same up to a factor that does not depend on the crop.
    No gradient flows into `before`.
    """
    with torch.no_grad():
        target = features(before)
    return F.mse_loss(features(enhanced), target)
