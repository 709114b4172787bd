"""DISTS: structure and texture of two images, by means and covariances of VGG16 features."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from models.quality.metric import Compute, need
from models.quality.strips import cuts

STAGES = ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28))
"""Places of the convolutions in torchvision's vgg16().features; a pooling lies between stages."""
SWEEPS = (STAGES[:3], STAGES[3:])
"""Stages that are computed strip by strip together, so that the large maps of the first are never held whole."""
SHIFT, SCALE = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
C1 = C2 = 1e-6
STRIP_FEATURES = 2**25
"""Numbers in the largest feature map of a strip: 128 MB."""
SUM_FEATURES = 2**20
"""Numbers that are summed up in float64 at once."""

Backbone = Mapping[str, Tensor]


def pooled(features: Tensor) -> Tensor:
    """Root of the mean of squares of 3 x 3 features, weighted 1 2 1 each way, at every second: (B, C, ceil(H/2), ceil(W/2))."""
    taps = torch.tensor([0.25, 0.5, 0.25], dtype=features.dtype, device=features.device)
    window = (taps[:, None] * taps).expand(features.shape[1], 1, 3, 3)
    return (functional.conv2d(features**2, window, stride=2, padding=1, groups=features.shape[1]) + 1e-12).sqrt()


def stage(features: Tensor, places: Sequence[int], backbone: Backbone) -> Tensor:
    """The features of a stage, after its last ReLU, of what its pooling gives (B, C, H, W)."""
    for place in places:
        features = functional.conv2d(features, backbone[f"{place}.weight"], backbone[f"{place}.bias"], padding=1).relu()
    return features


def dists(image: Tensor, reference: Tensor, backbone: Backbone, weights: Mapping[str, Tensor]) -> Tensor:
    """Distance (B,) >= 0, float64, of images (B, 3, H, W) in [0, 1]; 0 for equal images, at most 1.13.

    backbone: VGG16's convolutions under torchvision's keys; weights: alpha and beta (1475,), of the means and the covariances.
    Source: Ding, Ma, Wang, Simoncelli, Image Quality Assessment: Unifying Structure and Texture Similarity, 2020, Eq. 4 to 6.
    Neither image is resized. Maps are computed strip by strip, which changes no more than the order of sums.
    """
    shift = torch.tensor(SHIFT, dtype=image.dtype, device=image.device).view(1, 3, 1, 1)
    scale = torch.tensor(SCALE, dtype=image.dtype, device=image.device).view(1, 3, 1, 1)
    moments = [_sums(image, reference) / (image.shape[2] * image.shape[3])]
    pair = ((image - shift) / scale, (reference - shift) / scale)
    for sweep in SWEEPS:
        found, pair = _swept(pair, sweep, backbone)
        moments += found
    mean_x, mean_y, square_x, square_y, product = torch.cat(moments, 2)
    texture = (2 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1)
    both = product - mean_x * mean_y
    structure = (2 * both + C2) / (square_x - mean_x**2 + (square_y - mean_y**2) + C2)
    alpha, beta = weights["alpha"].double(), weights["beta"].double()
    distance = (alpha * (1 - texture)).sum(1) + (beta * (1 - structure)).sum(1)
    return (distance / (alpha.sum() + beta.sum())).clamp(min=0)


def _swept(
    pair: tuple[Tensor, Tensor], stages: Sequence[Sequence[int]], backbone: Backbone
) -> tuple[list[Tensor], tuple[Tensor, Tensor]]:
    """Moments (5, B, C) of every stage's features, and what the pooling after the last gives, of what comes in."""
    batch, _, height, width = pair[0].shape
    totals: list[Tensor | int] = [0] * len(stages)
    kept: tuple[list[Tensor], list[Tensor]] = ([], [])
    channels = max(
        backbone[f"{places[0]}.weight"].shape[0] / 4**number * batch * width for number, places in enumerate(stages)
    )
    for start, stop, top, bottom in _strips(height, stages, int(STRIP_FEATURES / channels)):
        maps = [one[:, :, top:bottom] for one in pair]
        for number, places in enumerate(stages):
            maps = [stage(one, places, backbone) for one in maps]
            own = slice((start - top) >> number, -(-stop // 2**number) - (top >> number))
            totals[number] = totals[number] + _sums(*(one[:, :, own] for one in maps))
            maps = [pooled(one) for one in maps]
        own = slice((start - top) >> len(stages), -(-stop // 2 ** len(stages)) - (top >> len(stages)))
        for one, rows in zip(maps, kept, strict=True):
            rows.append(one[:, :, own])
    moments = [total / (-(-height // 2**number) * -(-width // 2**number)) for number, total in enumerate(totals)]
    return moments, (torch.cat(kept[0], 2), torch.cat(kept[1], 2))


def _strips(height: int, stages: Sequence[Sequence[int]], rows: int) -> Iterator[tuple[int, int, int, int]]:
    """First and last row (exclusive) of each strip, and of what its features look at; all but the ends lie on the poolings' grid.

    rows: how many a strip may look at; it has no fewer of its own than it looks at beyond.
    """
    grid = 2 ** len(stages)
    reach = sum(2**number * (len(places) + 1) for number, places in enumerate(stages))
    beyond = math.ceil(reach / grid) * grid
    for start, stop in cuts(height, max(2 * beyond, (rows - 2 * beyond) // grid * grid)):
        yield start, stop, max(0, start - beyond), min(height, stop + beyond)


def _sums(x: Tensor, y: Tensor) -> Tensor:
    """Sums of x, y, x^2, y^2 and xy over the pixels of (B, C, H, W): (5, B, C) float64."""
    total = x.new_zeros(5, *x.shape[:2], dtype=torch.float64)
    for start, stop in cuts(x.shape[2], max(1, SUM_FEATURES // (x.shape[0] * x.shape[1] * x.shape[3]))):
        a, b = x[:, :, start:stop].double(), y[:, :, start:stop].double()
        total = total + torch.stack([part.sum((2, 3)) for part in (a, b, a * a, b * b, a * b)])
    return total


def build(device: str | torch.device) -> Compute:
    """The compute function of `dists`. Raises models.weights.WeightUnavailable."""
    from safetensors.torch import load_file

    from models import weights

    backbone = load_file(weights.resolve("vgg16"), device=str(device))
    channels = load_file(weights.resolve("dists"), device=str(device))
    return lambda image, reference: dists(image.float(), need(reference).float(), backbone, channels)
