"""Reducing a photo."""

from __future__ import annotations

import numpy as np


def reduce_to(photo: np.ndarray, scale: float) -> np.ndarray:
    """A photo (H, W, 3) float in [0, 1] at `scale` times its size, by area averaging; unchanged where scale >= 1.

    Averaging in sRGB values keeps the look that the photo has when a viewer scales it down.
    """
    if scale >= 1:
        return photo
    import cv2

    height, width = photo.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.clip(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), 0.0, 1.0).astype(np.float32)
