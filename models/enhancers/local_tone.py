"""Local tone curves: one curve for R, G and B at each pixel, which depends on where it lies and how bright it is.

A small network looks at a thumbnail of the whole photo and decides on a coarse grid (Gharbi et al., HDRnet, SIGGRAPH 2017:
coefficients at low resolution, applied at full resolution along a guide) how much the dark and how much the bright of each place
is lifted. The curve is the rational one of Schlick (Quantization techniques for visualization of high dynamic range pictures,
1994): black stays black and white stays white, so that nothing is burnt out, and what is grey stays grey. Colour noise that
lifting would show is shrunk (Wiener's weights on what differs from a coarse copy).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn
from torch.nn import functional as F

from models.enhancers.base import Enhancer, Window
from models.enhancers.predicted import thumbnail
from models.losses import zero_reference

SIDE = 128
"""Of the thumbnail that the network looks at; its grid has a quarter of it."""
CELL = 4
"""Pixels a side of the coarse copy from which colour is taken where it is noisy."""
MOST = 2.5
"""Of the logarithm of the curve's slope at black: twelve times, some 5.5 stops of linear light."""
MIDDLE = 0.3
"""The grey at which the two coefficients of a curve are independent."""


def rational_curve(image: torch.Tensor, gain: torch.Tensor) -> torch.Tensor:
    """gain x / (1 + (gain - 1) x): 0 and 1 stay, the slope is `gain` at black, 1 / `gain` at white. image in [0, 1], gain > 0."""
    lifted = gain * image
    return lifted / (lifted - image + 1)


def luma(image: torch.Tensor) -> torch.Tensor:
    """Y' of BT.601: (B, 1, H, W) of (B, 3, H, W)."""
    red, green, blue = image.unbind(1)
    return (0.299 * red + 0.587 * green + 0.114 * blue)[:, None]


