"""A model with noise of its own: one that makes a picture in steps, each of which may be drawn around its mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch


@dataclass(frozen=True)
class Paths:
    """G ways from noise to a picture, of B scenes each, whose last T drawn steps count.

    pictures: (G, B, 3, H, W), where they end. starts: (T, G, B, c, h, w), where each step begins. means: of the same shape,
    of what each step arrives at; noise: what was added to them, of standard deviations (T,). cell: pixels a side of one of h
    x w places.
    """

    pictures: torch.Tensor
    starts: torch.Tensor
    means: torch.Tensor
    noise: torch.Tensor
    deviations: torch.Tensor
    cell: int


@runtime_checkable
class Explores(Protocol):
    """A model that can be asked for such paths."""

    def explore(
        self, sources: Sequence[torch.Tensor], samples: int, scale: float, last: int | None, generator: torch.Generator
    ) -> Paths:
        """Draw `samples` paths of each scene, in pairs of opposite noise, without a gradient.

        scale: of the noise, 1 being as much as the model was trained with. last: steps that are drawn; None: all.
        """

    def means_on(self, sources: Sequence[torch.Tensor], paths: Paths) -> torch.Tensor:
        """The means (T, G, B, c, h, w) of the same steps by the model as it is now, with their gradient."""
