"""BRISQUE: how the statistics of a whole picture's normalised values compare with those of pictures that people scored."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from models import weights
from models.quality.fidelity import luma
from models.quality.metric import Compute, one_by_one
from models.quality.niqe import NEIGHBOURS, SHAPES, SIGMA, WINDOW, gaussian_fit, halved

# Lowest and highest value of each feature in the training's pictures, of the authors' release: vectors are scaled to these.
_LOW = (
    0.338, 0.017204, 0.236, -0.123884, 0.000155, 0.001122, 0.244, -0.123586, 0.000152, 0.000975, 0.249, -0.135687, 0.000174,
    0.000913, 0.258, -0.143408, 0.000179, 0.000888, 0.471, 0.012809, 0.218, -0.094876, 1.5e-5, 0.001272, 0.222, -0.115772,
    1.6e-5, 0.001374, 0.227, -0.117188, 3e-5, 0.001122, 0.228, -0.12243, 2.8e-5, 0.001118,
)  # fmt: skip
_HIGH = (
    10, 0.806612, 1.642, 0.20293, 0.712298, 0.470257, 1.641, 0.179083, 0.710456, 0.470984, 1.555, 0.100858, 0.684173, 0.534174,
    1.561, 0.100486, 0.685696, 0.536508, 3.264, 0.703171, 1.046, 0.187459, 0.442057, 0.40803, 1.042, 0.162604, 0.444362, 0.40243,
    0.996, 0.098323, 0.531903, 0.369589, 0.99, 0.098658, 0.530092, 0.370399,
)  # fmt: skip


@lru_cache(maxsize=4)
def _window(device: torch.device) -> Tensor:
    places = torch.arange(WINDOW, dtype=torch.float64) - WINDOW // 2
    taps = torch.exp(-places.square() / (2 * SIGMA**2))
    window = taps[:, None] * taps
    return (window / window.sum()).float().to(device)[None, None]


def _normalised(grey: Tensor) -> Tensor:
    """Mean-subtracted contrast-normalised values (Eq. 1 to 3) of (H, W), black beyond the edges.

    In float32 and by one convolution, because in flat places rounding decides on which side of 0 a value counts: so that values
    remain comparable with those of others.
    """
    picture, window = grey[None, None], _window(grey.device)
    mean = F.conv2d(picture, window, padding=WINDOW // 2)
    square = F.conv2d(picture * picture, window, padding=WINDOW // 2)
    deviation = ((square - mean * mean).abs() + torch.finfo(torch.float32).eps).sqrt()
    return ((picture - mean) / (deviation + 1))[0, 0]


def _moments(values: Tensor) -> Tensor:
    """Count, sum and energy of values below 0, and of those above: (6,)."""
    above = values.clamp(min=0)
    below = values - above
    parts = (values < 0, below, below * below, values > 0, above, above * above)
    return torch.stack([part.sum(dtype=torch.float64) for part in parts])


@lru_cache(maxsize=4)
def _shapes(device: torch.device) -> tuple[Tensor, Tensor]:
    """The shapes that the symmetric fit chooses from, and the ratio of moments of each."""
    first, last, step = SHAPES
    shapes = first + step * torch.arange(round((last - first) / step) + 1, dtype=torch.float64, device=device)
    return shapes, torch.exp(torch.lgamma(1 / shapes) + torch.lgamma(3 / shapes) - 2 * torch.lgamma(2 / shapes))


def features(grey: Tensor) -> Tensor:
    """The 18 features of (H, W) grey values in 8-bit units, float32: Table I of the paper, one scale."""
    values = _normalised(grey)
    own, *products = (_moments(field) for field in (values, *(values * values.roll(s, (0, 1)) for s in NEIGHBOURS)))
    count = values.numel()
    energy = (own[2] + own[5]) / count
    shapes, table = _shapes(grey.device)
    shape = shapes[(energy / ((own[4] - own[1]) / count).square() - table).abs().argmin()]
    moments = torch.stack(products)
    shapes_of, _, _ = gaussian_fit(moments, count)
    left, right = (moments[:, 2] / moments[:, 0]).sqrt(), (moments[:, 5] / moments[:, 3]).sqrt()
    spread = torch.lgamma(2 / shapes_of) - (torch.lgamma(1 / shapes_of) + torch.lgamma(3 / shapes_of)) / 2
    mean = (right - left) * torch.exp(spread)
    of_products = torch.stack([shapes_of, mean, left.square(), right.square()], 1).flatten()
    return torch.cat([torch.stack([shape, energy]), of_products])


def brisque(grey: Tensor, vectors: Tensor, coefficients: Tensor, gamma: float, rho: float) -> Tensor:
    """BRISQUE, a scalar, of (H, W) whole grey values in 8-bit units, sides of at least 16; NaN where nothing varies.

    vectors (V, 36), coefficients (V,), gamma, rho: the support vector regression of the LIVE release.
    Source: Mittal, Moorthy, Bovik, No-Reference Image Quality Assessment in the Spatial Domain, TIP 2012.
    """
    if bool((grey == grey[0, 0]).all()):
        return grey.new_full((), math.nan, dtype=torch.float64)
    found = torch.cat([features(grey), features(halved(grey).float())])
    low, high = (torch.tensor(side, dtype=torch.float64, device=grey.device) for side in (_LOW, _HIGH))
    scaled = 2 * (found - low) / (high - low) - 1
    return torch.exp(-gamma * (vectors - scaled).square().sum(1)) @ coefficients - rho


def build(device: str | torch.device) -> Compute:
    """The compute function of `brisque`. Raises models.weights.WeightUnavailable."""
    from safetensors.torch import load_file

    model = load_file(weights.resolve("brisque"), device=str(device))
    vectors, coefficients = model["sv"].double(), model["sv_coef"].double().flatten()
    gamma, rho = model["gamma"].item(), model["rho"].item()
    return one_by_one(lambda image: brisque(luma(image)[0, 0].float(), vectors, coefficients, gamma, rho))
