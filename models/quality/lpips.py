"""LPIPS: learned perceptual distance over AlexNet features."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from models.quality.metric import Compute, need
from models.quality.strips import cuts

STAGES = ((0, 4, 2), (3, 1, 2), (6, 1, 1), (8, 1, 1), (10, 1, 1))
"""Place in torchvision's alexnet().features, stride, padding; a pooling follows the first two."""
FIRST_WINDOW, FIRST_STRIDE = 11, STAGES[0][1]
FIRST_REACH = FIRST_WINDOW - 2 * STAGES[0][2]
POOL, POOL_STRIDE = 3, 2
STRIP_FEATURES = 2**22
"""Numbers in a strip's feature map: 16 MB."""
SHIFT = (-0.030, -0.088, -0.188)
SCALE = (0.458, 0.448, 0.450)


def lpips(image: Tensor, reference: Tensor, backbone: Mapping[str, Tensor], heads: Mapping[str, Tensor]) -> Tensor:
    """Perceptual distance (B,) of images (B, 3, H, W) in [0, 1]; 0 for equal images.

    backbone: AlexNet's convolutions under torchvision's keys; heads: lin0..lin4 of lpips 0.1.
    Source: Zhang et al., The Unreasonable Effectiveness of Deep Features as a Perceptual Metric, 2018, Eq. 1.
    The first stage, where the picture still has many pixels, is computed strip by strip.
    """
    pair = (image, reference)
    height, width = ((side - FIRST_REACH) // FIRST_STRIDE + 1 for side in image.shape[2:])
    shrunk_height = (height - POOL) // POOL_STRIDE + 1
    rows = max(1, STRIP_FEATURES // (backbone["0.weight"].shape[0] * width * POOL_STRIDE))
    total = image.new_zeros(image.shape[0])
    shrunk: list[list[Tensor]] = [[], []]
    for start, stop in cuts(shrunk_height, rows):
        # What the pooling reads; the last strip also takes the rows that no pooling window reaches.
        first = POOL_STRIDE * start
        last = height if stop == shrunk_height else POOL_STRIDE * (stop - 1) + POOL
        features = [_first_stage(one, first, last, backbone) for one in pair]
        for one, kept in zip(features, shrunk, strict=True):
            kept.append(functional.max_pool2d(one, POOL, POOL_STRIDE)[:, :, : stop - start])
        own = last - first if stop == shrunk_height else POOL_STRIDE * (stop - start)
        x, y = (one[:, :, :own] for one in features)
        total = total + _distance(x, y, heads["lin0.model.1.weight"]) / (height * width)
    x, y = (torch.cat(kept, 2) for kept in shrunk)
    for i in range(1, len(STAGES)):
        if i == 2:
            x, y = functional.max_pool2d(x, POOL, POOL_STRIDE), functional.max_pool2d(y, POOL, POOL_STRIDE)
        x, y = _convolved(x, i, backbone), _convolved(y, i, backbone)
        head = heads[f"lin{i}.model.1.weight"]
        strips = cuts(x.shape[2], max(1, STRIP_FEATURES // (x.shape[1] * x.shape[3])))
        parts = [_distance(x[:, :, start:stop], y[:, :, start:stop], head) for start, stop in strips]
        total = total + torch.stack(parts).sum(0) / (x.shape[2] * x.shape[3])
    return total


def _first_stage(image: Tensor, start: int, stop: int, backbone: Mapping[str, Tensor]) -> Tensor:
    """Rows start ... stop - 1 of AlexNet's first features of an image (B, 3, H, W) in [0, 1]."""
    _, stride, padding = STAGES[0]
    top, bottom = stride * start - padding, stride * (stop - 1) - padding + FIRST_WINDOW
    strip = image[:, :, max(top, 0) : bottom]
    shift = torch.tensor(SHIFT, dtype=image.dtype, device=image.device).view(1, 3, 1, 1)
    scale = torch.tensor(SCALE, dtype=image.dtype, device=image.device).view(1, 3, 1, 1)
    beyond = max(bottom - image.shape[2], 0)
    strip = functional.pad((2 * strip - 1 - shift) / scale, (padding, padding, max(-top, 0), beyond))
    return functional.relu(functional.conv2d(strip, backbone["0.weight"], backbone["0.bias"], stride=stride))


def _convolved(features: Tensor, stage: int, backbone: Mapping[str, Tensor]) -> Tensor:
    place, stride, padding = STAGES[stage]
    weight, bias = backbone[f"{place}.weight"], backbone[f"{place}.bias"]
    return functional.relu(functional.conv2d(features, weight, bias, stride=stride, padding=padding))


def _distance(x: Tensor, y: Tensor, head: Tensor) -> Tensor:
    """Weighted squared difference of two feature maps (B, C, H, W), each pixel of unit length, summed: (B,)."""
    return functional.conv2d((unit(x) - unit(y)).square(), head).sum(dim=(1, 2, 3))


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
