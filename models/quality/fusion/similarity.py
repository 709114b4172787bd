"""Full-reference metrics with the sources as references: the sum of VIF, the mean of MS-SSIM."""

from __future__ import annotations

from functools import reduce
from operator import add

import torch
from torch import Tensor

from models.quality import fidelity, vif
from models.quality.metric import MetricInfo, Sources, SourcesCompute

VIF_SOURCES_INFO = MetricInfo(
    name="vif_sources",
    higher_is_better=True,
    value_range=(0.0, float("inf")),
    needs_reference=False,
    needs_sources=True,
    variant=(
        "sum over the sources of VIF with the source as reference (not the papers' VIFF: that is viff); VIF: "
        f"{vif.INFO.variant}"
    ),
    min_size=vif.INFO.min_size,
)
MS_SSIM_SOURCES_INFO = MetricInfo(
    name="ms_ssim_sources",
    higher_is_better=True,
    value_range=(0.0, 1.0),
    needs_reference=False,
    needs_sources=True,
    variant=f"mean over the sources of MS-SSIM; MS-SSIM: {fidelity.MS_SSIM_INFO.variant}",
    min_size=fidelity.MS_SSIM_INFO.min_size,
)


def build_vif_sources(device: str | torch.device) -> SourcesCompute:
    """The compute function of `vif_sources`. A flat source holds no information and adds 0."""
    one = vif.build(device)

    def compute(image: Tensor, sources: Sources) -> Tensor:
        return reduce(add, [one(image, source) for source in sources])

    return compute


def build_ms_ssim_sources(device: str | torch.device) -> SourcesCompute:
    """The compute function of `ms_ssim_sources`."""
    return lambda image, sources: reduce(add, [fidelity.ms_ssim(image, source) for source in sources]) / len(sources)
