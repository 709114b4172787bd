"""Image quality metrics behind one registry: `create("niqe")` gives a callable on (B, 3, H, W) tensors in [0, 1].

Metrics whose info says `needs_sources` take what the image was fused from: `create("qabf")(fused, sources=(under, over))`.

A new metric is one file with an INFO and a build function, and one line below.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from models.quality import colour, entropy, fidelity, lpips, niqe, pyiqa_adapter, vif
from models.quality.fusion import gradient, mef_ms_ssim, mef_ssim, similarity, statistics, tmqi, viff
from models.quality.metric import (
    Compute,
    Metric,
    MetricInfo,
    MetricUnavailable,
    RenamedMetric,
    SourcesCompute,
    UnknownMetric,
)
from models.weights import WeightUnavailable

__all__ = [
    "RENAMED",
    "Metric",
    "MetricInfo",
    "MetricUnavailable",
    "RenamedMetric",
    "UnknownMetric",
    "create",
    "info",
    "names",
    "register",
]

Build = Callable[[str | torch.device], Compute] | Callable[[str | torch.device], SourcesCompute]
_METRICS: dict[str, tuple[MetricInfo, Build]] = {}
RENAMED = {"vif_fusion": "vif_sources"}
"""Former names of metrics -> today's: tables that hold them are read, new ones are not made under them."""


def register(info_: MetricInfo, build: Build) -> None:
    """Add a metric; ValueError on a duplicate.

    build takes a device and returns compute(image, reference) -> (B,), or compute(image, sources) for `needs_sources`.
    """
    if info_.name in _METRICS:
        raise ValueError(f"two metrics are called {info_.name!r}")
    _METRICS[info_.name] = (info_, build)


register(niqe.INFO, niqe.build)
register(pyiqa_adapter.BRISQUE_INFO, pyiqa_adapter.build_brisque)
register(pyiqa_adapter.PIQE_INFO, pyiqa_adapter.build_piqe)
register(entropy.INFO, entropy.build)
register(fidelity.PSNR_INFO, fidelity.build_psnr)
register(fidelity.SSIM_INFO, fidelity.build_ssim)
register(lpips.INFO, lpips.build)
register(colour.INFO, colour.build)
register(pyiqa_adapter.MUSIQ_INFO, pyiqa_adapter.build_musiq)
register(pyiqa_adapter.NRQM_INFO, pyiqa_adapter.build_nrqm)
register(pyiqa_adapter.PI_INFO, pyiqa_adapter.build_pi)
register(vif.INFO, vif.build)
register(fidelity.MS_SSIM_INFO, fidelity.build_ms_ssim)
register(statistics.SD_INFO, statistics.build_sd)
register(statistics.CC_INFO, statistics.build_cc)
register(tmqi.INFO, tmqi.build)
register(mef_ssim.INFO, mef_ssim.build)
register(gradient.INFO, gradient.build)
register(mef_ms_ssim.INFO, mef_ms_ssim.build)
register(gradient.FOLDED_INFO, gradient.build_folded)
register(viff.INFO, viff.build)
register(similarity.VIF_SOURCES_INFO, similarity.build_vif_sources)
register(similarity.MS_SSIM_SOURCES_INFO, similarity.build_ms_ssim_sources)


def names() -> list[str]:
    """All metrics, available or not."""
    return list(_METRICS)


def info(name: str) -> MetricInfo:
    """Facts about a metric; loads no weights and no pyiqa. Raises UnknownMetric.

    A former name gives the facts under today's: tables that were written with it can be read.
    """
    return _find(RENAMED.get(name, name))[0]


def create(name: str, device: str | torch.device = "cpu") -> Metric:
    """The metric, its weights loaded. Raises UnknownMetric (RenamedMetric for a former name), or MetricUnavailable with the
    reason."""
    facts, build = _find(name)
    try:
        return Metric(facts, build(device), device)
    except WeightUnavailable as error:
        raise MetricUnavailable(name, error.reason) from error
    except ImportError as error:
        raise MetricUnavailable(name, f"a library cannot be imported: {error}") from error


def _find(name: str) -> tuple[MetricInfo, Build]:
    if name in RENAMED:
        raise RenamedMetric(name, RENAMED[name])
    if name not in _METRICS:
        raise UnknownMetric(name, names())
    return _METRICS[name]
