"""Image quality metrics behind one registry: `create("niqe")` gives a callable on (B, 3, H, W) tensors in [0, 1].

Metrics whose info says `needs_sources` take what the image was fused from: `create("qabf")(fused, sources=(under, over))`.

A new metric is one file with a build function, and one entry in `models.quality.catalogue`. A user's own is named as
`module:function` (`models.own.metrics`), a trained reward model as `reward:PATH` of its weights (`models.quality.judged`). The
facts of ours need no torch.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, cast

from models.own import is_own
from models.quality.catalogue import CATALOGUE
from models.quality.facts import GROUP, MetricInfo, MetricUnavailable, RenamedMetric, UnknownMetric
from models.quality.judged import PREFIX, judged_metric
from models.weights import WeightUnavailable

if TYPE_CHECKING:
    import torch

    from models.quality.metric import Compute, Metric, SourcesCompute

    Build = Callable[[str | torch.device], Compute] | Callable[[str | torch.device], SourcesCompute]

__all__ = [
    "GROUP",
    "RENAMED",
    "MetricInfo",
    "MetricUnavailable",
    "RenamedMetric",
    "UnknownMetric",
    "create",
    "info",
    "names",
    "register",
]

_METRICS: dict[str, tuple[MetricInfo, Build | str]] = {}
RENAMED = {"vif_fusion": "vif_sources"}
"""Former names of metrics -> today's: tables that hold them are read, new ones are not made under them."""


def register(info_: MetricInfo, build: Build | str) -> None:
    """Add a metric; ValueError on a duplicate.

    build takes a device and returns compute(image, reference) -> (B,), or compute(image, sources) for `needs_sources`; or it
    is the name of such a function, MODULE:FUNCTION, which is imported when the metric is created.
    """
    if info_.name in _METRICS:
        raise ValueError(f"two metrics are called {info_.name!r}")
    _METRICS[info_.name] = (info_, build)


for _facts, _build in CATALOGUE:
    register(_facts, _build)


def names() -> list[str]:
    """All registered metrics, available or not."""
    return list(_METRICS)


def info(name: str) -> MetricInfo:
    """Facts about a metric, also about one of the user's own (`models.own.metrics`); loads no weights and no pyiqa.

    Raises UnknownMetric; OwnModelError for a metric of the user's that cannot be used.

    A former name gives the facts under today's: tables that were written with it can be read.
    """
    return _find(RENAMED.get(name, name))[0]


def create(name: str, device: str | torch.device = "cpu") -> Metric:
    """The metric, its weights loaded. Raises UnknownMetric (RenamedMetric for a former name), or MetricUnavailable with the
    reason."""
    from models.quality.metric import Metric

    facts, build = _find(name)
    try:
        if isinstance(build, str):
            module, function = build.split(":")
            build = cast("Build", getattr(import_module(module), function))
        return Metric(facts, build(device), device)
    except WeightUnavailable as error:
        raise MetricUnavailable(name, error.reason) from error
    except ImportError as error:
        raise MetricUnavailable(name, f"a library cannot be imported: {error}") from error


def _find(name: str) -> tuple[MetricInfo, Build | str]:
    if name in RENAMED:
        raise RenamedMetric(name, RENAMED[name])
    if name in _METRICS:
        return _METRICS[name]
    if name.startswith(PREFIX):
        return judged_metric(name)
    if is_own(name, GROUP):
        return _own(name)
    raise UnknownMetric(name, names())


@cache
def _own(name: str) -> tuple[MetricInfo, Build]:
    from models.own.metrics import own_metric

    return own_metric(name)
