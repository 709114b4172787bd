"""How much happens in a picture: spatial frequency, average gradient, edge intensity. None looks at the sources."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from models.quality.fidelity import luma
from models.quality.metric import Compute

SOBEL = ((-1.0, 0.0, 1.0), (-2.0, 0.0, 2.0), (-1.0, 0.0, 1.0))


def spatial_frequency(image: Tensor) -> Tensor:
    """Root of the mean squared differences of neighbours along rows and columns, (B,) >= 0 in 8-bit grey levels.

    image: (B, 3, H, W) in [0, 1]. Source: Eskicioglu and Fisher, Image Quality Measures and Their Performance, 1995; means over
    the differences that there are, as in CDDFuse's kit (others divide by all pixels).
    """
    grey = luma(image).double()
    return (grey.diff(dim=3).square().mean((1, 2, 3)) + grey.diff(dim=2).square().mean((1, 2, 3))).sqrt()


def average_gradient(image: Tensor) -> Tensor:
    """Mean of sqrt((gx^2 + gy^2) / 2), (B,) >= 0 in 8-bit grey levels; gradients are central differences, one-sided at borders.

    image: (B, 3, H, W) in [0, 1]. Source: Cui et al., Detail preserved fusion of visible and infrared images, 2015, as in
    CDDFuse's kit.
    """
    grey = luma(image).double()
    down, right = torch.gradient(grey, dim=(2, 3))
    return ((down.square() + right.square()) / 2).sqrt().mean((1, 2, 3))


def edge_intensity(image: Tensor) -> Tensor:
    """Mean magnitude of the Sobel gradient, (B,) >= 0; borders repeated. image: (B, 3, H, W) in [0, 1].

    Source: Rajalingam and Priya, Hybrid Multimodality Medical Image Fusion Technique, 2018, as in MEFB's kit.
    """
    grey = functional.pad(luma(image).double(), (1, 1, 1, 1), mode="replicate")
    across = torch.tensor(SOBEL, dtype=grey.dtype, device=grey.device)
    right, down = functional.conv2d(grey, torch.stack([across, across.T])[:, None]).unbind(1)
    return (right.square() + down.square()).sqrt().mean((1, 2))


def build_sf(device: str | torch.device) -> Compute:
    """The compute function of `sf`."""
    return lambda image, reference: spatial_frequency(image)


def build_ag(device: str | torch.device) -> Compute:
    """The compute function of `ag`."""
    return lambda image, reference: average_gradient(image)


def build_ei(device: str | torch.device) -> Compute:
    """The compute function of `ei`."""
    return lambda image, reference: edge_intensity(image)
