"""The content-transfer decomposition network of LightenDiffusion (Jiang et al., ECCV 2024, Sec. 3.2).

A photo becomes a latent of three channels at an eighth of its size, and a latent becomes reflectance and illumination. The
numbers of parameters are those of the public model; where the paper leaves the layers open, they are chosen so
(docs/lighten_diffusion.md).
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from models.enhancers.lighten_diffusion.blocks import ChannelAttention, Residual

REDUCTION = 8
"""Pixels a side of a cell of the latent."""
_DARKEST = 1e-4


class Encoded(NamedTuple):
    """latent: (B, 3, H/8, W/8) in [0, 1]; skips: features of the photo at full size and at 1/2, 1/4, 1/8, for the decoder."""

    latent: torch.Tensor
    skips: tuple[torch.Tensor, ...]


class Decomposed(NamedTuple):
    """reflectance: (B, 3, h, w); illumination: one channel, repeated to as many; both in [0, 1]."""

    reflectance: torch.Tensor
    illumination: torch.Tensor


class Reconstruction(nn.Module):
    """Photo -> latent and features; latent and a photo's features -> photo. width: channels at full size and at a half."""

    def __init__(self, width: int) -> None:
        super().__init__()
        one, two, four = width, 2 * width, 4 * width
        self.stem = nn.Sequential(nn.Conv2d(3, one, 5, padding=2), nn.Conv2d(one, one, 5, padding=2))
        self.block1, self.down1 = Residual(one, one), nn.Conv2d(one, one, 3, stride=2, padding=1)
        self.block2, self.down2 = Residual(one, two), nn.Conv2d(two, two, 3, stride=2, padding=1)
        self.block3, self.down3 = Residual(two, four), nn.Conv2d(four, four, 3, stride=2, padding=1)
        self.squeeze = _chain(four, two, one, 3)
        self.expand = _chain(3, one, two, four)
        self.join = Residual(four, four)
        self.block4, self.up4 = Residual(four, four), nn.ConvTranspose2d(four, two, 4, stride=2, padding=1)
        self.block5, self.up5 = Residual(two, two), nn.ConvTranspose2d(two, one, 4, stride=2, padding=1)
        self.block6, self.up6 = Residual(one, one), nn.ConvTranspose2d(one, one, 4, stride=2, padding=1)
        self.level = nn.Conv2d(one, one, 1)
        self.head = nn.Sequential(nn.Conv2d(one, one, 5, padding=2), nn.Conv2d(one, 3, 5, padding=2))

    def features(self, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Of photos (B, 3, H, W), sides multiples of 8: at full size, 1/2, 1/4 and 1/8."""
        full: torch.Tensor = self.block1(self.stem(2 * image - 1))
        half = self.down1(full)
        quarter = self.down2(self.block2(half))
        return full, half, quarter, self.down3(self.block3(quarter))

    def encode(self, image: torch.Tensor) -> Encoded:
        skips = self.features(image)
        return Encoded(torch.sigmoid(self.squeeze(skips[-1])), skips)

    def decode(self, latent: torch.Tensor, skips: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """The photo (B, 3, H, W) in [0, 1] that a latent (B, 3, H/8, W/8) stands for, with the detail of a photo's features."""
        full, half, quarter, eighth = skips
        x = self.block4(self.join(self.expand(latent) + eighth))
        x = self.block5(self.up4(x) + quarter)
        x = self.block6(self.up5(x) + half)
        made: torch.Tensor = self.head(F.leaky_relu(self.up6(x) + self.level(full), 0.2))
        return torch.sigmoid(made)


class Retinex(nn.Module):
    """Latents (B, 3, h, w) -> reflectance and illumination, between which content is moved."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.first_l, self.first_r = nn.Conv2d(1, width, 3, padding=1), nn.Conv2d(3, width, 3, padding=1)
        self.blocks_l = nn.Sequential(Residual(width, width), Residual(width, width))
        self.blocks_r = nn.Sequential(Residual(width, width), Residual(width, width))
        self.own, self.across = ChannelAttention(width, heads), ChannelAttention(width, heads)
        self.content = Residual(width, width)
        self.last_l = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1), nn.LeakyReLU(0.2), nn.Conv2d(width, 1, 3, padding=1)
        )
        self.last_r = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1), nn.LeakyReLU(0.2), nn.Conv2d(width, 3, 3, padding=1)
        )

    def forward(self, latent: torch.Tensor) -> Decomposed:
        brightest = latent.amax(1, keepdim=True)
        light = self.blocks_l(self.first_l(brightest))
        surface = self.blocks_r(self.first_r(latent / brightest.clamp(min=_DARKEST)))
        content = self.content(self.own(light, light))
        surface = surface + self.across(light, surface) + content
        illumination = torch.sigmoid(self.last_l(light - content))
        return Decomposed(torch.sigmoid(self.last_r(surface)), illumination.expand(-1, 3, -1, -1))


class Decomposition(nn.Module):
    """Both networks. width: 64 in the paper; heads: of the Retinex network's attention, 8 there."""

    def __init__(self, width: int = 64, heads: int = 8) -> None:
        super().__init__()
        self.reconstruction = Reconstruction(width)
        self.retinex = Retinex(width, heads)
        self.apply(_begin)


@torch.no_grad()
def _begin(layer: nn.Module) -> None:
    """Weights to begin with that neither fade nor grow over some twenty layers: He et al. 2015, with the shortcut leading in each
    residual block; and upwards by bilinear interpolation, so that no grid of the strides has to be unlearnt.
    """
    if isinstance(layer, nn.ConvTranspose2d):
        hat = torch.tensor([0.25, 0.75, 0.75, 0.25])
        mixed = torch.randn(layer.weight.shape[:2]) * layer.weight.shape[0] ** -0.5
        layer.weight.copy_(mixed[:, :, None, None] * hat[:, None] * hat)
    elif isinstance(layer, nn.Conv2d):
        nn.init.kaiming_normal_(layer.weight, a=0.2)
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d) and layer.bias is not None:
        nn.init.zeros_(layer.bias)
    if isinstance(layer, Residual):  # its own layers have had their turn
        layer.conv2.weight.mul_(0.3)


def _chain(*channels: int) -> nn.Sequential:
    """3x3 convolutions with a rectifier between each two."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(channels):
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers[:-1])
