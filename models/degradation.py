"""Exposing a well-lit photo anew as a camera would: linear light, more or less of it, Poisson-Gaussian noise, back to sRGB."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image


def to_linear(srgb: np.ndarray) -> np.ndarray:
    """sRGB in [0, 1] to linear light in [0, 1] (IEC 61966-2-1)."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((np.maximum(srgb, 0.04045) + 0.055) / 1.055) ** 2.4)


def to_srgb(linear: np.ndarray) -> np.ndarray:
    """Linear light in [0, 1] to sRGB in [0, 1] (IEC 61966-2-1)."""
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * np.maximum(linear, 0.0031308) ** (1 / 2.4) - 0.055)


def add_noise(linear: np.ndarray, shot_gain: float, read_sigma: float, random: np.random.Generator) -> np.ndarray:
    """Add sensor noise of variance shot_gain * x + read_sigma^2 and clip to [0, 1].

    Poisson shot noise in its Gaussian approximation plus Gaussian read noise (Foi et al., Practical Poissonian-Gaussian
    noise modeling and fitting, TIP 2008). linear: in [0, 1]; both parameters in units of full scale.
    """
    if shot_gain < 0 or read_sigma < 0:
        raise ValueError(f"shot_gain and read_sigma must not be negative, not {shot_gain} and {read_sigma}")
    deviation = np.sqrt(shot_gain * linear + read_sigma**2)
    return np.clip(linear + deviation * random.standard_normal(linear.shape), 0.0, 1.0)


def expose(
    photo: np.ndarray, stops: float | np.ndarray, shot_gain: float, read_sigma: float, random: np.random.Generator
) -> np.ndarray:
    """A photo (H, W, 3), float in [0, 1], sRGB, exposed `stops` longer (each doubles the light) and noisy; float in [0, 1].

    Negative stops expose it shorter; of (H, W) stops each pixel has its own, of (H, W, 3) each channel of it. What exceeds full
    scale is clipped, as the sensor's wells are full.
    """
    more = np.asarray(stops, dtype=np.float64)
    linear = to_linear(np.asarray(photo, dtype=np.float64)) * 2.0 ** (more[..., None] if more.ndim == 2 else more)
    return to_srgb(add_noise(linear, shot_gain, read_sigma, random)).astype(np.float32)


def darken(
    photo: np.ndarray, stops: float | np.ndarray, shot_gain: float, read_sigma: float, random: np.random.Generator
) -> np.ndarray:
    """A photo (H, W, 3), float in [0, 1], sRGB, under-exposed by `stops` (each halves the light), (H, W) or one number,
    and noisy; float in [0, 1]."""
    return expose(photo, -stops, shot_gain, read_sigma, random)


def compressed(picture: np.ndarray, quality: int) -> np.ndarray:
    """A picture (H, W, 3) uint8 as it comes back from a JPEG of that quality, 1 to 100."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))
