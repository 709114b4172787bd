"""Layers that both networks of LightenDiffusion, or several of their parts, are made of."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


class Residual(nn.Module):
    """Two 3x3 convolutions beside a 1x1 one: (B, inputs, H, W) -> (B, outputs, H, W)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.shortcut = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner: torch.Tensor = self.conv2(F.leaky_relu(self.conv1(x), 0.2))
        return F.leaky_relu(inner + self.shortcut(x), 0.2)


class Separable(nn.Sequential):
    """A 3x3 convolution of each channel, and a 1x1 one over them."""

    def __init__(self, channels: int) -> None:
        super().__init__(nn.Conv2d(channels, channels, 3, padding=1, groups=channels), nn.Conv2d(channels, channels, 1))


class ChannelAttention(nn.Module):
    """Attention between channels, `heads` groups of them: what each looks like over the picture is query, key and value.

    query: (B, C, H, W); other: of the same shape, gives keys and values. Queries and keys have length 1.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        if channels % heads:
            raise ValueError(f"{channels} channels are not {heads} heads of as many")
        self.heads = heads
        self.query, self.key, self.value = (Separable(channels) for _ in range(3))
        self.out = nn.Conv2d(channels, channels, 1)

    def forward(self, query: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        def split(x: torch.Tensor) -> torch.Tensor:
            return x.flatten(2).unflatten(1, (self.heads, -1))

        one, two = F.normalize(split(self.query(query)), dim=-1), F.normalize(split(self.key(other)), dim=-1)
        weights = (one @ two.transpose(-1, -2)).softmax(-1)
        found: torch.Tensor = self.out((weights @ split(self.value(other))).flatten(1, 2).view_as(query))
        return found
