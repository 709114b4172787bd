"""LPIPS: learned perceptual distance over AlexNet features."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from models.quality.metric import Compute, MetricInfo, need

STAGES = ((0, 4, 2), (3, 1, 2), (6, 1, 1), (8, 1, 1), (10, 1, 1))
"""Place in torchvision's alexnet().features, stride, padding; a pooling follows the first two."""
SHIFT = (-0.030, -0.088, -0.188)
SCALE = (0.458, 0.448, 0.450)
INFO = MetricInfo(
    name="lpips",
    higher_is_better=False,
    value_range=(0.0, math.inf),
    needs_reference=True,
    variant="version 0.1, AlexNet, spatial mean; 0 for equal images, no upper bound",
    min_size=31,
    differentiable=True,
)


def alexnet_features(image: Tensor, backbone: Mapping[str, Tensor]) -> list[Tensor]:
    """The five ReLU outputs of AlexNet for an image (B, 3, H, W) already normalised."""
    features = []
    x = image
    for i, (place, stride, padding) in enumerate(STAGES):
        if 0 < i < 3:
            x = functional.max_pool2d(x, 3, 2)
        x = functional.relu(
            functional.conv2d(x, backbone[f"{place}.weight"], backbone[f"{place}.bias"], stride=stride, padding=padding)
        )
        features.append(x)
    return features


def lpips(image: Tensor, reference: Tensor, backbone: Mapping[str, Tensor], heads: Mapping[str, Tensor]) -> Tensor:
    """Perceptual distance (B,) of images (B, 3, H, W) in [0, 1]; 0 for equal images.

    backbone: AlexNet's convolutions under torchvision's keys; heads: lin0..lin4 of lpips 0.1.
    Source: Zhang et al., The Unreasonable Effectiveness of Deep Features as a Perceptual Metric, 2018, Eq. 1.
    """
    shift = torch.tensor(SHIFT, dtype=image.dtype, device=image.device).view(1, 3, 1, 1)
    scale = torch.tensor(SCALE, dtype=image.dtype, device=image.device).view(1, 3, 1, 1)
    total = image.new_zeros(image.shape[0])
    pairs = zip(
        alexnet_features((2 * image - 1 - shift) / scale, backbone),
        alexnet_features((2 * reference - 1 - shift) / scale, backbone),
        strict=True,
    )
    for i, (x, y) in enumerate(pairs):
        difference = (unit(x) - unit(y)).square()
        total = total + functional.conv2d(difference, heads[f"lin{i}.model.1.weight"]).mean(dim=(1, 2, 3))
    return total


def unit(features: Tensor) -> Tensor:
    """Features (B, C, H, W) scaled to length 1 over the channels; zeros stay zeros."""
    # 1e-20 under the root: its gradient at an all-zero feature would be NaN otherwise.
    return features / ((features.square().sum(dim=1, keepdim=True) + 1e-20).sqrt() + 1e-10)


def build(device: str | torch.device) -> Compute:
    """The compute function of `lpips`. Raises models.weights.WeightUnavailable."""
    from safetensors.torch import load_file

    from models import weights

    backbone = load_file(weights.resolve("alexnet"), device=str(device))
    heads = load_file(weights.resolve("lpips-alex"), device=str(device))
    return lambda image, reference: lpips(image.float(), need(reference).float(), backbone, heads)
