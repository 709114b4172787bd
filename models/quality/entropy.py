"""Shannon entropy of the grey histogram."""

from __future__ import annotations

import torch
from torch import Tensor

from models.quality.fidelity import luma
from models.quality.metric import Compute, one_by_one

BINS = 256


def entropy(image: Tensor) -> Tensor:
    """Bits of the 256-bin grey histogram of one image (1, 3, H, W) in [0, 1]: a scalar in [0, 8].

    Source: Shannon 1948; the same figure as MATLAB's entropy(rgb2gray(image)).
    """
    counts = torch.bincount(luma(image).clamp(0, BINS - 1).long().flatten(), minlength=BINS)
    shares = counts[counts > 0].double() / counts.sum()
    return (shares * (1 / shares).log2()).sum()


def build(device: str | torch.device) -> Compute:
    """The compute function of `entropy`."""
    return one_by_one(entropy)