class LocalTone(Enhancer):
    """Thumbnail -> coefficients on a grid -> a curve at each pixel. width: channels of the first convolution.

    The last layer starts small, so that the untrained network is nearly the identity.
    """

    halo = 3 * CELL
    stride = CELL

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        if width < 1:
            raise ValueError(f"width must be at least 1, not {width}")
        self.first = _convolution(4, width, stride=2)
        self.second = _convolution(width, 2 * width, stride=2)
        self.context = nn.ModuleList(_convolution(2 * width, 2 * width, dilation=2**level) for level in (1, 2, 3))
        self.whole_photo = nn.Linear(4 * width, 2 * width)
        self.join = _convolution(4 * width, 2 * width)
        self.last = _convolution(2 * width, 4)
        nn.init.normal_(self.last.weight, std=0.01)
        if self.last.bias is not None:
            nn.init.zeros_(self.last.bias)

    def grid(self, image: torch.Tensor) -> torch.Tensor:
        """Coefficients (B, 4, 32, 32) of photos (B, 3, H, W): lift, its slope along the grey, saturation, colour noise."""
        thumb = thumbnail(image, SIDE)
        seen = torch.cat([thumb.clamp(min=1e-4).sqrt(), thumb.amax(1, keepdim=True)], 1)
        near = F.silu(self.second(F.silu(self.first(seen))))
        far = near
        for layer in self.context:
            far = F.silu(layer(far))
        whole = self.whole_photo(torch.cat([far.mean((2, 3)), far.amax((2, 3))], 1))[:, :, None, None]
        found: torch.Tensor = self.last(F.silu(self.join(torch.cat([far + whole, near], 1))))
        return found

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.render(image, self.grid(image), None)[0]

    @torch.no_grad()
    def for_photo(self, image: torch.Tensor) -> Enhancer:
        return _OnPhoto(self, self.grid(image))

    def render(
        self, image: torch.Tensor, grid: torch.Tensor, window: Window | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The picture under a photo's grid, and the logarithm (B, 1, H, W) of the gain. window: of the photo; None: all of it."""
        # In mixed precision the network alone is in half: a curve is as precise as the picture.
        lift, slope, saturation, noise = _at(grid, image, window).to(image.dtype).split(1, 1)
        # softplus, which takes three times as long; a deviation of 6 shrinks all that there is
        image = _with_calm_colour(image, 0.1 * (1 + (noise - 1).clamp(max=60).exp()).log())
        wanted = 2 * lift + 4 * slope * (luma(image) - MIDDLE)
        strength = MOST * torch.tanh(wanted / MOST)
        made = rational_curve(image, strength.exp())
        made = torch.lerp(luma(made), made, torch.exp(0.5 * torch.tanh(saturation)))
        return made.clamp(0, 1), strength

    def pretraining_loss(
        self, image: torch.Tensor, weights: Mapping[str, float], exposure_level: float
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        grid = self.grid(image)
        made, _ = self.render(image, grid, None)
        terms = {
            "spatial": zero_reference.spatial_consistency(image, made),
            "exposure": zero_reference.exposure_control(made, exposure_level, spared=image),
            # One curve serves R, G and B: what is grey stays so, and no grey world is asked for. Saturation has to stay.
            "colour": grid[:, 2:3].square().mean(),
            "smoothness": zero_reference.illumination_smoothness(grid),
        }
        return sum((weights[name] * value for name, value in terms.items()), image.new_zeros(())), terms


class _OnPhoto(Enhancer):
    """A network with the grid of one photo, for its tiles."""

    halo, stride = LocalTone.halo, LocalTone.stride

    def __init__(self, network: LocalTone, grid: torch.Tensor) -> None:
        super().__init__()
        self.network, self.coefficients = network, grid

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.network.render(image, self.coefficients, None)[0]

    def on_tile(self, tile: torch.Tensor, window: Window) -> torch.Tensor:
        return self.network.render(tile, self.coefficients, window)[0]


def _at(grid: torch.Tensor, image: torch.Tensor, window: Window | None) -> torch.Tensor:
    """A grid that spans a photo at the pixels of an image in a window of it, bilinear: (B, C, H, W)."""
    height, width = image.shape[-2:]
    top, left, whole_height, whole_width = (
        (0, 0, height, width) if window is None else (window.top, window.left, window.height, window.width)
    )
    rows = _hats(torch.arange(top, top + height, device=image.device), whole_height, grid.shape[-2])
    columns = _hats(torch.arange(left, left + width, device=image.device), whole_width, grid.shape[-1])
    return torch.matmul(rows.to(grid.dtype), torch.matmul(grid, columns.to(grid.dtype).T))


def _hats(places: torch.Tensor, pixels: int, cells: int) -> torch.Tensor:
    """Weights (N, cells) of a grid over `pixels` for the pixels at these places."""
    at = ((places + 0.5) * (cells / pixels) - 0.5).clamp(0, cells - 1)
    return (1 - (at[:, None] - torch.arange(cells, device=places.device)).abs()).clamp(min=0)


def _with_calm_colour(image: torch.Tensor, deviation: torch.Tensor) -> torch.Tensor:
    """The image with colour noise of a deviation (B, 1, H, W) shrunk, less in what is bright; its Y' is kept."""
    height, width = image.shape[-2:]
    grey = luma(image)
    padded = F.pad(image, (0, -width % CELL, 0, -height % CELL), mode="replicate")
    cells = F.avg_pool2d(padded, CELL)
    colour = F.interpolate(cells - luma(cells), scale_factor=float(CELL), mode="bilinear", align_corners=False)
    coarse = colour[..., :height, :width] + grey
    red, green, blue = (image - coarse).square().split(1, 1)
    energy = _around(_around((red + green + blue) / 3, -2), -1)
    kept = energy / (energy + (deviation * (1 - grey).square()).square() + 1e-8)
    return torch.lerp(coarse, image, kept).clamp(0, 1)


def _around(x: torch.Tensor, dim: int) -> torch.Tensor:
    """The mean of a pixel and its neighbours in a dimension, borders repeated; in both, several times as fast as `avg_pool2d`."""
    size = x.shape[dim]
    before = torch.cat([x.narrow(dim, 0, 1), x.narrow(dim, 0, size - 1)], dim)
    after = torch.cat([x.narrow(dim, 1, size - 1), x.narrow(dim, size - 1, 1)], dim)
    return (before + x + after) / 3


def _convolution(inputs: int, outputs: int, stride: int = 1, dilation: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride, dilation, dilation, padding_mode="replicate")


def build(width: int = 16) -> LocalTone:
    """The registered constructor."""
    return LocalTone(width=width)
