"""The PNG writer: the same array gives the same bytes."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from pictures.atomic import atomic_path


def encode_png(array: np.ndarray) -> bytes:
    """PNG bytes of an (H, W, 3) RGB array: uint8, uint16, or float in [0, 1] (clipped and rounded to 8 bits).

    Same array, same bytes. Raises `ValueError` on another shape or type, or on NaN.
    """
    array = quantise(array, 8) if np.issubdtype(array.dtype, np.floating) else _checked(array)
    if array.dtype == np.uint16:
        import cv2

        written, encoded = cv2.imencode(".png", array[..., ::-1])
        if not written:
            raise ValueError(f"cannot encode an array of shape {array.shape} as a 16-bit PNG")
        return encoded.tobytes()
    buffer = io.BytesIO()
    Image.fromarray(array, "RGB").save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()


def write_png(path: Path | str, array: np.ndarray) -> None:
    """Write an (H, W, 3) RGB array as PNG, whole or not at all; see `encode_png`."""
    data = encode_png(array)
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def quantise(array: np.ndarray, bits: int) -> np.ndarray:
    """(H, W, 3) float in [0, 1], clipped and rounded to `bits` 8 (uint8) or 16 (uint16). `ValueError` on NaN."""
    _checked(array)
    if np.isnan(array).any():
        raise ValueError("the image holds NaN; an enhancer diverged or an input was broken")
    top = (1 << bits) - 1
    return np.rint(np.clip(array, 0.0, 1.0) * top).astype(np.uint8 if bits == 8 else np.uint16)


def _checked(array: np.ndarray) -> np.ndarray:
    if array.ndim != 3 or array.shape[2] != 3 or 0 in array.shape:
        raise ValueError(f"expected an image of shape (H, W, 3), got {array.shape}")
    if array.dtype not in (np.uint8, np.uint16) and not np.issubdtype(array.dtype, np.floating):
        raise ValueError(f"expected uint8, uint16 or float pixels, got {array.dtype}")
    return array
