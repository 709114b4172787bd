"""From a file's bytes to its own pixels: pages, depth, transparency, orientation. Colours stay as the file has them."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFile

from pictures.checksum import fault_in_png
from pictures.errors import DAMAGED, ImageError, short
from pictures.formats import foreign_content, pillow_formats

MAX_PIXELS = 200_000_000

_ORIENTATION = 274
_TIFF_KIND, _TIFF_BITS, _TIFF_PHOTOMETRIC, _TIFF_PLANES, _TIFF_EXTRA = 254, 258, 262, 284, 338
_PREVIEW_OR_MASK = 1 | 4  # bits of NewSubfileType (TIFF 6.0, p. 36)
_MPO_ENTRIES, _MPO_THUMBNAIL = 0xB002, "Large Thumbnail"
_GREY_MODES = {"1": "L", "L": "L", "LA": "LA", "La": "LA"}
_COLOUR_MODES = {"RGB": "RGB", "RGBX": "RGB", "YCbCr": "RGB", "RGBA": "RGBA", "RGBa": "RGBA", "PA": "RGBA", "P": "RGB"}
_OWN_MODES = {"CMYK": "CMYK", "LAB": "Lab "}
GAIN_MAP = "its HDR gain map was left out"
FEWER_BITS = "10 or 12 bits a channel were read as 8"
_pillow_settings = threading.RLock()


@dataclass(frozen=True)
class Decoded:
    """pixels: (H, W) grey, (H, W, 3) RGB or Lab, or (H, W, 4) CMYK, uint8 or uint16, upright, as `space` says it.

    alpha: (H, W) of the same type, or None.
    """

    pixels: np.ndarray
    space: str
    alpha: np.ndarray | None
    page: int
    pages: int
    notes: tuple[str, ...]


@contextmanager
def opened(path: Path, data: bytes, max_pixels: int = MAX_PIXELS) -> Iterator[Image.Image]:
    """The file's header as a Pillow image of a known format and of at most `max_pixels`; else `ImageError`.

    While it is open Pillow's two global settings are ours: its pixel limit is replaced by `max_pixels`, and truncated
    files are refused even when a library (pyiqa does) has told Pillow to accept them.
    """
    with _pillow_settings:
        limit, lenient = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
        Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = None, False
        try:
            try:
                image = Image.open(io.BytesIO(data), formats=pillow_formats())
            except Image.UnidentifiedImageError:
                what = "JPEG, PNG, TIFF, BMP, WebP, AVIF or HEIC of 8 or 16 bits a channel"
                reason = foreign_content(data) or f"damaged, or not a {what}; convert it or take it out"
                raise ImageError(path, reason) from None
            except (*DAMAGED, RuntimeError) as error:
                raise ImageError(path, f"damaged header ({short(error)}); export or copy it again") from error
            with image:
                check_size(path, image, max_pixels)
                yield image
        finally:
            Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = limit, lenient


def check_size(path: Path, image: Image.Image, max_pixels: int) -> None:
    """Raises `ImageError` for more than `max_pixels`."""
    if image.width * image.height > max_pixels:
        size = f"{image.width} x {image.height} = {image.width * image.height / 1e6:.0f} million pixels"
        raise ImageError(path, f"{size}, more than the {max_pixels / 1e6:g} million allowed; scale it down")


def decode(path: Path, data: bytes, image: Image.Image, page: int, max_pixels: int) -> Decoded:
    """The pixels of one page, from 1. Raises `ImageError`."""
    try:
        if image.format == "PNG" and (fault := fault_in_png(data)):
            raise ImageError(path, f"damaged or truncated ({fault}); export or copy it again")
        frames, notes = _pages(image, data)
        if not 1 <= page <= len(frames):
            have = "1 page" if len(frames) == 1 else f"{len(frames)} pages"
            raise ImageError(path, f"has {have}, and no page {page}; choose another page")
        if frames[page - 1] != image.tell():
            image.seek(frames[page - 1])
            check_size(path, image, max_pixels)
        if len(frames) > 1:
            notes = (f"page {page} of several was read", *notes)
        deep = bits_per_channel(image, data) == 16
        orientation = orientation_of(image)
        image.load()  # a truncated file opens and fails only here
        if deep:
            pixels, space, alpha = _deep(path, data, image, frames[page - 1])
            turn = orientation if image.format == "PNG" else 1  # OpenCV has turned a TIFF
        else:
            turn = orientation_of(image)  # Pillow turns a TIFF when it loads it, and drops the tag
            pixels, space, alpha = _plain(path, image)
        if _coded_bits(image, data) > 8:
            notes = (*notes, FEWER_BITS)
    except MemoryError as error:
        raise ImageError(path, f"too large for this machine's memory ({image.width} x {image.height})") from error
    except ImageError:
        raise
    except (*DAMAGED, RuntimeError) as error:
        raise ImageError(path, f"damaged or truncated ({short(error)}); export or copy it again") from error
    pixels = np.ascontiguousarray(upright(pixels, turn))
    alpha = None if alpha is None else np.ascontiguousarray(upright(alpha, turn))
    return Decoded(pixels, space, alpha, page, len(frames), notes)


def bits_per_channel(image: Image.Image, data: bytes) -> int:
    """Bits a channel in the file itself: Pillow reads 16-bit colour as 8 and says nothing."""
    if image.format == "PNG":
        return 16 if data[24] == 16 else 8  # the depth byte of IHDR (PNG specification, 11.2.1)
    if image.format == "TIFF":
        return max(_tiff(image).get(_TIFF_BITS, (1,)))
    return 8


def orientation_of(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where there is none or the EXIF data is damaged."""
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except DAMAGED:
        return 1
    return value if value in range(1, 9) else 1


