"""The one loader of image files.

What a file becomes: JPEG, PNG, TIFF, BMP or WebP, recognised by content and not by name; 8 or 16 bits a channel; EXIF
rotation applied; grey in three equal channels; alpha dropped (the colour under it is kept); palettes and CMYK turned
into RGB by Pillow's plain formula; of several pages the first. Colour profiles are not applied: values are taken as
sRGB, and `pictures.saving.save_like` writes the profile of the source back, so that a user's file keeps its look.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile

from pictures.errors import DAMAGED, ImageError, short

MAX_PIXELS = 200_000_000
FORMATS = ("JPEG", "PNG", "TIFF", "BMP", "DIB", "WEBP")

_ORIENTATION = 274
_TIFF_BITS, _TIFF_PHOTOMETRIC, _TIFF_PLANES = 258, 262, 284
_PLAIN_MODES = frozenset({"1", "L", "P", "PA", "LA", "La", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr"})
_pillow_settings = threading.RLock()


@dataclass(frozen=True)
class Photo:
    """A photo as it was read, with what its file says beyond colour.

    pixels: (H, W, 3) uint8 or uint16, RGB, sRGB, upright. alpha: (H, W) of the same type, or None. grey: the file has one
    channel of colour, and so shall what is made of it. page: which of `pages` was read, from 1. notes: what was done to it
    on reading, a short sentence each that is the same for every photo it happens to, so that a run can count them.
    """

    path: Path
    pixels: np.ndarray
    alpha: np.ndarray | None = None
    grey: bool = False
    page: int = 1
    pages: int = 1
    notes: tuple[str, ...] = ()


def read_photo(path: Path | str, page: int = 1, max_pixels: int = MAX_PIXELS) -> Photo:
    """Read a photo with all that is kept of it. page: of a file with several, from 1. Raises as `read_image`."""
    return Photo(Path(path), read_array(path, max_pixels))


def read_image(path: Path | str, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Read a photo: (H, W, 3) float32 in [0, 1], RGB, upright. Policy: see the module.

    Raises:
        ImageError: absent, unreadable, empty, not an image, truncated or damaged, of an unsupported kind, or of more
            than `max_pixels` pixels (found in the header, before decoding).
    """
    array = read_array(path, max_pixels)
    return array.astype(np.float32) / np.float32(np.iinfo(array.dtype).max)


