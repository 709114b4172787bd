"""Mean CIELAB difference of two images: CIE76 seen from a little distance, and CIEDE2000 pixel by pixel."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from models.core.gaussian import gaussian_taps, smooth_valid
from models.quality.metric import Compute, full_precision, need
from models.quality.strips import cuts, strip_rows

BLUR_SIGMA = 1.5
XYZ_FROM_RGB = (
    (0.412453, 0.357580, 0.180423),
    (0.212671, 0.715160, 0.072169),
    (0.019334, 0.119193, 0.950227),
)
"""Linear sRGB to XYZ, D65 (ITU-R BT.709; the digits of scikit-image)."""
WHITE_D65 = (0.95047, 1.0, 1.08883)


def linear_light(image: Tensor) -> Tensor:
    """sRGB in [0, 1] to linear light in [0, 1] (IEC 61966-2-1), any shape."""
    return torch.where(image > 0.04045, ((image.clamp(min=0.04045) + 0.055) / 1.055) ** 2.4, image / 12.92)


def lab_of_linear(linear: Tensor) -> Tensor:
    """Linear sRGB (B, 3, H, W) to CIELAB (B, 3, H, W): L in [0, 100], a and b within 128 of 0. Source: CIE 15:2004."""
    matrix = torch.tensor(XYZ_FROM_RGB, dtype=linear.dtype, device=linear.device)
    white = torch.tensor(WHITE_D65, dtype=linear.dtype, device=linear.device)
    ratio = torch.einsum("bchw,dc->bdhw", linear, matrix / white[:, None])
    # Clamped inside: the gradient of the root at 0 is infinite, and would reach the branch that is not taken as NaN.
    f = torch.where(ratio > 0.008856, ratio.clamp(min=0.008856) ** (1 / 3), 7.787 * ratio + 16 / 116)
    fx, fy, fz = f.unbind(dim=1)
    return torch.stack((116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)), dim=1)


def blur(image: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of (B, C, H, W), edge pixels repeated, window of 3 sigma each way; sigma 0 changes nothing."""
    if sigma <= 0:
        return image
    half = math.ceil(3 * sigma)
    padded = functional.pad(image, (half, half, half, half), mode="replicate")
    return smooth_valid(padded, gaussian_taps(sigma, half))


def delta_e(image: Tensor, reference: Tensor, sigma: float = BLUR_SIGMA) -> Tensor:
    """Mean CIE76 colour difference (B,) >= 0 of sRGB images (B, 3, H, W) in [0, 1]; about 2.3 is just noticeable.

    sigma: of the blur in pixels, in linear light, where the eye's optics average; noise then does not count as colour.
    """
    image, reference = full_precision(image), full_precision(reference)
    difference = lab_of_linear(blur(linear_light(image), sigma)) - lab_of_linear(blur(linear_light(reference), sigma))
    # 1e-12 keeps the gradient finite where the colours are equal; it adds at most 1e-6 to a value.
    return (difference.square().sum(dim=1) + 1e-12).sqrt().mean(dim=(1, 2))


def ciede2000(image: Tensor, reference: Tensor) -> Tensor:
    """Mean CIEDE2000 colour difference (B,) >= 0, float64, of sRGB images (B, 3, H, W) in [0, 1], by scikit-image (D65).

    Source: Sharma, Wu, Dalal, The CIEDE2000 color-difference formula, 2005.
    """
    from skimage.color import deltaE_ciede2000, rgb2lab

    height, width = image.shape[2:]
    totals = []
    for pair in zip(image, reference, strict=True):
        pixels = [one.detach().permute(1, 2, 0).double().clamp(0, 1).cpu().numpy() for one in pair]
        strips = cuts(height, strip_rows(width, torch.device("cpu")))
        parts = [
            deltaE_ciede2000(*(rgb2lab(one[start:stop]) for one in pixels)).sum(dtype="float64")
            for start, stop in strips
        ]
        totals.append(float(sum(parts)) / (height * width))
    return torch.tensor(totals, dtype=torch.float64, device=image.device)


def build_ciede2000(device: str | torch.device) -> Compute:
    """The compute function of `ciede2000`. Raises ImportError where scikit-image is absent."""
    import skimage.color  # noqa: F401  so that its absence is told before anything is measured

    return lambda image, reference: ciede2000(image, need(reference))


def build(device: str | torch.device) -> Compute:
    """The compute function of `delta_e`."""
    return lambda image, reference: delta_e(image, need(reference))
