"""A user's own function as a metric: what it says of itself is read, what it returns is looked at each time."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.own.errors import OwnModelError
from models.own.references import locate
from models.quality.facts import GROUP, MetricInfo

if TYPE_CHECKING:
    import torch


def own_metric(name: str) -> tuple[MetricInfo, Callable[[Any], Any]]:
    """Facts of the metric that a reference names, and what builds its compute function for a device (`models.quality`).

    It is a function of pictures (B, 3, H, W), float in [0, 1], sRGB, that returns (B,), with an attribute `higher_is_better`.
    With `needs_reference = True` it is called with the references, too; with `needs_sources = True` with a tuple of what the
    pictures were made from, `least_sources` (2) or more. It may say `min_size`, `value_range`, `variant` and `differentiable`.
    Raises `OwnModelError`.
    """
    found = locate(name, GROUP)
    if isinstance(found, Path):
        raise OwnModelError(f"{name} is a file; a metric of your own is a function, named as module:function")
    higher = getattr(found, "higher_is_better", None)
    if not isinstance(higher, bool):
        raise OwnModelError(
            f"{name} does not say whether its higher or its lower values are better: give it an attribute "
            f"`higher_is_better = True`, or False"
        )
    try:
        facts = MetricInfo(
            name=name,
            higher_is_better=higher,
            value_range=getattr(found, "value_range", (-math.inf, math.inf)),
            needs_reference=bool(getattr(found, "needs_reference", False)),
            variant=str(getattr(found, "variant", "of one's own")),
            library=str(getattr(found, "__module__", "")),
            min_size=int(getattr(found, "min_size", 1)),
            differentiable=bool(getattr(found, "differentiable", False)),
            needs_sources=bool(getattr(found, "needs_sources", False)),
            least_sources=int(getattr(found, "least_sources", 2)),
        )
    except (TypeError, ValueError) as error:
        raise OwnModelError(f"{name}: {error}") from error

    def build(device: Any) -> Any:
        def compute(image: torch.Tensor, other: Any) -> torch.Tensor:
            return _checked(name, found, (image,) if other is None else (image, other))

        return compute

    return facts, build


def _checked(name: str, metric: Callable[..., Any], given: tuple[Any, ...]) -> torch.Tensor:
    import torch

    wanted = "it should give a value (B,) for pictures (B, 3, H, W), float in [0, 1]"
    try:
        values = metric(*given)
    except Exception as error:
        told = str(error).strip().splitlines()
        raise OwnModelError(f"{name} fails ({type(error).__name__}: {told[-1] if told else ''}); {wanted}") from error
    if not isinstance(values, torch.Tensor):
        raise OwnModelError(f"{name} returns a {type(values).__name__}, not a tensor; {wanted}")
    if values.shape != (len(given[0]),) or not values.dtype.is_floating_point:
        raise OwnModelError(f"{name} returns {tuple(values.shape)}, {values.dtype}; {wanted}".replace("torch.", ""))
    if values.device != given[0].device:
        raise OwnModelError(f"{name} returns values on {values.device} for pictures on {given[0].device}; {wanted}")
    return values