def read_uint8(path: Path | str, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Read a photo: (H, W, 3) uint8, RGB, upright; 16 bits are rounded to 8. Raises as `read_image`."""
    array = read_array(path, max_pixels)
    if array.dtype == np.uint16:
        return ((array.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return array


def read_array(path: Path | str, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Read a photo in its own depth: (H, W, 3) uint8 or uint16, RGB, upright. Raises as `read_image`."""
    path = Path(path)
    data = _read_bytes(path)
    with opened(path, data, max_pixels) as image:
        try:
            deep = bits_per_channel(image, data) == 16
            orientation = orientation_of(image)
            image.load()  # a truncated file opens and fails only here
            if not deep:
                return _plain_rgb(path, image)
        except MemoryError as error:
            raise ImageError(path, f"too large for this machine's memory ({image.width} x {image.height})") from error
        except ImageError:
            raise
        except DAMAGED as error:
            raise ImageError(path, f"damaged or truncated ({short(error)}); export or copy it again") from error
        return _deep_rgb(path, data, image, orientation)


def read_pair(image: Path | str, reference: Path | str, max_pixels: int = MAX_PIXELS) -> tuple[np.ndarray, np.ndarray]:
    """Read a photo and its reference as `read_image` does; `ImageError` naming both when their sizes differ."""
    first, second = read_image(image, max_pixels), read_image(reference, max_pixels)
    if first.shape != second.shape:
        sizes = f"{first.shape[1]} x {first.shape[0]} and {second.shape[1]} x {second.shape[0]}"
        raise ImageError(image, f"differs in size from its reference {reference} ({sizes}); export both at one size")
    return first, second


@contextmanager
def opened(path: Path, data: bytes, max_pixels: int = MAX_PIXELS) -> Iterator[Image.Image]:
    """The file's header as a Pillow image, in one of `FORMATS` and of at most `max_pixels`; else `ImageError`.

    While it is open Pillow's two global settings are ours: its pixel limit is replaced by `max_pixels`, and truncated
    files are refused even when a library (pyiqa does) has told Pillow to accept them.
    """
    with _pillow_settings:
        limit, lenient = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
        Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = None, False
        try:
            try:
                image = Image.open(io.BytesIO(data), formats=FORMATS)
            except Image.UnidentifiedImageError:
                what = "JPEG, PNG, TIFF, BMP or WebP of 8 or 16 bits a channel"
                raise ImageError(path, f"damaged, or not a {what}; convert it or take it out") from None
            except DAMAGED as error:
                raise ImageError(path, f"damaged header ({short(error)}); export or copy it again") from error
            with image:
                if image.width * image.height > max_pixels:
                    size = f"{image.width} x {image.height} = {image.width * image.height / 1e6:.0f} million pixels"
                    raise ImageError(path, f"{size}, more than the {max_pixels / 1e6:g} million allowed; scale it down")
                yield image
        finally:
            Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = limit, lenient


def bits_per_channel(image: Image.Image, data: bytes) -> int:
    """Bits a channel in the file itself: Pillow reads 16-bit colour as 8 and says nothing."""
    if image.format == "PNG":
        return 16 if data[24] == 16 else 8  # the depth byte of IHDR (PNG specification, 11.2.1)
    if image.format == "TIFF":
        return max(image.tag_v2.get(_TIFF_BITS, (1,)))  # type: ignore[attr-defined]
    return 8


def orientation_of(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where there is none or the EXIF data is damaged."""
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except DAMAGED:
        return 1
    return value if value in range(1, 9) else 1


def _plain_rgb(path: Path, image: Image.Image) -> np.ndarray:
    """8-bit (and fewer) modes through Pillow. A TIFF is already upright when loaded, and its tag is gone."""
    if image.mode not in _PLAIN_MODES:
        raise ImageError(path, f"pixels of kind {image.mode!r} are not supported; save it with 8 or 16 bits a channel")
    orientation = orientation_of(image)
    if image.mode in {"PA", "LA", "La", "RGBa"}:
        image = image.convert("RGBA")
    array = np.asarray(image.convert("RGB"))
    return np.ascontiguousarray(_upright(array, orientation))


def _deep_rgb(path: Path, data: bytes, image: Image.Image, orientation: int) -> np.ndarray:
    """16-bit PNG and TIFF through OpenCV, which keeps all bits; of a TIFF it applies the orientation itself."""
    import cv2

    if image.format == "TIFF" and image.tag_v2.get(_TIFF_PHOTOMETRIC) not in {1, 2}:  # type: ignore[attr-defined]
        raise ImageError(path, "16-bit TIFF that is neither grey nor RGB; save it as RGB")
    if image.format == "TIFF" and image.tag_v2.get(_TIFF_PLANES, 1) != 1:  # type: ignore[attr-defined]
        # OpenCV mixes the planes up without a word.
        raise ImageError(path, "16-bit TIFF with separate colour planes; save it interleaved, or as a 16-bit PNG")
    array = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if array is None or array.dtype != np.uint16:
        raise ImageError(path, "this kind of 16-bit image cannot be decoded; save it as a 16-bit PNG")
    if array.ndim == 2 or array.shape[2] <= 2:
        grey = array if array.ndim == 2 else array[..., 0]
        array = np.repeat(grey[..., None], 3, axis=2)
    else:
        array = array[..., 2::-1]
    return np.ascontiguousarray(_upright(array, orientation) if image.format == "PNG" else array)


def _upright(array: np.ndarray, orientation: int) -> np.ndarray:
    """Undo the EXIF orientation (EXIF 2.32, table 6) of an (H, W, C) array."""
    if orientation >= 5:
        array = array.swapaxes(0, 1)
    if orientation in {3, 4, 7, 8}:
        array = array[::-1]
    if orientation in {2, 3, 6, 7}:
        array = array[:, ::-1]
    return array


def _read_bytes(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ImageError(path, "no such file") from None
    except IsADirectoryError:
        raise ImageError(path, "a folder, not an image file") from None
    except OSError as error:
        raise ImageError(path, f"cannot be read ({error.strerror or error}); check its permissions") from error
    if not data:
        raise ImageError(path, "the file is empty; copy it again or take it out")
    return data
