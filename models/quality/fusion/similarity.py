"""Full-reference metrics with the sources as references, and the correlations of differences."""

from __future__ import annotations

from functools import reduce
from operator import add

import torch
from torch import Tensor

from models.quality import fidelity, vif
from models.quality.fusion.statistics import correlated, correlation
from models.quality.metric import Sources, SourcesCompute


def build_vif_sources(device: str | torch.device) -> SourcesCompute:
    """The compute function of `vif_sources`. A flat source holds no information and adds 0."""
    one = vif.build(device)

    def compute(image: Tensor, sources: Sources) -> Tensor:
        return reduce(add, [one(image, source) for source in sources])

    return compute


def build_ms_ssim_sources(device: str | torch.device) -> SourcesCompute:
    """The compute function of `ms_ssim_sources`."""
    return lambda image, sources: reduce(add, [fidelity.ms_ssim(image, source) for source in sources]) / len(sources)


def build_ssim_sources(device: str | torch.device) -> SourcesCompute:
    """The compute function of `ssim_sources`."""
    return lambda image, sources: reduce(add, [fidelity.ssim(image, source) for source in sources]) / len(sources)


def build_psnr_sources(device: str | torch.device) -> SourcesCompute:
    """The compute function of `psnr_sources`: of the mean over the sources of the squared error of Y, peak 255."""

    def compute(image: Tensor, sources: Sources) -> Tensor:
        fused = fidelity.luma(image).double()
        errors = [(fused - fidelity.luma(source)).square().mean((1, 2, 3)) for source in sources]
        error = reduce(add, errors) / len(errors) / 255**2
        return -10 * torch.log10(error.clamp(10 ** (-fidelity.PSNR_AT_MOST / 10), 1))

    return compute


def build_cc_sources(device: str | torch.device) -> SourcesCompute:
    """The compute function of `cc_sources`."""
    return lambda image, sources: reduce(add, [correlation(image, source) for source in sources]) / len(sources)


def build_scd(device: str | torch.device) -> SourcesCompute:
    """The compute function of `scd`: what of the fused picture is not the one source, correlated with the other, summed.

    NaN where a difference is flat. Source: Aslantas and Bendes, A new image quality metric for image fusion: the sum of the
    correlations of differences, 2015. Of more than two sources, a difference is taken from the mean of the others.
    """

    def compute(image: Tensor, sources: Sources) -> Tensor:
        fused, greys = fidelity.luma(image).double(), [fidelity.luma(source).double() for source in sources]
        total = reduce(add, greys)
        parts = [correlated(fused - (total - grey) / (len(greys) - 1), grey) for grey in greys]
        return reduce(add, parts)

    return compute
