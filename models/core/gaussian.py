"""Separable Gaussian filtering by shifted sums: many times quicker on a CPU than a grouped or float64 convolution."""

from __future__ import annotations

import math

from torch import Tensor


def gaussian_taps(sigma: float, half: int) -> list[float]:
    """Weights at -half ... half, summing to 1."""
    weights = [math.exp(-(i**2) / (2 * sigma**2)) for i in range(-half, half + 1)]
    return [weight / sum(weights) for weight in weights]


def smooth_valid(image: Tensor, taps: list[float]) -> Tensor:
    """Filter (..., H, W) along both sides; the output is smaller by len(taps) - 1 each way. Differentiable."""
    for dim in (-1, -2):
        length = image.shape[dim] - len(taps) + 1
        total = image.narrow(dim, 0, length) * taps[0]
        for i, tap in enumerate(taps[1:], 1):
            total = total.add_(image.narrow(dim, i, length), alpha=tap)
        image = total
    return image
