"""What every metric is: facts, a check of its input, and a function."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from typing import cast

import torch
from torch import Tensor

from models.quality.facts import MetricInfo

RANGE_TOLERANCE = 1e-5
"""How far outside [0, 1] rounding may have pushed a value."""

Compute = Callable[[Tensor, Tensor | None], Tensor]
Sources = tuple[Tensor, ...]
SourcesCompute = Callable[[Tensor, Sources], Tensor]
"""The compute function of a metric that compares a fused image with what it was fused from."""


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
        sources: such tensors of the image's size, `least_sources` or more: what each image was made from, in any order. They,
        and an image that is compared with them, may be (B, 1, H, W): that is measured as three equal channels.
        A reference or sources given to a metric that needs none are ignored. bfloat16 and float16 are measured in float32,
        also inside an autocast region; the result is never -0.0.
        Raises ValueError: wrong type, shape or range, too small, not finite, a missing reference, or missing sources.
        """
        image = self._checked(image, "image")
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

    def _checked(self, image: Tensor, role: str) -> Tensor:
        """(B, 3, H, W) of an image that passed `check_image`."""
        check_image(self.info, image, role, grey=self.info.needs_sources)
        return image.expand(-1, 3, -1, -1)

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
        least = self.info.least_sources
        if sources is None or isinstance(sources, Tensor) or len(sources) < least:
            given = "none were" if sources is None else "a tensor was" if isinstance(sources, Tensor) else len(sources)
            if isinstance(given, int):
                given = f"{given} {'was' if given == 1 else 'were'}"
            wanted = {1: "one or more", 2: "two or more"}.get(least, f"at least {least}")
            raise ValueError(
                f"metric {self.info.name!r} compares with the images that were fused, a tuple of {wanted}; {given} given"
            )
        found = []
        for i, source in enumerate(sources, 1):
            found.append(self._checked(source, f"source {i}"))
            if image.shape != found[-1].shape:
                shapes = f"{tuple(image.shape)} and {tuple(source.shape)}"
                raise ValueError(f"metric {self.info.name!r}: shapes of image and source {i} differ: {shapes}")
        return tuple(found)


def check_image(info: MetricInfo, image: Tensor, role: str, grey: bool = False) -> None:
    """Raise ValueError unless image is (B, 3, H, W), floating point, finite, in [0, 1] and large enough.

    grey: (B, 1, H, W) passes, too.
    """
    where = f"metric {info.name!r}: the {role}"
    if not isinstance(image, Tensor):
        raise ValueError(f"{where} should be a torch tensor, got {type(image).__name__}")
    if image.dim() != 4 or image.shape[0] < 1 or image.shape[1] not in ((1, 3) if grey else (3,)):
        shapes = "(B, 3, H, W) or (B, 1, H, W)" if grey else "(B, 3, H, W)"
        raise ValueError(f"{where} should have shape {shapes} with B >= 1, got {tuple(image.shape)}")
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
