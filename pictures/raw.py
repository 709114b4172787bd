"""Camera raw files: recognised by content, developed to linear light without any automatic brightness.

What comes out: the sensor's light after black level, the camera's own white balance and colour matrix, in sRGB's primaries, of
16 bits, encoded with sRGB's curve. One stop more of exposure is twice the linear light in every photo of a bracket.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pictures import icc
from pictures.errors import ImageError, short
from pictures.formats import NEEDS_RAWPY

# How raw files begin that are no plain TIFF: Fujifilm, Olympus, Panasonic, Sigma, Minolta, Canon CR2 and CR3.
_STARTS = (b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FOVb", b"\0MRM")
_DNG_VERSION, _SUB_FOLDERS, _PHOTOMETRIC = 50706, 330, 262
_SENSOR = {32803, 34892}  # colour filter array, linear raw (DNG specification 1.7, chapter 4)
NOTE = "developed from camera raw with the camera's white balance and no automatic brightness"
_IDENTITY = (1.0, 1.0)


def is_raw(data: bytes) -> bool:
    """Whether bytes are those of a camera raw file, whatever it is called; its preview shall never be taken for it."""
    if data.startswith(_STARTS) or data[4:12] == b"ftypcrx " or (data[:4] == b"II*\0" and data[8:10] == b"CR"):
        return True
    if data[:4] not in {b"II*\0", b"MM\0*"}:
        return False
    return any(tag == _DNG_VERSION or (tag == _PHOTOMETRIC and value in _SENSOR) for tag, value in _first_tags(data))


def _first_tags(data: bytes) -> Iterator[tuple[int, int]]:
    """Tags and their first number in the first directory of a TIFF and the directories under it, at most 16 of these."""
    order = "<" if data[:2] == b"II" else ">"
    waiting, seen = [struct.unpack_from(order + "I", data, 4)[0]] if len(data) >= 8 else [], 0
    while waiting and seen < 16:
        place, seen = waiting.pop(0), seen + 1
        if place + 2 > len(data):
            continue
        count = struct.unpack_from(order + "H", data, place)[0]
        for entry in range(place + 2, min(place + 2 + 12 * count, len(data) - 11), 12):
            tag, kind, size = struct.unpack_from(order + "HHI", data, entry)
            value = struct.unpack_from(order + ("H" if kind == 3 else "I"), data, entry + 8)[0]
            yield tag, value
            if tag == _SUB_FOLDERS and size == 1:
                waiting.append(value)
            elif tag == _SUB_FOLDERS and size < 16 and value + 4 * size <= len(data):
                waiting += struct.unpack_from(f"{order}{size}I", data, value)


def develop(path: Path, data: bytes, max_pixels: int) -> tuple[np.ndarray, bool]:
    """(H, W, 3) uint16 sRGB, upright, and whether the sensor sees grey alone.

    Raises `ImageError`: without rawpy, damaged, of a camera that LibRaw does not know, of more than `max_pixels`.
    """
    try:
        import rawpy
    except ImportError:
        raise ImageError(path, NEEDS_RAWPY) from None
    try:
        with rawpy.imread(io.BytesIO(data)) as file:
            width, height = file.sizes.width, file.sizes.height
            if width * height > max_pixels:
                size = f"{width} x {height} = {width * height / 1e6:.0f} million pixels"
                raise ImageError(path, f"{size}, more than the {max_pixels / 1e6:g} million allowed")
            grey = file.num_colors == 1
            light = file.postprocess(
                gamma=_IDENTITY,
                no_auto_bright=True,
                use_camera_wb=True,
                output_bps=16,
                output_color=rawpy.ColorSpace.sRGB,
                adjust_maximum_thr=0.0,  # else the white point follows the brightest pixel, and brackets differ
            )
    except rawpy.LibRawError as error:
        reason = f"camera raw that cannot be developed ({short(error)}); develop it to a 16-bit TIFF, or copy it again"
        raise ImageError(path, reason) from error
    curve = np.rint(icc.encode(np.arange(65536) / 65535) * 65535).astype(np.uint16)
    colours = curve[light]
    return np.ascontiguousarray(np.repeat(colours[..., :1], 3, 2) if colours.shape[2] == 1 else colours), grey
