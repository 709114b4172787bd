"""What grey histograms tell of a fused picture and its sources: mutual information, its normalised form, cross entropy."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from models.quality.entropy import BINS
from models.quality.fidelity import luma
from models.quality.metric import Sources, SourcesCompute


def histogram(grey: Tensor) -> Tensor:
    """Shares (256,) of the levels in grey values in [0, 255], float64."""
    counts = torch.bincount(grey.clamp(0, BINS - 1).long().flatten(), minlength=BINS)
    return counts.double() / counts.sum()


def joint_histogram(first: Tensor, second: Tensor) -> Tensor:
    """Shares (65536,) of the pairs of levels in two pictures of one size, float64."""
    one, other = (grey.clamp(0, BINS - 1).long().flatten() for grey in (first, second))
    counts = torch.bincount(one * BINS + other, minlength=BINS**2)
    return counts.double() / counts.sum()


def nats(shares: Tensor) -> Tensor:
    """Entropy of a histogram, a scalar >= 0 with the natural logarithm."""
    return -torch.special.xlogy(shares, shares).sum()


def mutual_information(first: Tensor, second: Tensor) -> Tensor:
    """What the grey values of two pictures (1, H, W) in [0, 255] tell of one another, in nats."""
    shared = nats(histogram(first)) + nats(histogram(second)) - nats(joint_histogram(first, second))
    return shared.clamp(min=0)  # three sums of one size may miss 0 by a rounding


def normalised_mutual_information(fused: Tensor, source: Tensor) -> Tensor:
    """Twice the mutual information over the sum of both entropies, in [0, 1]; 0 where both pictures are flat.

    Source: Hossny, Nahavandi, Creighton, Comments on "Information measure for performance of image fusion", 2008.
    """
    both = nats(histogram(fused)) + nats(histogram(source))
    return 2 * mutual_information(fused, source) / both if float(both) > 0 else both


def cross_entropy(fused: Tensor, source: Tensor) -> Tensor:
    """Relative entropy of the source's histogram to the fused picture's, in bits, over the levels that both have.

    Source: Bulanon, Burks, Alchanatis, Image fusion of visible and thermal images for fruit detection, 2009, as in MEFB's kit.
    """
    of_source, of_fused = histogram(source), histogram(fused)
    shared = (of_source > 0) & (of_fused > 0)
    return (of_source[shared] * (of_source[shared] / of_fused[shared]).log()).sum() / math.log(2)


def over_sources(measure: Callable[[Tensor, Tensor], Tensor], mean: bool = False) -> SourcesCompute:
    """The sum, or the mean, over the sources of a measure of two grey pictures (1, H, W), a value an image."""

    def compute(image: Tensor, sources: Sources) -> Tensor:
        fused, others = luma(image), [luma(source) for source in sources]
        totals = [sum(measure(fused[i], other[i]) for other in others) for i in range(len(fused))]
        return torch.stack([torch.as_tensor(total) for total in totals]) / (len(others) if mean else 1)

    return compute


def build_mi(device: str | torch.device) -> SourcesCompute:
    """The compute function of `mi`."""
    return over_sources(mutual_information)


def build_nmi(device: str | torch.device) -> SourcesCompute:
    """The compute function of `nmi`."""
    return over_sources(normalised_mutual_information)


def build_cross_entropy(device: str | torch.device) -> SourcesCompute:
    """The compute function of `cross_entropy`."""
    return over_sources(cross_entropy, mean=True)
