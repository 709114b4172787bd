"""DCEvo's fusion network for infrared and visible: what both share, what is coarse, what is fine, and a decoder.

    encoder      3x3 convolution, `blocks` low-frequency blocks; then of each source a coarse part (one block more) and a fine
                 part (three affine couplings and SimAM)
    fusion       the coarse parts added, through a block of their own; the fine parts alike, through couplings of their own
    decoder      1x1 convolution, `blocks` blocks, a transformer block over channels, two 3x3 convolutions, + a skip, sigmoid

At dim 64, blocks 5, depth 6, heads 8 it has the published 2,004,904 parameters. What is not known of the published network: which
layers fill a coupling (two 1x1 and two depthwise 3x3 convolutions here, which have the published count), and how the gate of
a low-frequency block works (x + C2f(x) * sigmoid(C2f(x)) here).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from models.fusers.base import Fuser, check_sources
from models.fusers.colour import compose, rgb_to_ycbcr

SKIPS = ("logit", "mean")
_EDGE = 0.02


@dataclass(frozen=True)
class Parts:
    """What the network makes of both sources' Y: the fused Y (B, 1, H, W), and each source's parts (B, dim, H, W)."""

    fused: torch.Tensor
    coarse: tuple[torch.Tensor, torch.Tensor]
    fine: tuple[torch.Tensor, torch.Tensor]


def _pointwise(inputs: int, outputs: int, bias: bool = False) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 1, bias=bias)


def _depthwise(channels: int) -> nn.Conv2d:
    return nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)


class Bottleneck(nn.Module):
    """A 3x3 and a depthwise 3x3 convolution around SiLU, added to the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mix = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.spread = _depthwise(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + F.silu(self.spread(F.silu(self.mix(x))))


class C2f(nn.Module):
    """Half of the channels go through `depth` bottlenecks one after another; all that lies between is joined (YOLOv8)."""

    def __init__(self, dim: int, depth: int) -> None:
        super().__init__()
        self.split = _pointwise(dim, dim)
        self.steps = nn.ModuleList(Bottleneck(dim // 2) for _ in range(depth))
        self.join = _pointwise((2 + depth) * (dim // 2), dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        parts = list(F.silu(self.split(x)).chunk(2, 1))
        for step in self.steps:
            parts.append(step(parts[-1]))
        joined: torch.Tensor = self.join(torch.cat(parts, 1))
        return joined


class LowFrequency(nn.Module):
    """Two C2f blocks, of which one gates the other, added to the input."""

    def __init__(self, dim: int, depth: int) -> None:
        super().__init__()
        self.value, self.gate = C2f(dim, depth), C2f(dim, depth)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gated: torch.Tensor = x + self.value(x) * torch.sigmoid(self.gate(x))
        return gated


class Coupling(nn.Module):
    """An invertible step: the channels are mixed, then each half is shifted, and one scaled, by what the other says."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.mix = _pointwise(dim, dim, bias=True)
        self.add, self.scale, self.shift = (self._layers(dim // 2) for _ in range(3))

    @staticmethod
    def _layers(half: int) -> nn.Sequential:
        return nn.Sequential(
            _pointwise(half, half), nn.ReLU6(), _depthwise(half), _depthwise(half), nn.ReLU6(), _pointwise(half, half)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        one, other = self.mix(x).chunk(2, 1)
        other = other + self.add(one)
        # The scale stays within e^-1 .. e: without bounds three couplings overflow.
        one = one * torch.exp(torch.tanh(self.scale(other))) + self.shift(other)
        return torch.cat([one, other], 1)


class HighFrequency(nn.Module):
    """Three couplings, then SimAM: a weight for each value by how far it is from its channel's mean, without parameters."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.couplings = nn.Sequential(*(Coupling(dim) for _ in range(3)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.couplings(x)
        away = (x - x.mean((2, 3), keepdim=True)).square()
        variance = away.sum((2, 3), keepdim=True) / max(x.shape[2] * x.shape[3] - 1, 1)
        return x * torch.sigmoid(away / (4 * (variance + 1e-4)) + 0.5)


class ChannelNorm(nn.Module):
    """Each pixel's channels over their standard deviation, scaled; nothing is subtracted (Restormer's BiasFree)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * (x.var(1, unbiased=False, keepdim=True) + 1e-5).rsqrt() * self.weight[:, None, None]


class ChannelTransformer(nn.Module):
    """Attention between channels, over the whole picture, and a gated feed-forward layer (Restormer, Zamir 2022)."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm, self.norm_forward = ChannelNorm(dim), ChannelNorm(dim)
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.queries = nn.Sequential(_pointwise(dim, 3 * dim), _depthwise(3 * dim))
        self.project = _pointwise(dim, dim)
        self.widen = nn.Sequential(_pointwise(dim, 4 * dim), _depthwise(4 * dim))
        self.narrow = _pointwise(2 * dim, dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, dim, height, width = x.shape
        query, key, value = (
            part.reshape(batch, self.heads, dim // self.heads, height * width)
            for part in self.queries(self.norm(x)).chunk(3, 1)
        )
        alike = F.normalize(query, dim=-1) @ F.normalize(key, dim=-1).transpose(-1, -2) * self.temperature
        x = x + self.project((alike.softmax(-1) @ value).reshape(batch, dim, height, width))
        gate, value = self.widen(self.norm_forward(x)).chunk(2, 1)
        out: torch.Tensor = x + self.narrow(F.gelu(gate) * value)
        return out


class DCEvo(Fuser):
    """The network; it fuses Y, and takes the colour of the second source, the visible one.

    dim: channels, an even number that `heads` divides. blocks: low-frequency blocks before and after the fusion. depth:
    bottlenecks of a block. heads: of the attention. skip: what is added before the sigmoid: "mean", the mean of the sources, as
    published, with which an untrained network makes a grey picture of little contrast, or "logit", the inverse of the sigmoid of
    that mean, with which it makes the average. Attention and SimAM look at the whole photo.
    Raises ValueError: numbers that do not fit.
    """

    whole = True
    fits_half = True

    def __init__(self, dim: int = 64, blocks: int = 5, depth: int = 6, heads: int = 8, skip: str = "mean") -> None:
        super().__init__()
        if min(dim, blocks, depth, heads) < 1 or dim % 2 or dim % heads:
            raise ValueError(
                f"dim, blocks, depth and heads should be at least 1, and dim even and a multiple of heads, not {dim}, {blocks}, "
                f"{depth} and {heads}"
            )
        if skip not in SKIPS:
            raise ValueError(f"skip should be {' or '.join(SKIPS)}, not {skip!r}")
        self.skip = skip
        self.stem = nn.Conv2d(1, dim, 3, padding=1, bias=False)
        self.shared = nn.Sequential(*(LowFrequency(dim, depth) for _ in range(blocks)))
        self.coarse, self.fine = LowFrequency(dim, depth), HighFrequency(dim)
        self.fuse_coarse, self.fuse_fine = LowFrequency(dim, depth), HighFrequency(dim)
        self.reduce = _pointwise(2 * dim, dim)
        self.decode = nn.Sequential(*(LowFrequency(dim, depth) for _ in range(blocks)), ChannelTransformer(dim, heads))
        self.output = nn.Sequential(
            nn.Conv2d(dim, dim // 2, 3, padding=1, bias=False),
            nn.LeakyReLU(),
            nn.Conv2d(dim // 2, 1, 3, padding=1, bias=False),
        )

    def parts(self, infrared: torch.Tensor, visible: torch.Tensor) -> Parts:
        """Fuse Y (B, 1, H, W) in [0, 1] of both sources; everything that the losses read."""
        # Channels last: twice as fast on a CPU, where there are few.
        both = self.stem(torch.cat([infrared, visible])).contiguous(memory_format=torch.channels_last)
        both = self.shared(both)
        coarse, fine = self.coarse(both).chunk(2), self.fine(both).chunk(2)
        fused = torch.cat([self.fuse_coarse(coarse[0] + coarse[1]), self.fuse_fine(fine[0] + fine[1])], 1)
        mean = (infrared + visible) / 2
        skip = mean if self.skip == "mean" else torch.logit(mean * (1 - 2 * _EDGE) + _EDGE)
        y = torch.sigmoid(self.output(self.decode(self.reduce(fused))) + skip)
        if self.skip == "logit":
            # So that black and white can be reached: the untrained network makes the average to the last bit.
            y = (y - _EDGE) / (1 - 2 * _EDGE)
            y = y.detach().clamp(0, 1) + (y - y.detach())
        return Parts(y, (coarse[0], coarse[1]), (fine[0], fine[1]))

    def fuse_luminance(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        return self.parts(first, second).fused

    def forward(self, under: torch.Tensor, over: torch.Tensor) -> torch.Tensor:
        check_sources((under, over))
        y, cb, cr = rgb_to_ycbcr(over)
        return compose(self.fuse_luminance(rgb_to_ycbcr(under)[0], y), cb, cr)
