"""Standard deviation of the grey values, and their correlation with a reference."""

from __future__ import annotations

import torch
from torch import Tensor

from models.quality.fidelity import luma
from models.quality.metric import Compute, need


def standard_deviation(image: Tensor) -> Tensor:
    """Deviation (B,) in 8-bit grey levels, 0 to 127.5, of images (B, 3, H, W) in [0, 1]. Source: Rao 1997, as used for
    fusion (contrast)."""
    return luma(image).double().flatten(1).std(1, correction=0)


def correlation(image: Tensor, reference: Tensor) -> Tensor:
    """Pearson correlation (B,) in [-1, 1] of the grey values of images (B, 3, H, W) in [0, 1]; NaN where one is flat.

    Source: Shah, Merchant, Desai, Multifocus and Multispectral Image Fusion, 2011.
    """
    return correlated(luma(image).double(), luma(reference).double())


def correlated(first: Tensor, second: Tensor) -> Tensor:
    """Pearson correlation (B,) in [-1, 1] of grey values (B, 1, H, W), float64; NaN where one is flat."""
    x, y = first.flatten(1), second.flatten(1)
    x, y = x - x.mean(1, keepdim=True), y - y.mean(1, keepdim=True)
    # The mean of n equal values may miss them by a rounding: less than 1e-9 of a level squared is no variation.
    energy = x.square().mean(1) * y.square().mean(1)
    flat = (x.square().mean(1) < 1e-9) | (y.square().mean(1) < 1e-9)
    return torch.where(flat, torch.nan, (x * y).mean(1) / energy.sqrt()).clamp(-1, 1)


def build_sd(device: str | torch.device) -> Compute:
    """The compute function of `sd`."""
    return lambda image, reference: standard_deviation(image)


def build_cc(device: str | torch.device) -> Compute:
    """The compute function of `cc`."""
    return lambda image, reference: correlation(image, need(reference))
