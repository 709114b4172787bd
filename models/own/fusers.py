"""A user's own network as a fuser of two pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch

from models.fusers.base import Fuser
from models.fusers.registry import GROUP
from models.own.building import PictureNetwork, built


class OwnFuser(PictureNetwork, Fuser):
    """A network of the user's, called with two pictures."""

    sources: ClassVar[int] = 2

    def forward(self, under: torch.Tensor, over: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.network(under, over)
        return made.clamp(0, 1)


def own_fuser(name: str, options: Mapping[str, Any]) -> Fuser:
    """The fuser that a reference names, built with its options. Raises `OwnModelError`, also where it makes no pictures."""
    network = built(name, GROUP, options)
    return network if isinstance(network, Fuser) else OwnFuser(network, name)
