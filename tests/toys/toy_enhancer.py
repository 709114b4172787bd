"""An enhancer in a file: one gain a channel."""

from __future__ import annotations

import torch
from torch import nn

from models.enhancers.base import Enhancer


class Gain(Enhancer):
    """The image times one number a channel; a pixel depends on itself alone."""

    def __init__(self, gain: float) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.full((3, 1, 1), gain))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return (image * self.gain).clamp(0, 1)


def build(gain: float = 1.5) -> Gain:
    return Gain(gain)
