"""The scores that simulated experts see: known where corruptions are injected, measured where a picture keeps its sources.

Four criteria, as EVAFusion's experts have them, 1 to 5. What a fused picture keeps of hot things and of texture is measured on
it; what spoils it and blurs it is what was injected, weighed by strength and size.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from models.artifacts.circles import heatmap
from models.artifacts.corruptions import Injected, blurred

CRITERIA = ("thermal", "texture", "artifacts", "sharpness")
SPOILS: dict[str, tuple[float, float]] = {
    "halo": (1.6, 0.2),
    "blur": (0.3, 1.8),
    "noise": (1.6, 0.3),
    "over_exposure": (1.5, 0.5),
    "lost_target": (0.6, 0.2),
    "ghost": (1.3, 1.0),
}
"""Points that a corruption of strength 1 and common size takes off freedom from artifacts, and off sharpness."""
KEPT = 0.85
"""Of the sources' contrast, from which on it counts as kept whole."""
_COMMON = 0.16


def luma(picture: np.ndarray) -> np.ndarray:
    """Y (H, W) of (H, W, 3) in [0, 1]."""
    return np.asarray(picture @ np.array([0.299, 0.587, 0.114], np.float32))


def thermal_kept(fused: np.ndarray, infrared: np.ndarray) -> float:
    """How much of the contrast of what is hotter than around it the fused picture has, in [0, 1]."""
    wide = max(infrared.shape[:2]) / 16
    heat, shown = (y - blurred(y, wide) for y in (luma(infrared), luma(fused)))
    hot = np.maximum(heat, 0)
    # No more counts than there was: what a halo adds elsewhere does not bring a lost target back.
    return _slope(hot * hot, hot * np.clip(shown, 0, hot))


def texture_kept(fused: np.ndarray, visible: np.ndarray) -> float:
    """How much of the visible picture's fine contrast the fused one has, with its sign, in [0, 1]."""
    detail, shown = (y - blurred(y, 2) for y in (luma(visible), luma(fused)))
    strength = np.abs(detail)
    # No more counts than there was: noise adds no texture.
    same = np.clip(np.sign(detail) * shown, 0, strength)
    return _slope(strength * strength, strength * same)


def _slope(whole: np.ndarray, part: np.ndarray) -> float:
    total = float(whole.sum())
    return float(np.clip(part.sum() / total, 0, 1)) if total > 1e-6 else 1.0


def true_scores(
    fused: np.ndarray, infrared: np.ndarray, visible: np.ndarray, injected: Iterable[Injected] = ()
) -> dict[str, float]:
    """The scores in [1, 5] of a fused picture (H, W, 3), float in [0, 1], by criterion; injected: what is known of it.

    Of overlapping corruptions each counts.
    """
    height, width = fused.shape[:2]
    artifacts = sharpness = 5.0
    for one in injected:
        size = (
            float(np.sqrt(heatmap([one.disk], height, width).mean() / np.pi))
            * np.sqrt(height * width)
            / min(height, width)
        )
        weight = one.strength * float(np.clip(size / _COMMON, 0.3, 1.5))
        spoils, blurs = SPOILS[one.name]
        artifacts -= spoils * weight
        sharpness -= blurs * weight
    thermal, texture = thermal_kept(fused, infrared), texture_kept(fused, visible)
    found = {
        "thermal": 1 + 4 * min(thermal / KEPT, 1),
        "texture": 1 + 4 * min(texture / KEPT, 1),
        "artifacts": artifacts,
        "sharpness": sharpness,
    }
    return {name: float(np.clip(value, 1, 5)) for name, value in found.items()}
