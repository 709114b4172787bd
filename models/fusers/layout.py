"""The layout of the HSDS-MEF network, written once: the supernet and the derived network differ only in their nodes.

The paper gives the parts (a feature attention module of ten nodes, a Retinex-inspired dual stream of five, unrolled three
steps) and no drawing that fixes their wiring. Ours, on Y, with C channels and N(x) a searched node:

    attention    u = stem_u(Y_under), o = stem_o(Y_over)                       3x3 convolutions, 1 -> C
                 u = u + N(u), three times; o likewise                         under_1..3, over_1..3
                 j = join(u, o)                                                1x1 convolution, 2C -> C
                 a = sigmoid(N(j) - N(j))                                      attend_under, attend_over
                 m = a u + (1 - a) o, that is the softmax over the two sources
                 m = m + N(m), twice                                           merge_1, merge_2
    dual stream  R = N(m), L = N(m)                                            split_intensity, split_illumination
                 three times: R = R + N(R), L = L + N(L + R)                   intensity, illumination
                 f = N(R * sigmoid(gate(L)))                                   compose; gate: 1x1 convolution
                 w, d = head(f)                                                3x3 convolution, C -> 2
    output       Y = sigmoid(w) Y_under + (1 - sigmoid(w)) Y_over + d, clipped; chroma weighted by |C - 128|

The head starts near zero, so that the untrained network is near the average of its sources. Outside [0, 1] the clipping
passes the gradient on unchanged (straight-through), so that clipped pixels still learn.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from models.fusers.base import Fuser, check_sources
from models.fusers.colour import compose, fuse_chroma, rgb_to_ycbcr
from models.search.space import NODES, UNROLLED, MixedOperation, WeightedOperations

SearchedNode = MixedOperation | WeightedOperations
MakeNode = Callable[[str, int, int], SearchedNode]
"""(name in NODES, channels, uses) -> the node; uses: how many unrolled steps it serves."""


class FusionNetwork(Fuser):
    """The network around nodes that `make` builds. width: C, the channels. steps: unrolled steps of the dual stream.

    Raises ValueError: width or steps below 1.
    """

    def __init__(self, make: MakeNode, width: int, steps: int = 3) -> None:
        super().__init__()
        if min(width, steps) < 1:
            raise ValueError(f"width and steps must be at least 1, not {width} and {steps}")
        self.width, self.steps = width, steps
        self.stem_under = nn.Conv2d(1, width, 3, padding=1)
        self.stem_over = nn.Conv2d(1, width, 3, padding=1)
        self.join = nn.Conv2d(2 * width, width, 1)
        self.gate = nn.Conv2d(width, width, 1)
        self.head = nn.Conv2d(width, 2, 3, padding=1)
        nn.init.normal_(self.head.weight, std=0.01)
        if self.head.bias is not None:
            nn.init.zeros_(self.head.bias)
        self.nodes = nn.ModuleDict({name: make(name, width, steps if name in UNROLLED else 1) for name in NODES})

    def node(self, name: str) -> SearchedNode:
        """One of the searched nodes, by its name in NODES."""
        found = self.nodes[name]
        assert isinstance(found, MixedOperation | WeightedOperations)
        return found

    @property
    def reach(self) -> int:
        """How many pixels around a pixel the output depends on, with the operations that the nodes have now."""
        reach = {name: self.node(name).reach for name in NODES}
        under = sum(reach[f"under_{i}"] for i in (1, 2, 3))
        over = sum(reach[f"over_{i}"] for i in (1, 2, 3))
        merged = (
            max(under, over) + max(reach["attend_under"], reach["attend_over"]) + reach["merge_1"] + reach["merge_2"]
        )
        intensity, illumination = merged + reach["split_intensity"], merged + reach["split_illumination"]
        for _ in range(self.steps):
            intensity += reach["intensity"]
            illumination = max(illumination, intensity) + reach["illumination"]
        return 1 + max(intensity, illumination) + reach["compose"] + 1

    def fuse_luminance(self, under: torch.Tensor, over: torch.Tensor) -> torch.Tensor:
        """The fused Y (B, 1, H, W) in [0, 1] of the sources' Y (B, 1, H, W) in [0, 1]."""
        # Y is centred, so that the zeros around the picture are grey and not black.
        u, o = _channels_last(self.stem_under(2 * under - 1)), _channels_last(self.stem_over(2 * over - 1))
        for i in (1, 2, 3):
            u = u + self.nodes[f"under_{i}"](u)
            o = o + self.nodes[f"over_{i}"](o)
        joined = self.join(torch.cat([u, o], 1))
        attention = torch.sigmoid(self.nodes["attend_under"](joined) - self.nodes["attend_over"](joined))
        merged = attention * u + (1 - attention) * o
        merged = merged + self.nodes["merge_1"](merged)
        merged = merged + self.nodes["merge_2"](merged)
        intensity, illumination = self.nodes["split_intensity"](merged), self.nodes["split_illumination"](merged)
        for step in range(self.steps):
            intensity = intensity + self.nodes["intensity"](intensity, step)
            illumination = illumination + self.nodes["illumination"](illumination + intensity, step)
        features = self.nodes["compose"](intensity * torch.sigmoid(self.gate(illumination)))
        blend, detail = self.head(features).split(1, 1)
        weight = torch.sigmoid(blend)
        return clip(weight * under + (1 - weight) * over + detail)

    def fuse(self, under: torch.Tensor, over: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The fused picture (B, 3, H, W) and the fused Y (B, 1, H, W), before colours outside of sRGB are clipped."""
        check_sources((under, over))
        y_under, cb_under, cr_under = rgb_to_ycbcr(under)
        y_over, cb_over, cr_over = rgb_to_ycbcr(over)
        y = self.fuse_luminance(y_under, y_over)
        return compose(y, fuse_chroma(cb_under, cb_over), fuse_chroma(cr_under, cr_over)), y

    def forward(self, under: torch.Tensor, over: torch.Tensor) -> torch.Tensor:
        return self.fuse(under, over)[0]


def _channels_last(x: torch.Tensor) -> torch.Tensor:
    """In the memory order in which convolutions of few channels are faster on a CPU, backwards above all."""
    return x.contiguous(memory_format=torch.channels_last)


def clip(y: torch.Tensor) -> torch.Tensor:
    """y clipped to [0, 1]; the gradient is that of y itself (straight-through)."""
    return y.detach().clamp(0, 1) + (y - y.detach())


def parameter_count(network: nn.Module) -> int:
    """Numbers that training changes."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
