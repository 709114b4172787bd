"""Full-reference metrics with the sources as references: the sum of VIF, the mean of MS-SSIM."""

from __future__ import annotations

from functools import reduce
from operator import add

import torch
from torch import Tensor

from models.quality import fidelity, vif
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
