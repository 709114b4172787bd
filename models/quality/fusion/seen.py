"""Qcb and Qcv: what of the sources a fused picture keeps for an eye, by its sensitivity to contrast of every frequency."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from models.core.gaussian import gaussian_taps, smooth_valid
from models.quality.fidelity import luma
from models.quality.fusion.gradient import sobel
from models.quality.metric import Sources, SourcesCompute
from models.quality.strips import cuts, strip_rows, strip_sums

DEGREES_QCB, DEGREES_QCV = 15.0, 4.0
"""How many degrees of the field of view a picture fills, either way."""
NARROW, WIDE, REACH = 2.0, 4.0, 15
"""Sigmas of the two Gaussians whose ratio is local contrast (Peli 1990), in pixels, and how far both windows reach."""
DARK = 1e-6
"""Mean below which the seen picture, in 8-bit grey levels, has no contrast: less is rounding of the Fourier transform."""
MASK_Z, MASK_P, MASK_Q = 1e-4, 3.0, 2.0
BLOCK = 16

Response = Callable[[Tensor], Tensor]


def difference_of_gaussians(frequency: Tensor) -> Tensor:
    """Contrast sensitivity at cycles a degree (Chen and Blum 2009): f0 15.3870, f1 1.3456, a 0.7622."""
    return torch.exp(-((frequency / 15.3870) ** 2)) - 0.7622 * torch.exp(-((frequency / 1.3456) ** 2))


def mannos_sakrison(frequency: Tensor) -> Tensor:
    """Contrast sensitivity at cycles a degree (Mannos and Sakrison 1974)."""
    return 2.6 * (0.0192 + 0.114 * frequency) * torch.exp(-((0.114 * frequency) ** 1.1))


def seen(grey: Tensor, response: Response, degrees: float) -> Tensor:
    """(1, 1, H, W) after a filter of the whole picture, which fills so many degrees either way; it goes round at its edges."""
    height, width = grey.shape[2:]
    down = torch.fft.fftfreq(height, 1 / height, dtype=grey.dtype, device=grey.device) / degrees
    across = torch.fft.rfftfreq(width, 1 / width, dtype=grey.dtype, device=grey.device) / degrees
    gain = response((down[:, None] ** 2 + across**2).sqrt())
    return torch.fft.irfft2(torch.fft.rfft2(grey).mul_(gain), s=(height, width))


def masked_contrast(padded: Tensor) -> Tensor:
    """C^3 / (C^2 + Z) of the local contrast C of a seen picture (B, 1, H + 30, W + 30): (B, 1, H, W) >= 0."""
    narrow, wide = (smooth_valid(padded, gaussian_taps(sigma, REACH)) for sigma in (NARROW, WIDE))
    dark = wide.abs() < DARK
    contrast = torch.where(dark, 0, narrow / torch.where(dark, 1, wide) - 1).abs()
    return contrast**MASK_P / (contrast**MASK_Q + MASK_Z)


def qcb(image: Tensor, sources: Sequence[Tensor]) -> Tensor:
    """Qcb (1,) in [0, 1] of a fused image (1, 3, H, W) in [0, 1] with K >= 1 sources.

    How alike the masked local contrasts of the fused picture and of each source are, averaged by those of the sources squared.
    Source: Chen and Blum, A new automated quality assessment algorithm for image fusion, 2009; for any K.
    """

    def sums(fused: Tensor, *others: Tensor) -> Tensor:
        y = masked_contrast(fused)
        x = torch.cat([masked_contrast(other) for other in others], 1)
        highest = torch.maximum(x, y)
        kept = torch.where(highest > 0, torch.minimum(x, y) / torch.where(highest > 0, highest, 1), 1)
        # Relative to the strongest: squares of both tiny and huge contrasts stay in range.
        strongest = x.amax(1, keepdim=True)
        weight = torch.where(strongest > 0, x / torch.where(strongest > 0, strongest, 1), 1).square()
        return ((kept * weight).sum(1) / weight.sum(1)).sum((1, 2))

    padded = [
        functional.pad(seen(luma(picture).double(), difference_of_gaussians, DEGREES_QCB), (REACH,) * 4)
        for picture in (image, *sources)
    ]
    return strip_sums(sums, padded, 2 * REACH + 1, len(sources)) / (image.shape[2] * image.shape[3])


def block_sums(values: Tensor) -> Tensor:
    """Sums over blocks of 16 x 16 of (B, 1, H, W): (B, 1, ceil(H / 16), ceil(W / 16)); the last ones may be smaller."""
    padded = functional.pad(values, (0, -values.shape[3] % BLOCK, 0, -values.shape[2] % BLOCK))
    return functional.avg_pool2d(padded, BLOCK) * BLOCK**2


def saliency(grey: Tensor) -> Tensor:
    """Sum of the Sobel magnitude over each block of (B, 1, H, W); borders padded with 0."""
    padded = functional.pad(grey, (1, 1, 1, 1))
    rows = math.ceil(strip_rows(grey.shape[3], grey.device) / BLOCK) * BLOCK
    parts = (sobel(padded[:, :, start : stop + 2]) for start, stop in cuts(grey.shape[2], rows))
    return torch.cat([block_sums((right**2 + down**2).sqrt()) for right, down in parts], 2)


def qcv(image: Tensor, sources: Sequence[Tensor]) -> Tensor:
    """Qcv (1,) >= 0 in 8-bit grey levels squared of a fused image (1, 3, H, W) in [0, 1] with K >= 1 sources; 0 for copies.

    The mean squared difference from each source that an eye sees, averaged over blocks and sources by the source's edges there;
    NaN where no source has an edge. Source: Chen and Varshney, A human perception inspired quality metric for image fusion based
    on regional information, 2007; for any K.
    """
    fused = luma(image).double()
    pixels = block_sums(torch.ones_like(fused))
    above, below = fused.new_zeros(1), fused.new_zeros(1)
    for source in sources:
        grey = luma(source).double()
        error = block_sums(seen(grey - fused, mannos_sakrison, DEGREES_QCV).square_()) / pixels
        weight = saliency(grey)
        above, below = above + (weight * error).sum((1, 2, 3)), below + weight.sum((1, 2, 3))
    return above / below


def picture_by_picture(measure: Callable[[Tensor, Sources], Tensor]) -> SourcesCompute:
    """A measure of one picture and its sources, over a batch: a Fourier transform rounds otherwise in another batch."""

    def compute(image: Tensor, sources: Sources) -> Tensor:
        count = image.shape[0]
        return torch.cat([measure(image[i : i + 1], tuple(one[i : i + 1] for one in sources)) for i in range(count)])

    return compute


def build_qcb(device: str | torch.device) -> SourcesCompute:
    """The compute function of `qcb`."""
    return picture_by_picture(qcb)


def build_qcv(device: str | torch.device) -> SourcesCompute:
    """The compute function of `qcv`."""
    return picture_by_picture(qcv)
