"""Zero-reference curve estimation (Guo et al., Zero-DCE, CVPR 2020; Li et al., Zero-DCE++, TPAMI 2021).

A small network looks at a reduced copy of the photo and estimates, per pixel and channel, the parameter of a quadratic
curve x + a x (1 - x) that is applied several times. The maps are upsampled to full size, so that the network's cost does
not grow with the detail of the photo and the noise of single pixels does not steer the curves.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn
from torch.nn import functional as F

from models.enhancers.base import Enhancer
from models.losses import zero_reference

_PIECE = 1 << 16
"""Numbers at a time: four arrays of them fit a second-level cache."""


def apply_curves(image: torch.Tensor, curves: torch.Tensor, iterations: int) -> torch.Tensor:
    """Apply LE_n = LE_{n-1} + A LE_{n-1} (1 - LE_{n-1}) (Zero-DCE, Eq. 2) `iterations` times.

    image, curves: (B, 3, H, W); image in [0, 1], curves in [-1, 1]. The result stays in [0, 1]. Where no gradient is wanted a
    CPU computes it piece by piece, each piece in its cache for all iterations: the same values to the last bit. An export has the
    formula.
    """
    wanted = torch.is_grad_enabled() and (image.requires_grad or curves.requires_grad)
    if wanted or image.device.type != "cpu" or torch.jit.is_tracing() or torch.compiler.is_compiling():
        for _ in range(iterations):
            image = image + curves * image * (1 - image)
        return image
    shape = torch.broadcast_shapes(image.shape, curves.shape)
    found = image.new_empty(shape).copy_(image).flatten()
    values, steps = found.split(_PIECE), curves.expand(shape).contiguous().flatten().split(_PIECE)
    one, other = (torch.empty_like(values[0]) for _ in range(2))
    for value, step in zip(values, steps, strict=True):
        product, rest = one[: len(value)], other[: len(value)]
        for _ in range(iterations):
            torch.mul(step, value, out=product)
            torch.sub(1, value, out=rest)
            value.add_(product.mul_(rest))
    return found.reshape(shape)


class CurveNetwork(Enhancer):
    """Curve estimation on a copy reduced by `scale`, with depthwise-separable convolutions and symmetric skips.

    width: channels of the hidden layers. iterations: how often the curve is applied. scale: reduction of the estimated
    copy (1: full size). The last layer starts small, so that the untrained network is nearly the identity.
    """

    def __init__(self, width: int = 32, iterations: int = 8, scale: int = 4) -> None:
        super().__init__()
        if min(width, iterations, scale) < 1:
            raise ValueError(f"width, iterations and scale must be at least 1, not {width}, {iterations}, {scale}")
        self.iterations = iterations
        self.scale = scale
        self.first = _separable(3, width)
        self.second = _separable(width, width)
        self.third = _separable(width, width)
        self.fourth = _separable(width, width)
        self.fifth = _separable(2 * width, width)
        self.sixth = _separable(2 * width, width)
        self.last = nn.Conv2d(2 * width, 3, 3, padding=1, padding_mode="replicate")
        nn.init.normal_(self.last.weight, std=0.02)
        if self.last.bias is not None:
            nn.init.zeros_(self.last.bias)
        # Seven 3x3 convolutions reach 7 reduced pixels; the bilinear upsampling one more.
        self.halo = 8 * scale
        self.stride = scale

    def estimate(self, image: torch.Tensor) -> torch.Tensor:
        """Curve parameters of an image (B, 3, H, W) on the reduced grid: (B, 3, ceil(H / scale), ceil(W / scale)), in [-1, 1]."""
        height, width = image.shape[-2:]
        # Whole cells only, so that a tile that starts on the grid sees the same cells as the whole image.
        padded = F.pad(image, (0, -width % self.scale, 0, -height % self.scale), mode="replicate")
        reduced = F.avg_pool2d(padded, self.scale) if self.scale > 1 else padded
        a = F.relu(self.first(reduced))
        b = F.relu(self.second(a))
        c = F.relu(self.third(b))
        d = F.relu(self.fourth(c))
        e = F.relu(self.fifth(torch.cat([c, d], 1)))
        f = F.relu(self.sixth(torch.cat([b, e], 1)))
        return torch.tanh(self.last(torch.cat([a, f], 1)))

    def enhance(self, image: torch.Tensor, curves: torch.Tensor) -> torch.Tensor:
        """The image under curves of the reduced grid."""
        height, width = image.shape[-2:]
        if self.scale > 1:
            curves = F.interpolate(curves, scale_factor=self.scale, mode="bilinear", align_corners=False)
        return apply_curves(image, curves[..., :height, :width], self.iterations)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.enhance(image, self.estimate(image))

    def pretraining_loss(
        self, image: torch.Tensor, weights: Mapping[str, float], exposure_level: float
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        curves = self.estimate(image)
        return zero_reference.total(image, self.enhance(image, curves), curves, weights, exposure_level)


def _separable(inputs: int, outputs: int) -> nn.Sequential:
    """Depthwise 3x3 then pointwise convolution (Zero-DCE++, Sec. 3.2)."""
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, padding=1, padding_mode="replicate", groups=inputs),
        nn.Conv2d(inputs, outputs, 1),
    )


def build(width: int = 32, iterations: int = 8, scale: int = 4) -> CurveNetwork:
    """The registered constructor."""
    return CurveNetwork(width=width, iterations=iterations, scale=scale)