def upright(array: np.ndarray, orientation: int) -> np.ndarray:
    """Undo the EXIF orientation (EXIF 2.32, table 6) of an (H, W) or (H, W, C) array."""
    if orientation >= 5:
        array = array.swapaxes(0, 1)
    if orientation in {3, 4, 7, 8}:
        array = array[::-1]
    if orientation in {2, 3, 6, 7}:
        array = array[:, ::-1]
    return array


def _tiff(image: Image.Image) -> Any:
    return image.tag_v2  # type: ignore[attr-defined]


def _pages(image: Image.Image, data: bytes) -> tuple[list[int], tuple[str, ...]]:
    """Pillow's frames that are pages: no previews, masks or gain maps. The one that the file opens at is the first."""
    count = getattr(image, "n_frames", 1)
    first = image.tell()
    others = [frame for frame in range(count) if frame != first]
    notes: tuple[str, ...] = ()
    if image.format == "TIFF" and others:
        kept = []
        for frame in others:
            image.seek(frame)
            if not _tiff(image).get(_TIFF_KIND, 0) & _PREVIEW_OR_MASK:
                kept.append(frame)
        image.seek(first)
        others = kept
    elif image.format == "MPO":
        if b"hdrgm:" in data or b"HDRGainMap" in data:
            return [first], (GAIN_MAP,)
        entries = image.mpinfo.get(_MPO_ENTRIES, [])  # type: ignore[attr-defined]
        kinds = [str(entry["Attribute"]["MPType"]) for entry in entries]
        others = [frame for frame in others if frame >= len(kinds) or not kinds[frame].startswith(_MPO_THUMBNAIL)]
    return [first, *others], notes


def _coded_bits(image: Image.Image, data: bytes) -> int:
    """Bits a channel of AVIF (AV1 in ISOBMFF, 2.3.3) and HEIC; Pillow gives 8 of them."""
    if image.format == "AVIF":
        place = data.find(b"av1C")
        if 0 <= place < len(data) - 6 and data[place + 6] & 0x40:
            return 12 if data[place + 6] & 0x20 else 10
    return int(image.info.get("bit_depth", 8)) if image.format == "HEIF" else 8


def _plain(path: Path, image: Image.Image) -> tuple[np.ndarray, str, np.ndarray | None]:
    """8-bit (and fewer) modes through Pillow."""
    if image.mode in _OWN_MODES:
        return np.asarray(image), _OWN_MODES[image.mode], None
    mode = _GREY_MODES.get(image.mode) or _COLOUR_MODES.get(image.mode)
    if mode is None:
        raise ImageError(path, f"pixels of kind {image.mode!r} are not supported; save it with 8 or 16 bits a channel")
    space = "GRAY" if mode in {"L", "LA"} else "RGB "
    if "transparency" in image.info:
        mode = "RGBA"
    array = np.asarray(image if image.mode == mode else image.convert(mode))
    alpha = array[..., -1] if mode in {"LA", "RGBA"} else None
    if space == "GRAY":
        return (array if array.ndim == 2 else array[..., 0]), space, alpha
    return array[..., :3], space, alpha


def _deep(path: Path, data: bytes, image: Image.Image, frame: int) -> tuple[np.ndarray, str, np.ndarray | None]:
    """16-bit PNG and TIFF through OpenCV, which keeps all bits; of a TIFF it applies the orientation itself."""
    import cv2

    if image.format == "TIFF":
        tags = _tiff(image)
        if tags.get(_TIFF_PHOTOMETRIC) not in {1, 2}:
            raise ImageError(path, "16-bit TIFF that is neither grey nor RGB; save it as RGB")
        if tags.get(_TIFF_PLANES, 1) != 1:
            # OpenCV mixes the planes up without a word.
            raise ImageError(path, "16-bit TIFF with separate colour planes; save it interleaved, or as a 16-bit PNG")
        grey, associated = tags[_TIFF_PHOTOMETRIC] == 1, 1 in tags.get(_TIFF_EXTRA, ())
    else:
        if frame:
            raise ImageError(path, "only the first page of a 16-bit PNG is read; save the page as a file of its own")
        grey, associated = data[25] in {0, 4}, False
    buffer = np.frombuffer(data, np.uint8)
    if frame:
        found, pages = cv2.imdecodemulti(buffer, cv2.IMREAD_UNCHANGED, range=(frame, frame + 1))
        array = pages[0] if found else None
    else:
        array = cv2.imdecode(buffer, cv2.IMREAD_UNCHANGED)
    if array is None or array.dtype != np.uint16:
        raise ImageError(path, "this kind of 16-bit image cannot be decoded; save it as a 16-bit PNG")
    if array.ndim == 2:
        return array, "GRAY", None
    alpha = array[..., -1] if array.shape[2] in {2, 4} else None
    colours = array[..., 0] if grey else array[..., 2::-1]
    if associated and alpha is not None:
        whole = np.maximum(alpha, 1).astype(np.float64)
        scaled = colours * (65535.0 / (whole if grey else whole[..., None]))
        colours = np.rint(np.clip(scaled, 0, 65535)).astype(np.uint16)
    return colours, "GRAY" if grey else "RGB ", alpha
