"""A synthetic thermal channel for the sample photographs: only so that a machine without infrared pictures runs the graph.

Nothing here is physics. It shares with real infrared what fusion is about: other contrasts than the visible picture's, less
detail, warm things that the visible picture hides, and noise along columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MIX = ((0.9, -0.5, 0.1), (-0.4, 0.9, 0.1), (0.2, 0.3, -0.6))
"""Of red, green, blue; a photograph takes one of them: which things are warm differs from scene to scene."""


@dataclass(frozen=True)
class Target:
    """A warm ellipse: centre and half axes in parts of the side, angle in radians, warmth in parts of the range."""

    row: float
    column: float
    height: float
    width: float
    angle: float
    warmth: float


def targets(count: int, random: np.random.Generator) -> list[Target]:
    """Warm things somewhere within the picture."""
    return [
        Target(
            row=random.uniform(0.15, 0.85),
            column=random.uniform(0.1, 0.9),
            height=random.uniform(0.06, 0.14),
            width=random.uniform(0.025, 0.06),
            angle=random.normal(0, 0.25),
            warmth=random.uniform(0.55, 0.95),
        )
        for _ in range(count)
    ]


def cover(target: Target, height: int, width: int) -> np.ndarray:
    """How much of each pixel a target covers, (H, W) in [0, 1], with a soft edge."""
    rows, columns = np.mgrid[:height, :width]
    side = min(height, width)
    down, right = (rows - target.row * height) / side, (columns - target.column * width) / side
    cos, sin = np.cos(target.angle), np.sin(target.angle)
    along, across = down * cos + right * sin, right * cos - down * sin
    distance = np.sqrt((along / target.height) ** 2 + (across / target.width) ** 2)
    return np.clip((1.15 - distance) / 0.3, 0, 1).astype(np.float32)


def infrared(photo: np.ndarray, warm: list[Target], noise: float, random: np.random.Generator) -> np.ndarray:
    """A thermal channel (H, W) in [0, 1] for a photo (H, W, 3), float in [0, 1], with warm targets before it."""
    import cv2

    height, width = photo.shape[:2]
    heat = photo @ np.array(MIX[int(random.integers(len(MIX)))], np.float32)
    low, high = np.percentile(heat, (2, 98))
    heat = np.clip((heat - low) / max(float(high - low), 1e-3), 0, 1) * 0.55 + 0.05
    # A thermal lens and sensor resolve less.
    heat = cv2.GaussianBlur(heat.astype(np.float32), (0, 0), 1.6)
    for target in warm:
        share = cover(target, height, width)
        heat = heat * (1 - share) + target.warmth * share
    columns = random.normal(0, noise / 2, (1, width))
    heat = heat + columns + random.normal(0, noise, heat.shape)
    return np.clip(heat, 0, 1).astype(np.float32)


def hidden(photo: np.ndarray, warm: list[Target]) -> np.ndarray:
    """The photo with the targets in it as they hardly differ from what is around them."""
    import cv2

    blurred = cv2.GaussianBlur(photo, (0, 0), max(photo.shape[:2]) / 16)
    for target in warm:
        share = 0.6 * cover(target, *photo.shape[:2])[..., None]
        photo = photo * (1 - share) + 0.7 * blurred * share
    return np.asarray(np.clip(photo, 0, 1), np.float32)
