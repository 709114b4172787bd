"""The noise predictor: the U-Net of denoising diffusion (Ho et al., NeurIPS 2020), as LightenDiffusion configures it.

Modules have the names that the many public networks of this layout have.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import torch
from torch import nn
from torch.nn import functional as F


def time_embedding(times: torch.Tensor, channels: int) -> torch.Tensor:
    """Sines and cosines (B, channels) of times (B,), of wavelengths from 2 pi to 20000 pi. channels: even."""
    half = channels // 2
    rates = torch.exp(-math.log(10000) / (half - 1) * torch.arange(half, device=times.device))
    angles = times.float()[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], 1)


class Embedding(nn.Module):
    """Two layers on the sines and cosines of a time."""

    def __init__(self, width: int, time: int) -> None:
        super().__init__()
        self.dense = nn.ModuleList([nn.Linear(width, time), nn.Linear(time, time)])

    def forward(self, waves: torch.Tensor) -> torch.Tensor:
        first, second = self.dense
        return second(F.silu(first(waves)))  # type: ignore[no-any-return]


class Block(nn.Module):
    """Two normalised convolutions, the embedded time between them, beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, time: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = _norm(inputs), nn.Conv2d(inputs, outputs, 3, padding=1)
        self.temb_proj = nn.Linear(time, outputs)
        self.norm2, self.conv2 = _norm(outputs), nn.Conv2d(outputs, outputs, 3, padding=1)
        if inputs != outputs:
            self.nin_shortcut = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        inner = self.conv1(F.silu(self.norm1(x))) + self.temb_proj(F.silu(time))[:, :, None, None]
        inner = self.conv2(F.silu(self.norm2(inner)))
        return inner + (self.nin_shortcut(x) if hasattr(self, "nin_shortcut") else x)


class Attention(nn.Module):
    """Each place looks at all others."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = _norm(channels)
        self.q, self.k, self.v, self.proj_out = (nn.Conv2d(channels, channels, 1) for _ in range(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        normed = self.norm(x)
        query, key, value = (layer(normed).flatten(2).transpose(1, 2) for layer in (self.q, self.k, self.v))
        found = F.scaled_dot_product_attention(query[:, None], key[:, None], value[:, None])[:, 0]
        return x + self.proj_out(found.transpose(1, 2).reshape(x.shape))


class Level(nn.Module):
    """The blocks of one size, with an attention after each where there are some, and what leads to the next size."""

    downsample: Down
    upsample: Up

    def __init__(self, blocks: Sequence[Block], attentions: Sequence[Attention]) -> None:
        super().__init__()
        self.block, self.attn = nn.ModuleList(blocks), nn.ModuleList(attentions)

    def at(self, place: int, x: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        x = self.block[place](x, time)
        return self.attn[place](x) if len(self.attn) else x


class Down(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(F.pad(x, (0, 1, 0, 1)))  # type: ignore[no-any-return]


class Up(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))  # type: ignore[no-any-return]


class Middle(nn.Module):
    def __init__(self, channels: int, time: int) -> None:
        super().__init__()
        self.block_1, self.attn_1, self.block_2 = (
            Block(channels, channels, time),
            Attention(channels),
            Block(channels, channels, time),
        )

    def forward(self, x: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        return self.block_2(self.attn_1(self.block_1(x, time)), time)  # type: ignore[no-any-return]


class UNet(nn.Module):
    """Noise (B, 3, h, w) in x of (B, 6, h, w), the condition's channels first, at times (B,); h, w: multiples of 2^(levels - 1).

    width: channels at full size, times `multipliers` level by level; blocks: a level; attention: levels that have it, from 0 on.
    """

    def __init__(self, width: int, multipliers: Sequence[int], blocks: int, attention: Sequence[int]) -> None:
        super().__init__()
        if width < 4 or width % 4 or blocks < 1 or not multipliers or min(multipliers) < 1:
            raise ValueError(
                f"the U-Net's width is a multiple of 4, with one multiplier or more and blocks from 1 on, not {width}, "
                f"{list(multipliers)}, {blocks}"
            )
        if unknown := [level for level in attention if not 0 <= level < len(multipliers)]:
            raise ValueError(f"attention names levels {unknown}; there are 0 to {len(multipliers) - 1}")
        self.width, self.blocks = width, blocks
        time = 4 * width
        self.temb = Embedding(width, time)
        self.conv_in = nn.Conv2d(6, width, 3, padding=1)
        sizes = [width * multiplier for multiplier in multipliers]
        before = [width, *sizes[:-1]]
        last = len(sizes) - 1
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for level, (inputs, size) in enumerate(zip(before, sizes, strict=True)):
            down = Level(
                [Block(inputs if place == 0 else size, size, time) for place in range(blocks)],
                [Attention(size) for _ in range(blocks) if level in attention],
            )
            if level < last:
                down.downsample = Down(size)
            self.down.append(down)
        self.mid = Middle(sizes[-1], time)
        for level, (below, size) in enumerate(zip(before, sizes, strict=True)):
            above = sizes[min(level + 1, last)]
            up = Level(
                [
                    Block((above if place == 0 else size) + (below if place == blocks else size), size, time)
                    for place in range(blocks + 1)
                ],
                [Attention(size) for _ in range(blocks + 1) if level in attention],
            )
            if level > 0:
                up.upsample = Up(size)
            self.up.append(up)
        self.norm_out, self.conv_out = _norm(width * multipliers[0]), nn.Conv2d(width * multipliers[0], 3, 3, padding=1)

    def forward(self, x: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
        time = self.temb(time_embedding(times, self.width).to(x.dtype))
        x = self.conv_in(x)
        kept = [x]
        for level in cast(list[Level], list(self.down)):
            for place in range(self.blocks):
                kept.append(x := level.at(place, x, time))
            if hasattr(level, "downsample"):
                kept.append(x := level.downsample(x))
        x = self.mid(x, time)
        for level in reversed(cast(list[Level], list(self.up))):
            for place in range(self.blocks + 1):
                x = level.at(place, torch.cat([x, kept.pop()], 1), time)
            if hasattr(level, "upsample"):
                x = level.upsample(x)
        return self.conv_out(F.silu(self.norm_out(x)))  # type: ignore[no-any-return]


def _norm(channels: int) -> nn.GroupNorm:
    """32 groups, or fewer where each would have one channel: of a picture of one pixel that has no variance."""
    return nn.GroupNorm(math.gcd(32, max(1, channels // 2)), channels, eps=1e-6)
