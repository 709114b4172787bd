"""A user's own network as an enhancer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch

from models.enhancers.base import Enhancer
from models.enhancers.registry import GROUP
from models.own.building import PictureNetwork, built


class OwnEnhancer(PictureNetwork, Enhancer):
    """A network of the user's, called with a picture."""

    sources: ClassVar[int] = 1

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.network(image)
        return made.clamp(0, 1)


def own_enhancer(name: str, options: Mapping[str, Any]) -> Enhancer:
    """The enhancer that a reference names, built with its options. Raises `OwnModelError`, also where it makes no pictures."""
    network = built(name, GROUP, options)
    return network if isinstance(network, Enhancer) else OwnEnhancer(network, name)
