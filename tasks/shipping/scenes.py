"""Photographs of installed packages in light that real photos are taken in, drawn anew for each step."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
import torch

from models.degradation import add_noise, compressed, to_linear, to_srgb
from models.lighting import LIGHTS, lighting
from pictures import read_image, reduce_to
from tasks.datasets.photos import PHOTOS, locate

Pictures = tuple[torch.Tensor, ...]

HELD_OUT = ("coffee", "lighthouse", "snow")
"""Photographs that no shipped model has seen."""
SIDE = 900
"""Of a photograph; more is reduced."""
SHARES = {
    "fine": 0.40,
    "even": 0.12,
    "gradient": 0.096,
    "lamp": 0.104,
    "window": 0.088,
    "backlight": 0.136,
    "vignette": 0.056,
}
"""How often each light of `models.lighting` is drawn."""
STOPS = (0.5, 5.0)
SHOT = (-4.6, -3.0)
"""Powers of ten of the shot noise's gain; the read noise goes with its root."""


@lru_cache(maxsize=2)
def photographs(held_out: bool) -> list[np.ndarray]:
    """Those of the training, or the held-out ones: (H, W, 3) in [0, 1]."""
    chosen = [photo for photo in PHOTOS if (photo.name in HELD_OUT) == held_out]
    found = [read_image(locate(photo)) for photo in chosen]
    return [reduce_to(photo, min(1.0, SIDE / max(photo.shape[:2]))) for photo in found]


def well_lit(photo: np.ndarray, side: int, random: np.random.Generator) -> np.ndarray:
    """A square of a photograph at `side` pixels, mirrored or not, its white balance and exposure a little off."""
    height, width = photo.shape[:2]
    crop = round(random.uniform(min(side, height, width), min(height, width)))
    top, left = random.integers(0, height - crop + 1), random.integers(0, width - crop + 1)
    square: np.ndarray = photo[top : top + crop, left : left + crop].astype(np.float32)
    square = cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA if crop > side else cv2.INTER_CUBIC)
    if random.random() < 0.5:
        square = square[:, ::-1]
    balance = np.exp(random.normal(0, 0.06, 3))
    linear = to_linear(square.clip(0, 1)) * balance / balance.mean() * 2.0 ** random.uniform(-0.15, 0.15)
    return np.asarray(to_srgb(linear.clip(0, 1)), dtype=np.float32)


def taken(photo: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A well-lit photo as it is taken in one of the lights: noise that grows with the gain, 8 bits, mostly as a JPEG."""
    name = str(random.choice(list(SHARES), p=list(SHARES.values())))
    stops = lighting(photo, name, random.uniform(*STOPS), random)
    dark = to_linear(photo) * 2.0 ** -stops[..., None]
    shot = 10.0 ** random.uniform(*SHOT)
    if name != "fine":
        dark = add_noise(dark, shot, shot**0.5 * random.uniform(0.01, 0.06), random)
    seen = (to_srgb(dark).clip(0, 1) * 255 + 0.5).astype(np.uint8)
    if random.random() < 0.6:
        seen = compressed(seen, int(random.uniform(75, 98)))
    return seen.astype(np.float32) / 255


def bracket(photo: np.ndarray, random: np.random.Generator) -> list[np.ndarray]:
    """A shorter and a longer exposure of a photo in an uneven light, of which one alone seldom holds all; 8 bits, in [0, 1]."""
    lights = [name for name in LIGHTS if name not in ("even", "fine")]
    stops = lighting(photo, str(random.choice(lights)), random.uniform(0.5, 5), random)
    light = to_linear(photo) * 2.0 ** -stops[..., None]
    pair = []
    for exposure in (-random.uniform(0, 2.5), random.uniform(0.7, 4.5)):
        shot = 10.0 ** random.uniform(-5, -3.6)
        seen = add_noise(light * 2.0**exposure, shot, 0.02 * shot**0.5, random)
        pair.append(((to_srgb(seen) * 255 + 0.5).astype(np.uint8) / np.float32(255)).astype(np.float32))
    return pair


def taken_and_lit(photos: Sequence[np.ndarray], count: int, side: int, random: np.random.Generator) -> Pictures:
    """Photos as taken and well lit: two of (count, 3, side, side)."""
    lit = [well_lit(_any(photos, random), side, random) for _ in range(count)]
    return _stacked([[taken(photo, random) for photo in lit], lit])


def exposures(photos: Sequence[np.ndarray], count: int, side: int, random: np.random.Generator) -> Pictures:
    """Shorter and longer exposures, and the scenes well lit: three of (count, 3, side, side)."""
    lit = [well_lit(_any(photos, random), side, random) for _ in range(count)]
    return _stacked([*zip(*(bracket(photo, random) for photo in lit), strict=True), lit])


def _any(photos: Sequence[np.ndarray], random: np.random.Generator) -> np.ndarray:
    return photos[int(random.integers(len(photos)))]


def _stacked(parts: Sequence[Sequence[np.ndarray]]) -> Pictures:
    return tuple(torch.from_numpy(np.stack(part)).permute(0, 3, 1, 2).contiguous() for part in parts)
