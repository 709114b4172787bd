"""Light that falls unevenly on a well-lit photo: by how many stops each of its pixels is under-exposed.

Real photos in the dark are half lit, backlit, lit by a lamp, or fine as they are; one exposure for the whole frame is the
exception. Every kind of light gives stops (H, W), 0 where the photo stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.ndimage import gaussian_filter, zoom

Random = np.random.Generator


def _fine(photo: np.ndarray, stops: float, random: Random) -> np.ndarray:
    return np.zeros(photo.shape[:2])


def _even(photo: np.ndarray, stops: float, random: Random) -> np.ndarray:
    return np.full(photo.shape[:2], stops)


def _across(shape: tuple[int, int], random: Random) -> np.ndarray:
    """From -0.5 to 0.5, or somewhat more along the diagonal, in a direction that is drawn."""
    rows, columns = _places(shape)
    angle = random.uniform(0, 2 * np.pi)
    return np.asarray(np.cos(angle) * columns + np.sin(angle) * rows)


def _places(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    height, width = shape
    return np.meshgrid(np.arange(height) / height - 0.5, np.arange(width) / width - 0.5, indexing="ij")


def _gradient(photo: np.ndarray, stops: float, random: Random) -> np.ndarray:
    return stops * (0.5 + random.uniform(0.6, 1.2) * _across(photo.shape[:2], random))


def _lamp(photo: np.ndarray, stops: float, random: Random) -> np.ndarray:
    rows, columns = _places(photo.shape[:2])
    light = np.full(photo.shape[:2], 2.0**-stops)
    for _ in range(random.integers(1, 4)):
        top, left = random.uniform(-0.5, 0.5, 2)
        distance = (rows - top) ** 2 + (columns - left) ** 2
        light += random.uniform(0.3, 1.0) * np.exp(-distance / (2 * random.uniform(0.05, 0.35) ** 2))
    return -np.log2(light)


def _window(photo: np.ndarray, stops: float, random: Random) -> np.ndarray:
    across = _across(photo.shape[:2], random) - random.uniform(-0.2, 0.2)
    return stops / (1 + np.exp(-across / random.uniform(0.01, 0.08)))


def _backlight(photo: np.ndarray, stops: float, random: Random) -> np.ndarray:
    grey = gaussian_filter(photo.mean(2), random.uniform(2, 10))
    return stops / (1 + np.exp((grey - random.uniform(0.3, 0.6)) / random.uniform(0.04, 0.12)))


def _vignette(photo: np.ndarray, stops: float, random: Random) -> np.ndarray:
    rows, columns = _places(photo.shape[:2])
    return 2 * stops * (rows**2 + columns**2) + random.uniform(0, 1.5)


LIGHTS: dict[str, Callable[[np.ndarray, float, Random], np.ndarray]] = {
    "even": _even,
    "gradient": _gradient,
    "lamp": _lamp,
    "window": _window,
    "backlight": _backlight,
    "vignette": _vignette,
    "fine": _fine,
}


def lighting(photo: np.ndarray, name: str, stops: float, random: Random) -> np.ndarray:
    """Stops (H, W) of under-exposure, from 0 to somewhat over `stops`, of a photo (H, W, 3) in [0, 1] in the light of that name.

    What is neither even nor fine varies a little from place to place as well. Raises KeyError for an unknown name.
    """
    found = LIGHTS[name](photo, stops, random)
    if name not in ("even", "fine"):
        found = found + min(1.0, stops / 2) * _wobble(photo.shape[:2], random.uniform(0, 0.35), random)
    return np.clip(found, 0, None)


def _wobble(shape: tuple[int, int], deviation: float, random: Random) -> np.ndarray:
    coarse = deviation * random.standard_normal((4, 4))
    fine = zoom(coarse, (shape[0] / 4, shape[1] / 4), order=3, grid_mode=True, mode="nearest")
    return np.asarray(fine[: shape[0], : shape[1]])
