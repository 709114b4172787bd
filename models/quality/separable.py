"""Correlation with small fixed windows by shifted sums: many times quicker on a CPU than a float64 convolution."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

Terms = list[tuple[list[float], list[float]]]
"""A window as a sum of products of a column and a row."""


def separable_terms(window: Tensor) -> Terms:
    """Columns and rows whose products sum to a window (h, w) up to float64's rounding: as few as its rank."""
    u, s, v = torch.linalg.svd(window.double(), full_matrices=False)
    rank = int((s > s[0] * 1e-14).sum())
    return [((u[:, i] * s[i]).tolist(), v[i].tolist()) for i in range(rank)]


def shifted_sum(image: Tensor, taps: Sequence[float], dim: int, stride: int = 1) -> Tensor:
    """Valid correlation of an image with taps along one dimension, at every stride-th place."""
    count = (image.shape[dim] - len(taps)) // stride + 1
    places = [slice(None)] * image.dim()

    def part(i: int) -> Tensor:
        places[dim] = slice(i, i + (count - 1) * stride + 1, stride)
        return image[tuple(places)]

    total = part(0) * taps[0]
    for i, tap in enumerate(taps[1:], 1):
        total = total.add_(part(i), alpha=tap)
    return total


def correlate(image: Tensor, terms: Terms, stride: int = 1) -> Tensor:
    """Valid correlation of (..., H, W) with a window, at every stride-th row and column."""
    parts = (shifted_sum(shifted_sum(image, column, -2, stride), row, -1, stride) for column, row in terms)
    total = next(parts)
    for part in parts:
        total = total.add_(part)
    return total
