"""Frozen encoders of the reward model: a picture -> a grid of features, from weights that can be had without a hub."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

VGG_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")


class Encoder(nn.Module):
    """Frozen. Maps pictures (B, 3, S, S), float in [0, 1], sRGB, to features (B, channels, grid, grid); gradients flow through.

    The network is held beside the module tree: it is no part of what a judge learns or stores, stays in evaluation mode, and
    only moves between devices with it.
    """

    channels: int

    def __init__(self, network: nn.Module, grid: int) -> None:
        super().__init__()
        self._held = (network.requires_grad_(False).eval(),)
        self.grid = grid

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> Encoder:
        for network in self._held:
            network._apply(fn, recurse)
        return super()._apply(fn, recurse)  # type: ignore[return-value]

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        """Of each depth the mean of every cell, and its root mean square, which noise and blur change."""
        found = []
        for maps in self.depths(picture):
            found.append(F.adaptive_avg_pool2d(maps, self.grid))
            found.append((F.adaptive_avg_pool2d(maps.square(), self.grid) + 1e-6).sqrt())
        return torch.cat(found, 1)

    def depths(self, picture: torch.Tensor) -> list[torch.Tensor]:
        """Feature maps (B, C, h, w), from fine to coarse."""
        raise NotImplementedError


class VGG(Encoder):
    """VGG16's activations at four depths, each over its own size: they grow from layer to layer."""

    def __init__(self, grid: int) -> None:
        from models.core.features import load_vgg16_layers

        super().__init__(load_vgg16_layers(VGG_LAYERS), grid)
        self.channels = 2 * (64 + 128 + 256 + 512)

    def depths(self, picture: torch.Tensor) -> list[torch.Tensor]:
        maps = self._held[0](picture)
        return [found / (found.detach().square().mean((1, 2, 3), keepdim=True) + 1e-6).sqrt() for found in maps]


class EfficientNetLite(Encoder):
    """EfficientNet-Lite0 (timm) at four depths: a tenth of VGG16's time."""

    def __init__(self, grid: int) -> None:
        import timm
        from safetensors.torch import load_file

        from models import weights

        network: nn.Module = timm.create_model(
            "efficientnet_lite0", pretrained=False, features_only=True, out_indices=(0, 1, 2, 3)
        )
        # What lies behind the deepest of them is left out of the network, and of its state.
        network.load_state_dict(load_file(weights.resolve("efficientnet_lite0")), strict=False)
        super().__init__(network, grid)
        self.channels = 2 * (16 + 24 + 40 + 112)

    def depths(self, picture: torch.Tensor) -> list[torch.Tensor]:
        # As the weights were trained, (x - 127) / 128.
        return list(self._held[0]((picture * 255 - 127) / 128))


ENCODERS: dict[str, Callable[[int], Encoder]] = {"vgg16": VGG, "efficientnet_lite0": EfficientNetLite}
"""name -> builds it for a grid."""
