"""TinyViT-5M (Wu et al., 2022) as the image encoder of MobileSAM (Zhang et al., 2023).

A stem and a stage of inverted bottlenecks, then three stages of attention in windows with a depthwise convolution between
attention and MLP; SAM's neck on top. MobileSAM leaves the last downsampling out, so that features are a sixteenth of the
picture's side, as those of SAM's own encoder. The modules bear the names of the published checkpoint.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from segment_anything.modeling.common import LayerNorm2d
from torch import nn
from torch.nn import functional as F

WIDTHS, DEPTHS, HEADS, WINDOWS = (64, 128, 160, 320), (2, 2, 6, 2), (2, 4, 5, 10), (7, 7, 14, 7)
"""Of the four stages; the first is of convolutions, and has no use for heads and windows."""
STRIDES = (2, 2, 1)
"""Of the downsampling behind each stage but the last. TinyViT has 2 at the end, too."""
EXPANSION = 4


class TinyViT(nn.Module):
    """Maps pictures (B, 3, S, S), float, normalised as SAM does it, to features (B, out_channels, S / 16, S / 16).

    S: a multiple of 16; SAM's is `img_size`, the side to which it brings pictures.
    """

    img_size = 1024

    def __init__(
        self,
        widths: Sequence[int] = WIDTHS,
        depths: Sequence[int] = DEPTHS,
        heads: Sequence[int] = HEADS,
        windows: Sequence[int] = WINDOWS,
        out_channels: int = 256,
    ) -> None:
        super().__init__()
        self.patch_embed = Stem(widths[0])
        stages = []
        for number, width in enumerate(widths):
            blocks = [
                Attending(width, heads[number], windows[number]) if number else MBConv(width)
                for _ in range(depths[number])
            ]
            last = number == len(widths) - 1
            stages.append(Stage(blocks, None if last else Merging(width, widths[number + 1], STRIDES[number])))
        self.layers = nn.Sequential(*stages)
        self.neck = nn.Sequential(
            nn.Conv2d(widths[-1], out_channels, 1, bias=False),
            LayerNorm2d(out_channels),
            nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False),
            LayerNorm2d(out_channels),
        )

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.neck(self.layers(self.patch_embed(picture)))
        return features


class ConvNorm(nn.Module):
    """A convolution that keeps the size at stride 1, and its batch norm."""

    def __init__(self, inside: int, outside: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.c = nn.Conv2d(inside, outside, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(outside)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        normed: torch.Tensor = self.bn(self.c(maps))
        return normed


class Stem(nn.Module):
    """Two convolutions of stride 2."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.seq = nn.Sequential(ConvNorm(3, width // 2, 3, 2), nn.GELU(), ConvNorm(width // 2, width, 3, 2))

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        maps: torch.Tensor = self.seq(picture)
        return maps


class Stage(nn.Module):
    """Blocks of one width, and the way to the next."""

    def __init__(self, blocks: Sequence[nn.Module], downsample: nn.Module | None) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*blocks)
        self.downsample = downsample

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        maps = self.blocks(maps)
        return maps if self.downsample is None else self.downsample(maps)


class MBConv(nn.Module):
    """An inverted bottleneck (MobileNetV2's), with the activation behind the sum."""

    def __init__(self, width: int) -> None:
        super().__init__()
        wide = EXPANSION * width
        self.conv1 = ConvNorm(width, wide, 1)
        self.conv2 = ConvNorm(wide, wide, 3, groups=wide)
        self.conv3 = ConvNorm(wide, width, 1)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return F.gelu(maps + self.conv3(F.gelu(self.conv2(F.gelu(self.conv1(maps))))))


class Merging(nn.Module):
    """To another width and, at stride 2, half the size."""

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.conv1 = ConvNorm(inside, outside, 1)
        self.conv2 = ConvNorm(outside, outside, 3, stride, groups=outside)
        self.conv3 = ConvNorm(outside, outside, 1)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        merged: torch.Tensor = self.conv3(F.gelu(self.conv2(F.gelu(self.conv1(maps)))))
        return merged


class Attending(nn.Module):
    """TinyViT's transformer block: attention in windows, a depthwise convolution across their borders, an MLP."""

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.window = window
        self.attn = Attention(width, heads, window)
        self.local_conv = ConvNorm(width, width, 3, groups=width)
        self.mlp = MLP(width)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        height, width = maps.shape[-2:]
        windows = into_windows(maps, self.window)
        maps = self.local_conv(maps + from_windows(self.attn(windows), self.window, height, width))
        return maps + self.mlp(maps.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Attention(nn.Module):
    """Attention of the tokens (N, window^2, C) of a window, with a learned bias for each distance by rows and by columns."""

    places: torch.Tensor

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.attention_biases = nn.Parameter(torch.zeros(heads, window * window))
        row, column = torch.arange(window * window) // window, torch.arange(window * window) % window
        places = (row[:, None] - row).abs() * window + (column[:, None] - column).abs()
        self.register_buffer("places", places, persistent=False)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        # Each head has its query, key and value side by side.
        query, key, value = self.qkv(self.norm(tokens)).unflatten(-1, (self.heads, 3, -1)).permute(3, 0, 2, 1, 4)
        bias = self.attention_biases[:, self.places][None]
        found = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        projected: torch.Tensor = self.proj(found.transpose(1, 2).flatten(2))
        return projected


class MLP(nn.Module):
    """Norm, and two linear layers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, EXPANSION * width)
        self.fc2 = nn.Linear(EXPANSION * width, width)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        mapped: torch.Tensor = self.fc2(F.gelu(self.fc1(self.norm(tokens))))
        return mapped


def into_windows(maps: torch.Tensor, window: int) -> torch.Tensor:
    """Maps (B, C, H, W), with zeros right and below up to whole windows, as tokens (B x windows, window^2, C)."""
    channels, height, width = maps.shape[1:]
    maps = F.pad(maps, (0, -width % window, 0, -height % window))
    tiles = maps.unflatten(3, (-1, window)).unflatten(2, (-1, window))  # B, C, rows, window, columns, window
    return tiles.permute(0, 2, 4, 3, 5, 1).reshape(-1, window * window, channels)


def from_windows(tokens: torch.Tensor, window: int, height: int, width: int) -> torch.Tensor:
    """The maps (B, C, height, width) whose windows these are."""
    rows, columns = -(-height // window), -(-width // window)
    tiles = tokens.reshape(-1, rows, columns, window, window, tokens.shape[-1])
    maps = tiles.permute(0, 5, 1, 3, 2, 4).flatten(4, 5).flatten(2, 3)
    return maps[:, :, :height, :width]
