"""The PNG writer: the same array gives the same bytes."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from pictures.atomic import atomic_path
from pictures.checksum import SIGNATURE


def encode_png(array: np.ndarray) -> bytes:
    """PNG bytes of an (H, W, 3) RGB array: uint8, uint16, or float in [0, 1] (clipped and rounded to 8 bits).

    Same array, same bytes. Raises `ValueError` on another shape or type, or on NaN.
    """
    return encode_channels(quantise(array, 8) if np.issubdtype(array.dtype, np.floating) else _checked(array))


def encode_channels(array: np.ndarray, chunks: Sequence[tuple[bytes, bytes]] = ()) -> bytes:
    """PNG bytes of uint8 or uint16 pixels: (H, W) grey, or (H, W, C) with C of 2 (grey, alpha), 3 (RGB) or 4 (RGB, alpha).

    chunks: kind and content of what goes between the header and the pixels (PNG specification, 11.3).
    """
    channels = 1 if array.ndim == 2 else array.shape[2]
    if array.dtype == np.uint8:
        buffer = io.BytesIO()
        Image.fromarray(array).save(buffer, "PNG", compress_level=6)
        png = buffer.getvalue()
    elif channels == 2:
        png = _deep_grey_alpha(array)
    else:
        import cv2

        swapped = array if channels == 1 else array[..., [2, 1, 0, 3][:channels]]
        written, encoded = cv2.imencode(".png", np.ascontiguousarray(swapped))
        if not written:
            raise ValueError(f"cannot encode an array of shape {array.shape} as a 16-bit PNG")
        png = encoded.tobytes()
    return png[:33] + b"".join(_chunk(kind, content) for kind, content in chunks) + png[33:]


def _deep_grey_alpha(array: np.ndarray) -> bytes:
    """A PNG of colour type 4 in 16 bits, which no encoder at hand writes; each row less the one above (filter 2)."""
    height, width = array.shape[:2]
    rows = array.astype(">u2").view(np.uint8).reshape(height, width * 4)
    filtered = np.full((height, 1 + width * 4), 2, np.uint8)
    filtered[:, 1:] = rows
    filtered[1:, 1:] -= rows[:-1]
    header = struct.pack(">IIBBBBB", width, height, 16, 4, 0, 0, 0)
    pixels = _chunk(b"IDAT", zlib.compress(filtered.tobytes()))
    return SIGNATURE + _chunk(b"IHDR", header) + pixels + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


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
