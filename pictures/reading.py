"""The one loader of image files; what it does with each kind is the table in docs/files.md.

A file is recognised by content and not by name. It comes out as sRGB, of 8 or 16 bits a channel, upright, in three channels;
what that does not hold (transparency, that the file is grey, its pages) is beside the pixels, and what was done is in notes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pictures import icc, raw
from pictures.colour import DAMAGED_PROFILE, TableProfile, to_srgb
from pictures.declared import HighRange, declared
from pictures.decoding import MAX_PIXELS, decode, opened
from pictures.errors import ImageError
from pictures.opening import read_picture

TRANSPARENT = "transparency was set aside: models see the colours without it"


@dataclass(frozen=True)
class Photo:
    """A photo as it was read, with what its file says beyond colour.

    pixels: (H, W, 3) uint8 or uint16, RGB, sRGB, upright. alpha: (H, W) of the same type, or None. grey: the file has one
    channel of colour, and so shall what is made of it. page: which of `pages` was read, from 1. notes: what was done to it
    on reading, a short sentence each that is the same for every photo it happens to, so that a run can count them.
    profile: the ICC profile that `pixels` have, and what is made of them gets (one that says sRGB); None where the file
    declared no colours, and so shall what is made of it.
    """

    path: Path
    pixels: np.ndarray
    alpha: np.ndarray | None = None
    grey: bool = False
    page: int = 1
    pages: int = 1
    notes: tuple[str, ...] = ()
    profile: bytes | None = None


def read_photo(path: Path | str, page: int = 1, max_pixels: int = MAX_PIXELS) -> Photo:
    """Read a photo with all that is kept of it. page: of a file with several, from 1.

    Raises:
        ImageError: absent, unreadable, empty, not an image, truncated or damaged, of an unsupported kind, without the page,
            or of more than `max_pixels` pixels (found in the header, before decoding).
    """
    path = Path(path)
    return photo_from(path, read_picture(path), page, max_pixels)


def photo_from(path: Path, data: bytes, page: int = 1, max_pixels: int = MAX_PIXELS) -> Photo:
    """As `read_photo`, from the bytes of the file, which `path` only names."""
    if raw.is_raw(data):
        if page != 1:
            raise ImageError(path, f"has 1 page, and no page {page}; choose another page")
        developed, grey = raw.develop(path, data, max_pixels)
        return Photo(path, developed, grey=grey, notes=(raw.NOTE,), profile=icc.SRGB)
    with opened(path, data, max_pixels) as image:
        found = decode(path, data, image, page, max_pixels)
        notes, profile, name = found.notes, None, ""
        try:
            profile, name = declared(image, data, found.space == "GRAY")
        except HighRange as error:
            raise ImageError(path, str(error)) from None
        except icc.DamagedProfile:
            notes = (*notes, DAMAGED_PROFILE)
    try:
        pixels, profile, done = to_srgb(found.pixels, found.space, profile, name)
    except TableProfile as error:
        raise ImageError(path, str(error)) from None
    grey = pixels.ndim == 2
    if found.alpha is not None:
        notes = (*notes, TRANSPARENT)
    pixels = np.repeat(pixels[..., None], 3, axis=2) if grey else pixels
    return Photo(path, pixels, found.alpha, grey, found.page, found.pages, (*notes, *done), profile)


def read_image(path: Path | str, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Read a photo: (H, W, 3) float32 in [0, 1], sRGB, upright. Raises as `read_photo`."""
    array = read_array(path, max_pixels)
    return array.astype(np.float32) / np.float32(np.iinfo(array.dtype).max)


def read_uint8(path: Path | str, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Read a photo: (H, W, 3) uint8, sRGB, upright; 16 bits are rounded to 8. Raises as `read_photo`."""
    return as_uint8(read_array(path, max_pixels))


def read_array(path: Path | str, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Read a photo in its own depth: (H, W, 3) uint8 or uint16, sRGB, upright. Raises as `read_photo`."""
    return read_photo(path, max_pixels=max_pixels).pixels


def as_uint8(array: np.ndarray) -> np.ndarray:
    """uint8 of a uint8 or uint16 array; 16 bits are rounded."""
    return ((array.astype(np.uint32) + 128) // 257).astype(np.uint8) if array.dtype == np.uint16 else array


def read_pair(image: Path | str, reference: Path | str, max_pixels: int = MAX_PIXELS) -> tuple[np.ndarray, np.ndarray]:
    """Read a photo and its reference as `read_image` does; `ImageError` naming both when their sizes differ."""
    first, second = read_image(image, max_pixels), read_image(reference, max_pixels)
    if first.shape != second.shape:
        sizes = f"{first.shape[1]} x {first.shape[0]} and {second.shape[1]} x {second.shape[0]}"
        raise ImageError(image, f"differs in size from its reference {reference} ({sizes}); export both at one size")
    return first, second
