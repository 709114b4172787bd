"""How an enhancer is trained to f(0): one training after another, each of some of its parts, by a loss of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import torch

Terms = dict[str, torch.Tensor]
PhaseLoss = Callable[[Any, Mapping[str, torch.Tensor], Mapping[str, float]], tuple[torch.Tensor, Terms]]
"""(enhancer, pictures by what they are, weights by term) -> the loss, and its terms."""


@dataclass(frozen=True)
class Phase:
    """A training of an enhancer.

    trains: names of the parts that it changes; (): all. pictures: what its loss is given, each (B, 3, H, W): `low`, crops of
    photos in the dark, and perhaps `normal`, crops of other photos, in normal light. weights: of the loss's terms, unless
    others are given.
    """

    name: str
    loss: PhaseLoss
    trains: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ("low",)
    weights: Mapping[str, float] = field(default_factory=dict)


@runtime_checkable
class InPhases(Protocol):
    """An enhancer that says by what trainings it becomes f(0)."""

    def phases(self) -> tuple[Phase, ...]: ...
