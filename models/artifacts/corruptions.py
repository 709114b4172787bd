"""Corruptions of fused pictures, injected so that the truth about them is known: where, which, how strong.

Each is what fusion does wrong somewhere in its literature: halos around hot things, blur, noise, over-exposure, a hot thing that
is lost, a ghost of misregistration. All act within a disk whose edge is soft, on pictures (H, W, 3), float in [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from models.artifacts.circles import Disk, heatmap

STRENGTHS = (0.35, 1.0)
"""Of an injected corruption; weaker ones nobody would mark."""
RADII = (0.09, 0.22)
"""Of the shorter side."""


@dataclass(frozen=True)
class Injected:
    """One corruption: its name in `CORRUPTIONS`, where it is, and its strength in (0, 1]."""

    name: str
    disk: Disk
    strength: float


@dataclass(frozen=True)
class Given:
    """What a corruption is made from: the fused picture, its sources, the strength, and random numbers of its own."""

    fused: np.ndarray
    infrared: np.ndarray
    visible: np.ndarray
    strength: float
    random: np.random.Generator


def blurred(picture: np.ndarray, sigma: float) -> np.ndarray:
    """Smoothed by a Gaussian; a wide one on a smaller picture, as what it leaves has no detail."""
    import cv2

    factor = int(sigma // 3)
    if factor < 2:
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma))
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (-(-width // factor), -(-height // factor)), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / factor)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))


def halo(given: Given) -> np.ndarray:
    """Bright and dark bands along edges."""
    wide = blurred(given.fused, 7)
    return given.fused + (0.6 + 1.9 * given.strength) * (given.fused - wide)


def blur(given: Given) -> np.ndarray:
    """Out of focus."""
    return blurred(given.fused, 0.8 + 3.2 * given.strength)


def noise(given: Given) -> np.ndarray:
    """A patch of grain."""
    return given.fused + given.random.normal(0, 0.03 + 0.13 * given.strength, given.fused.shape[:2])[..., None]


def over_exposure(given: Given) -> np.ndarray:
    """Burnt out."""
    return given.fused + 0.15 + 0.75 * given.strength


def lost_target(given: Given) -> np.ndarray:
    """What is hot in the infrared is replaced by what the visible picture shows there."""
    share = 0.3 + 0.7 * given.strength
    return (1 - share) * given.fused + share * blurred(given.visible, 1.2)


def ghost(given: Given) -> np.ndarray:
    """The picture once more, some pixels aside."""
    angle = given.random.uniform(0, 2 * np.pi)
    reach = 4 + 7 * given.strength
    rows, columns = round(reach * np.sin(angle)), round(reach * np.cos(angle))
    moved = np.roll(given.fused, (rows, columns), (0, 1))
    return given.fused + (0.25 + 0.3 * given.strength) * (moved - given.fused)


CORRUPTIONS: dict[str, Callable[[Given], np.ndarray]] = {
    "halo": halo,
    "blur": blur,
    "noise": noise,
    "over_exposure": over_exposure,
    "lost_target": lost_target,
    "ghost": ghost,
}


def inject(
    fused: np.ndarray,
    infrared: np.ndarray,
    visible: np.ndarray,
    random: np.random.Generator,
    names: Sequence[str] = tuple(CORRUPTIONS),
    most: int = 3,
) -> tuple[np.ndarray, list[Injected]]:
    """Corrupt a fused picture in up to `most` places: the picture, and what was done to it, which may be nothing.

    fused, infrared, visible: (H, W, 3), float in [0, 1], of one size; so is the result. Raises ValueError: other shapes,
    an unknown name.
    """
    if not fused.shape == infrared.shape == visible.shape:
        raise ValueError(
            f"fused, infrared and visible have one shape, not {fused.shape}, {infrared.shape}, {visible.shape}"
        )
    unknown = sorted(set(names) - set(CORRUPTIONS))
    if unknown:
        raise ValueError(f"no corruption is called {unknown[0]!r}; known are {', '.join(CORRUPTIONS)}")
    height, width = fused.shape[:2]
    found: list[Injected] = []
    for _ in range(int(random.integers(0, most + 1))):
        name = str(random.choice(list(names)))
        radius = float(random.uniform(*RADII)) * min(height, width)
        x, y = _place(name, fused, infrared, radius, random)
        strength = float(random.uniform(*STRENGTHS))
        disk = Disk(x, y, radius)
        share = heatmap([disk], height, width)[..., None]
        changed = CORRUPTIONS[name](Given(fused, infrared, visible, strength, random))
        fused = np.clip(fused + share * (changed - fused), 0, 1).astype(np.float32)
        found.append(Injected(name, disk, strength))
    return fused, found


def _place(
    name: str, fused: np.ndarray, infrared: np.ndarray, radius: float, random: np.random.Generator
) -> tuple[float, float]:
    """Where a corruption shows: a hot place is lost, edges have halos and ghosts, detail is blurred; noise is anywhere."""
    height, width = fused.shape[:2]
    places = [
        (float(random.uniform(0.05, 0.95) * width), float(random.uniform(0.05, 0.95) * height)) for _ in range(12)
    ]
    if name in ("noise", "over_exposure"):
        return places[0]
    if name == "lost_target":
        heat = infrared.mean(2)
        wanted = blurred(heat - blurred(heat, max(height, width) / 8), radius / 2)
    else:
        grey = fused.mean(2)
        wanted = blurred(np.abs(grey - blurred(grey, 3)), radius / 2)
    return max(places, key=lambda place: wanted[min(int(place[1]), height - 1), min(int(place[0]), width - 1)])
