"""A user's own network as a fuser of two pictures: checked, its reach declared or measured, its weights under their own names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from models.fusers.base import Fuser
from models.fusers.registry import GROUP
from models.own.building import Wrapped, built, reach
from models.own.probing import check_pictures, learns


class OwnFuser(Wrapped, Fuser):
    """A network of the user's, called with two pictures: what it makes is clipped to [0, 1].

    learns_not: why it cannot be trained, else None.
    """

    def __init__(self, network: nn.Module, name: str) -> None:
        super().__init__()
        self.network = network
        self.name = name
        network.eval()
        check_pictures(self._made, 2, name)
        self.learns_not = learns(network, 2)
        found = reach(network, self._made, 2)
        self.halo, self.stride, self.whole = found.halo, found.stride, found.whole

    def _made(self, under: torch.Tensor, over: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.network(under, over)
        return made

    def forward(self, under: torch.Tensor, over: torch.Tensor) -> torch.Tensor:
        return self._made(under, over).clamp(0, 1)


def own_fuser(name: str, options: Mapping[str, Any]) -> Fuser:
    """The fuser that a reference names, built with its options. Raises `OwnModelError`, also where it makes no pictures."""
    network = built(name, GROUP, options)
    return network if isinstance(network, Fuser) else OwnFuser(network, name)
