"""What every metric is: facts, a check of its input, and a function."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

RANGE_TOLERANCE = 1e-5
"""How far outside [0, 1] rounding may have pushed a value."""
LIBRARY = "loupe 0.1.0"
"""The library named beside the values of the metrics written here."""

Compute = Callable[[Tensor, Tensor | None], Tensor]
Sources = tuple[Tensor, ...]
SourcesCompute = Callable[[Tensor, Sources], Tensor]
"""The compute function of a metric that compares a fused image with what it was fused from."""


class UnknownMetric(KeyError):
    """No such name in the registry."""

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(name)
        self.message = f"no metric is called {name!r}; known are: {', '.join(known)}"

    def __str__(self) -> str:
        return self.message


class RenamedMetric(UnknownMetric):
    """The name is a former one; `message` says today's."""

    def __init__(self, name: str, now: str) -> None:
        super().__init__(name, [now])
        self.message = f"metric {name!r} is now called {now!r}; write that"


class MetricUnavailable(RuntimeError):
    """The metric exists, and what it needs (weights, a library) does not; `reason` says what."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"metric {name!r} is not available: {reason}")
        self.name, self.reason = name, reason

    def __reduce__(self) -> tuple[type[MetricUnavailable], tuple[str, str]]:
        return type(self), (self.name, self.reason)


@dataclass(frozen=True)
class MetricInfo:
    """Facts about a metric, to be stored with every value.

    value_range: lowest and highest value it gives; infinite where it has no bound.
    variant: which of the definitions in use this is (colour channel, model, window, crop).
    min_size: pixels that the shorter side must have.
    differentiable: gradients flow to the image and the reference.
    needs_sources: compares with the images that the image was fused from; such a metric needs no reference.
    """

    name: str
    higher_is_better: bool
    value_range: tuple[float, float]
    needs_reference: bool
    variant: str
    library: str = LIBRARY
    min_size: int = 1
    differentiable: bool = False
    needs_sources: bool = False

    def __post_init__(self) -> None:
        if self.needs_sources and self.needs_reference:
            raise ValueError(
                f"metric {self.name!r} needs sources and a reference: a metric compares with one or the other"
            )


class Metric:
    """A metric ready to be called, on one device."""

    def __init__(self, info: MetricInfo, compute: Compute | SourcesCompute, device: str | torch.device = "cpu") -> None:
        self.info = info
        self.device = torch.device(device)
        self._compute = compute

    def __call__(self, image: Tensor, reference: Tensor | None = None, sources: Sources | None = None) -> Tensor:
        """One value an image, (B,) floating point, on the metric's device.

        A batch gives what its images give one by one, up to the rounding of float32 (no-reference metrics: exactly).
        image, reference: (B, 3, H, W) floating point in [0, 1], sRGB. NaN where the metric is undefined (a flat image).
        sources: two or more such tensors of the image's shape: what each image was fused from, in any order.
        A reference or sources given to a metric that needs none are ignored. bfloat16 and float16 are measured in float32,
        also inside an autocast region; the result is never -0.0.
        Raises ValueError: wrong type, shape or range, too small, not finite, a missing reference, or missing sources.
        """
        check_image(self.info, image, "image")
        gradients = nullcontext() if self.info.differentiable else torch.no_grad()
        with gradients, torch.autocast(self.device.type, enabled=False):
            if self.info.needs_sources:
                found = tuple(self._ready(source) for source in self._checked_sources(image, sources))
                value = cast(SourcesCompute, self._compute)(self._ready(image), found)
            else:
                other = self._checked_reference(image, reference)
                value = cast(Compute, self._compute)(self._ready(image), None if other is None else self._ready(other))
            # IEEE 754: -0.0 + 0.0 is 0.0.
            return value + 0.0

    def _ready(self, image: Tensor) -> Tensor:
        return full_precision(image.to(self.device))

    def _checked_reference(self, image: Tensor, reference: Tensor | None) -> Tensor | None:
        if not self.info.needs_reference:
            return None
        if reference is None:
            raise ValueError(f"metric {self.info.name!r} compares with a reference, and none was given")
        check_image(self.info, reference, "reference")
        if image.shape != reference.shape:
            shapes = f"{tuple(image.shape)} and {tuple(reference.shape)}"
            raise ValueError(f"metric {self.info.name!r}: shapes of image and reference differ: {shapes}")
        return reference

    def _checked_sources(self, image: Tensor, sources: Sources | None) -> Sources:
        if sources is None or isinstance(sources, Tensor) or len(sources) < 2:
            given = (
                "none were" if sources is None else "one was" if isinstance(sources, Tensor) else f"{len(sources)} was"
            )
            raise ValueError(
                f"metric {self.info.name!r} compares with the images that were fused, a tuple of two or more; {given} given"
            )
        for i, source in enumerate(sources, 1):
            check_image(self.info, source, f"source {i}")
            if image.shape != source.shape:
                shapes = f"{tuple(image.shape)} and {tuple(source.shape)}"
                raise ValueError(f"metric {self.info.name!r}: shapes of image and source {i} differ: {shapes}")
        return tuple(sources)


def check_image(info: MetricInfo, image: Tensor, role: str) -> None:
    """Raise ValueError unless image is (B, 3, H, W), floating point, finite, in [0, 1] and large enough."""
    where = f"metric {info.name!r}: the {role}"
    if not isinstance(image, Tensor):
        raise ValueError(f"{where} should be a torch tensor, got {type(image).__name__}")
    if image.dim() != 4 or image.shape[0] < 1 or image.shape[1] != 3:
        raise ValueError(f"{where} should have shape (B, 3, H, W) with B >= 1, got {tuple(image.shape)}")
    if not image.is_floating_point():
        raise ValueError(f"{where} should be floating point in [0, 1], got {image.dtype} (divide 8-bit values by 255)")
    if min(image.shape[2:]) < info.min_size:
        raise ValueError(f"{where} is {image.shape[3]} x {image.shape[2]}; both sides need at least {info.min_size}")
    low, high = (value.item() for value in torch.aminmax(image.detach()))
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(f"{where} holds NaN or infinite values")
    if low < -RANGE_TOLERANCE or high > 1 + RANGE_TOLERANCE:
        # Six digits tell every refused value from 0 and 1: it lies more than RANGE_TOLERANCE outside.
        raise ValueError(f"{where} should lie in [0, 1], got [{low:.6g}, {high:.6g}]")


def full_precision(image: Tensor) -> Tensor:
    """bfloat16 and float16 as float32, other types as they are: 8 or 11 bits do not hold a sum over pixels."""
    return image.float() if image.dtype in (torch.bfloat16, torch.float16) else image


def one_by_one(function: Callable[[Tensor], Tensor]) -> Compute:
    """A no-reference metric computed image by image, so that no value depends on its neighbours in the batch."""

    def compute(image: Tensor, reference: Tensor | None) -> Tensor:
        return torch.stack([function(image[i : i + 1]).reshape(()) for i in range(image.shape[0])])

    return compute


def need(reference: Tensor | None) -> Tensor:
    """The reference that `Metric` has checked, for compute functions that compare."""
    if reference is None:
        raise ValueError("a reference is needed")
    return reference
