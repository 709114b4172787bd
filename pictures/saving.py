"""Writing a user's enhanced photo: same name, same kind of file, same depth, its EXIF and colour profile kept."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from pictures.atomic import atomic_path
from pictures.errors import DAMAGED, ImageError
from pictures.formats import SUFFIXES
from pictures.png import encode_png
from pictures.reading import Photo, opened

_PNG = {".png"}
_TIFF = {".tif", ".tiff"}
_JPEG = {"format": "JPEG", "quality": 95, "subsampling": 0}
_OPTIONS: dict[str, dict[str, Any]] = {
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif"), _JPEG),
    ".png": {"format": "PNG"},
    ".webp": {"format": "WEBP", "quality": 95},
}
# Tags that describe a photo. Others say how the source's pixels lie in its file (a TIFF's strips, tiles, predictor),
# or hold an old preview: they would be wrong in the new file.
_DESCRIBING = frozenset(
    {
        *(ExifTags.Base.ImageDescription, ExifTags.Base.Make, ExifTags.Base.Model, ExifTags.Base.Software),
        *(ExifTags.Base.XResolution, ExifTags.Base.YResolution, ExifTags.Base.ResolutionUnit, ExifTags.Base.DateTime),
        *(ExifTags.Base.Artist, ExifTags.Base.HostComputer, ExifTags.Base.Copyright, ExifTags.Base.Rating),
        *(ExifTags.Base.RatingPercent, ExifTags.Base.XPTitle, ExifTags.Base.XPComment, ExifTags.Base.XPAuthor),
        *(ExifTags.Base.XPKeywords, ExifTags.Base.XPSubject),
    }
)
_FOLDERS = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)
_STRIP_BYTES = 1 << 20


def refuse_suffix(path: Path, deep: bool) -> None:
    """Raises `ImageError` for a suffix that cannot be written, or that has no place for 16 bits (`deep`)."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ImageError(path, f"photos are not written as {suffix or 'files without suffix'}; use .jpg, .png or .tif")
    if deep and suffix not in _PNG | _TIFF:
        raise ImageError(path, f"16-bit pixels do not fit into {suffix}; rename the photo to .png or .tif")


def save_like(path: Path, array: np.ndarray, source: Photo | Path) -> tuple[str, ...]:
    """Write (H, W, 3) uint8 or uint16 RGB pixels to `path`, whole or not at all, with the metadata of `source`.

    The format follows the suffix of `path`. Pixels are upright already, so the orientation tag becomes 1. What EXIF says
    of the photo (camera, exposure, time, place, author) and an RGB colour profile are kept, except in BMP, which has no
    place for them; damaged EXIF is left out. JPEG at quality 95 without chroma subsampling. 16 bits stay 16 bits in PNG
    and TIFF. Returns what had to be left out, a short sentence each.

    Raises `ImageError` for a suffix that cannot be written, or 16 bits in a format that has only 8.
    """
    suffix = path.suffix.lower()
    deep = array.dtype == np.uint16
    refuse_suffix(path, deep)
    exif, profile = _metadata(source if isinstance(source, Path) else source.path, array.shape[1], array.shape[0])
    if suffix in _TIFF:
        data = _tiff(array, exif, profile)
    elif deep:
        data = _with_metadata(encode_png(array), exif, profile)
    else:
        data = _plain(path, array, _OPTIONS.get(suffix), exif, profile)
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)
    return ()


def _plain(
    path: Path, array: np.ndarray, options: dict[str, Any] | None, exif: Image.Exif, profile: bytes | None
) -> bytes:
    """8-bit JPEG, PNG, WebP, or BMP where there are no options."""
    settings: dict[str, Any] = {"format": "BMP"} if options is None else options | {"exif": exif.tobytes()}
    if options is not None and profile:
        settings["icc_profile"] = profile
    buffer = io.BytesIO()
    try:
        Image.fromarray(array, "RGB").save(buffer, **settings)
    except (ValueError, OSError) as error:  # larger than the format allows, or metadata that is
        raise ImageError(path, f"cannot be written as {settings['format']} ({error}); rename it to .png") from error
    return buffer.getvalue()


def _with_metadata(png: bytes, exif: Image.Exif, profile: bytes | None) -> bytes:
    """PNG bytes with an eXIf and an iCCP chunk after the header (PNG specification, 11.3)."""
    chunks = _chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"))
    if profile:
        chunks = _chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(profile)) + chunks
    return png[:33] + chunks + png[33:]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _tiff(array: np.ndarray, exif: Image.Exif, profile: bytes | None) -> bytes:
    """A TIFF of 8 or 16 bits a channel in deflated strips (TIFF 6.0, baseline RGB; Pillow itself writes only 8)."""
    height, width = array.shape[:2]
    rows = max(1, _STRIP_BYTES // (width * 3 * array.itemsize))
    pixels = array.astype(array.dtype.newbyteorder("<"), copy=False)
    strips = [zlib.compress(pixels[top : top + rows].tobytes()) for top in range(0, height, rows)]
    sizes = [len(strip) for strip in strips]
    directory = ImageFileDirectory_v2()
    for tag, value in exif.items():
        directory[tag] = value
    bits = 8 * array.itemsize
    directory[256], directory[257], directory[258] = width, height, (bits, bits, bits)
    directory[259], directory[262], directory[277], directory[284] = 8, 2, 3, 1  # deflate, RGB, channels, interleaved
    directory[278], directory[279] = rows, tuple(sizes)
    directory[273] = tuple(sum(sizes[:place]) for place in range(len(sizes)))  # Pillow adds where the pixels begin
    if profile:
        directory[34675] = profile
    buffer = io.BytesIO()
    directory.save(buffer)
    for strip in strips:
        buffer.write(strip)
    return buffer.getvalue()


def _metadata(source: Path, width: int, height: int) -> tuple[Image.Exif, bytes | None]:
    """What EXIF says of the photo, with orientation 1 and the new size, and its colour profile where it is one for RGB."""
    kept = Image.Exif()
    with opened(source, source.read_bytes()) as image:
        profile = image.info.get("icc_profile")
        try:
            exif = image.getexif()
            for tag in _DESCRIBING & set(exif):
                kept[tag] = exif[tag]
            for folder in _FOLDERS:
                inner = dict(exif.get_ifd(folder))
                inner.pop(ExifTags.IFD.Interop, None)  # an offset into the old file
                if ExifTags.Base.ExifImageWidth in inner:
                    inner[ExifTags.Base.ExifImageWidth], inner[ExifTags.Base.ExifImageHeight] = width, height
                if inner:
                    kept[folder] = inner
            kept.tobytes()
        except DAMAGED:
            kept = Image.Exif()
    kept[ExifTags.Base.Orientation] = 1
    # A profile's header names its colour space (ICC.1, 7.2.6): one for grey or CMYK does not fit the RGB that we write.
    return kept, profile if profile and profile[16:20] == b"RGB " else None
