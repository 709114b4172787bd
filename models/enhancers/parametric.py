"""Brightness, contrast and gamma, three numbers a photo (entropy-driven NSGA-II, Sec. 3.2).

The operator acts on each channel value alone, so that a photo of 8 bits needs it only on 256 levels; `models.genetic`
searches the three numbers for each photo.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from models.enhancers.base import Enhancer
from models.losses import zero_reference

GENES = ("brightness", "contrast", "gamma")
BOUNDS = ((-10.0, 60.0), (1.0, 2.0), (1.0, 2.0))
"""Range of each gene (Appendix A.1): brightness in 8-bit levels, contrast and gamma as factors."""


def apply_genes(values: torch.Tensor, genes: torch.Tensor) -> torch.Tensor:
    """clamp(clamp(c clamp(v + b / 255)) ** (1 / gamma)) (Sec. 3.2), clamped to [0, 1] after every step.

    values: (B, ...) or (1, ...) float in [0, 1], sRGB. genes: (B, 3) brightness, contrast, gamma. Returns (B, ...).
    Where both broadcast the result has the larger B. Gradients reach values and genes, and stay finite at black.
    """
    shape = (-1, *(1,) * (values.dim() - 1))
    brightness, contrast, gamma = (genes[:, place].reshape(shape) for place in range(3))
    lifted = (values + brightness / 255).clamp(0, 1)
    stretched = (contrast * lifted).clamp(0, 1)
    # 0 ** p has an infinite slope for p < 1; black stays black and passes no gradient.
    positive = stretched > 0
    powered = torch.where(positive, stretched, torch.ones_like(stretched)) ** (1 / gamma)
    return torch.where(positive, powered, torch.zeros_like(powered)).clamp(0, 1)


class ParametricEnhancer(Enhancer):
    """The same three numbers for every photo; they are parameters, so that a loss can fit them.

    brightness: in 8-bit levels, contrast and gamma: factors, all within BOUNDS. Raises ValueError outside of them.
    """

    def __init__(self, brightness: float = 0.0, contrast: float = 1.0, gamma: float = 1.0) -> None:
        super().__init__()
        for name, value, (low, high) in zip(GENES, (brightness, contrast, gamma), BOUNDS, strict=True):
            if not low <= value <= high:
                raise ValueError(f"{name} must lie in [{low:g}, {high:g}], not {value}")
        # Parts of the range, so that the three have slopes of a like size.
        lowest, highest = torch.tensor(BOUNDS).unbind(1)
        self.register_buffer("low", lowest, persistent=False)
        self.register_buffer("span", highest - lowest, persistent=False)
        self.position = nn.Parameter((torch.tensor([brightness, contrast, gamma]) - self.low) / self.span)

    low: torch.Tensor
    span: torch.Tensor

    def genes(self) -> torch.Tensor:
        """(3,) brightness, contrast, gamma."""
        return self.low + self.position.clamp(0, 1) * self.span

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return apply_genes(image, self.genes()[None])

    def pretraining_loss(
        self, image: torch.Tensor, weights: Mapping[str, float], exposure_level: float
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        return zero_reference.total(image, self(image), None, weights, exposure_level)


def build(brightness: float = 0.0, contrast: float = 1.0, gamma: float = 1.0) -> ParametricEnhancer:
    """The registered constructor."""
    return ParametricEnhancer(brightness=brightness, contrast=contrast, gamma=gamma)
