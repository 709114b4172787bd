"""A user's own network as an enhancer: checked, its reach declared or measured, its weights under their own names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from models.enhancers.base import Enhancer
from models.enhancers.registry import GROUP
from models.own.building import Wrapped, built, reach
from models.own.probing import check_pictures, learns


class OwnEnhancer(Wrapped, Enhancer):
    """A network of the user's: what it makes is clipped to [0, 1].

    learns_not: why it cannot be trained, else None.
    """

    def __init__(self, network: nn.Module, name: str) -> None:
        super().__init__()
        self.network = network
        self.name = name
        network.eval()
        check_pictures(self._made, 1, name)
        self.learns_not = learns(network, 1)
        found = reach(network, self._made, 1)
        self.halo, self.stride, self.whole = found.halo, found.stride, found.whole

    def _made(self, image: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.network(image)
        return made

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self._made(image).clamp(0, 1)


def own_enhancer(name: str, options: Mapping[str, Any]) -> Enhancer:
    """The enhancer that a reference names, built with its options. Raises `OwnModelError`, also where it makes no pictures."""
    network = built(name, GROUP, options)
    return network if isinstance(network, Enhancer) else OwnEnhancer(network, name)
