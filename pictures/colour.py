"""Pixels of any declared colours as sRGB: 8 bits by LittleCMS, 16 bits in float, never through 8."""

from __future__ import annotations

import hashlib
import io
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from pictures import icc

_MODES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}
_STRIP = 1 << 20  # pixels at a time in float
_SAME = 0.5 / 255
DAMAGED_PROFILE = "its colour profile is damaged or does not fit its pixels, and was left out: read as sRGB"
PLAIN_CMYK = "converted from CMYK without a profile to sRGB by the plain formula"
FROM_LAB = "converted from CIE Lab to sRGB"


class TableProfile(ValueError):
    """16 bits under a profile of tables, for which LittleCMS has no way in Pillow but through 8 bits."""


def to_srgb(
    pixels: np.ndarray, space: str, profile: bytes | None, name: str = ""
) -> tuple[np.ndarray, bytes | None, tuple[str, ...]]:
    """Pixels as sRGB, the ICC profile that they then have (None where the file declared none), and what was done.

    pixels: (H, W) grey, (H, W, 3) RGB or Lab, (H, W, 4) CMYK, as Pillow stores them; uint8, or uint16 for grey and RGB.
    space: "GRAY", "RGB ", "Lab " or "CMYK". profile: what the file declares. name: of the profile, where it has none.
    Raises `TableProfile`. Grey stays one channel. A conversion is the profile's perceptual one, as LittleCMS does it.
    """
    if space == "Lab ":
        return _by_littlecms(pixels, "LAB", None), icc.SRGB, (FROM_LAB,)
    if profile is not None:
        try:
            if icc.space_of(profile) != space:
                raise icc.DamagedProfile(f"for {icc.space_of(profile)}")
            if is_srgb(profile):
                return pixels, profile, ()
            converted = _deep(pixels, profile) if pixels.dtype == np.uint16 else _plain(pixels, space, profile)
            note = f"converted from {name or description(profile)} to sRGB"
            return converted, icc.SRGB_GREY if converted.ndim == 2 else icc.SRGB, (note,)
        except (icc.DamagedProfile, ImageCms.PyCMSError, OSError):
            if space != "CMYK":
                return pixels, None, (DAMAGED_PROFILE,)
    if space == "CMYK":
        image = Image.frombytes("CMYK", pixels.shape[1::-1], np.ascontiguousarray(pixels).tobytes())
        notes = (PLAIN_CMYK,) if profile is None else (DAMAGED_PROFILE, PLAIN_CMYK)
        return np.asarray(image.convert("RGB")), None, notes
    return pixels, None, ()


@lru_cache(maxsize=64)
def is_srgb(profile: bytes) -> bool:
    """Whether a profile's colours are those of sRGB to half a level of 8 bits, whatever it is called.

    Raises `icc.DamagedProfile`.
    """
    space = icc.computable(profile)
    if space is None:
        return False
    steps = np.linspace(0, 1, 256)
    if space.to_d50 is None:
        return bool(np.abs(space.to_srgb(steps) - steps).max() < _SAME)
    grid = np.stack(np.meshgrid(*3 * [np.linspace(0, 1, 11)], indexing="ij"), -1).reshape(-1, 3)
    values = np.concatenate([grid, np.repeat(steps[:, None], 3, axis=1)])
    return bool(np.abs(space.to_srgb(values) - values).max() < _SAME)


@lru_cache(maxsize=64)
def description(profile: bytes) -> str:
    """What a profile calls itself, in one short line."""
    try:
        text = ImageCms.getProfileDescription(ImageCms.getOpenProfile(io.BytesIO(profile)))
    except (ImageCms.PyCMSError, OSError, ValueError):
        text = ""
    words = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return words[:60] or f"the profile {hashlib.sha256(profile).hexdigest()[:8]}"


def _plain(pixels: np.ndarray, space: str, profile: bytes) -> np.ndarray:
    converted = _by_littlecms(pixels, _MODES[space], profile)
    return converted[..., 1] if space == "GRAY" else converted


def _by_littlecms(pixels: np.ndarray, mode: str, profile: bytes | None) -> np.ndarray:
    image = Image.frombytes(mode, pixels.shape[1::-1], np.ascontiguousarray(pixels).tobytes())
    return np.asarray(_transform(profile, mode).apply(image))


@lru_cache(maxsize=32)
def _transform(profile: bytes | None, mode: str) -> Any:
    """LittleCMS's transform to sRGB by the perceptual intent; `profile` None is CIE Lab with white D50."""
    source: Any = ImageCms.createProfile("LAB") if profile is None else ImageCms.getOpenProfile(io.BytesIO(profile))
    return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB", ImageCms.Intent.PERCEPTUAL)


def _deep(pixels: np.ndarray, profile: bytes) -> np.ndarray:
    """uint16 through float64, a strip at a time."""
    space = icc.computable(profile)
    if space is None:
        raise TableProfile(
            f"16 bits with the profile {description(profile)}, which is made of tables; convert it to sRGB"
        )
    out = np.empty_like(pixels)
    rows = max(1, _STRIP // pixels.shape[1])
    for top in range(0, len(pixels), rows):
        out[top : top + rows] = np.rint(space.to_srgb(pixels[top : top + rows] / 65535.0) * 65535)
    return out
