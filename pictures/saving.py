"""Writing a user's enhanced photo: same name, same kind of file, same depth, with what the source says and has."""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from pictures import icc
from pictures.atomic import atomic_path
from pictures.errors import ImageError
from pictures.formats import RAW_SUFFIXES, SUFFIXES
from pictures.metadata import Metadata, fitting, metadata_of
from pictures.png import encode_channels
from pictures.reading import Photo, as_uint8, read_photo

_PNG = {".png"}
_TIFF = {".tif", ".tiff"}
_KINDS = {
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif"), "JPEG"),
    **dict.fromkeys(_TIFF, "TIFF"),
    **{".png": "PNG", ".webp": "WEBP", ".avif": "AVIF", ".bmp": "BMP", ".dib": "BMP"},
}
_OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"quality": 95, "exact": True},
    "AVIF": {"quality": 92, "subsampling": "4:4:4"},
    "BMP": {},
}
_WITH_ALPHA = {"PNG", "TIFF", "WEBP", "AVIF"}
_STRIP_BYTES = 1 << 20
OTHER_SIZE = "transparency was left out: the new picture has another size"


def refuse_suffix(path: Path, deep: bool) -> None:
    """Raises `ImageError` for a suffix that cannot be written, or that has no place for 16 bits (`deep`)."""
    suffix = path.suffix.lower()
    if suffix not in _KINDS or suffix not in SUFFIXES:
        what = "camera raw" if suffix in RAW_SUFFIXES else suffix or "files without suffix"
        raise ImageError(path, f"photos are not written as {what}; use .jpg, .png or .tif")
    if deep and suffix not in _PNG | _TIFF:
        raise ImageError(path, f"16-bit pixels do not fit into {suffix}; rename the photo to .png or .tif")


def save_like(path: Path, array: np.ndarray, source: Photo | Path) -> tuple[str, ...]:
    """Write (H, W, 3) uint8 or uint16 sRGB pixels to `path`, whole or not at all, with what `source` says and has.

    The format follows the suffix of `path`. Pixels are upright already, so the orientation tag becomes 1. EXIF (camera,
    exposure, time, place, author), XMP, resolution and comment are kept where the format has a place for them, and
    transparency likewise. Of a grey source one channel of luma is written. The profile is that of the pixels, sRGB, and
    there is none where the source declared none. JPEG at quality 95 without chroma subsampling. 16 bits stay 16 bits in PNG
    and TIFF. Returns what had to be left out, a short sentence each.

    Raises `ImageError` for a suffix that cannot be written, 16 bits in a format that has only 8, or an unreadable source.
    """
    deep = array.dtype == np.uint16
    refuse_suffix(path, deep)
    kind = _KINDS[path.suffix.lower()]
    photo = source if isinstance(source, Photo) else read_photo(source)
    height, width = array.shape[:2]
    metadata, notes = fitting(metadata_of(photo.path, width, height), kind)
    pixels = luma(array) if photo.grey else array
    alpha, lost = _alpha(photo, array, kind)
    if alpha is not None:
        pixels = np.dstack([pixels, alpha])
    grey = photo.grey and kind not in {"WEBP", "AVIF"}  # which have no single channel
    profile = None if photo.profile is None else _profile(photo.profile, grey)
    if kind == "TIFF":
        data = _tiff(pixels, metadata, profile)
    elif kind == "PNG":
        data = encode_channels(pixels, _chunks(metadata, profile))
    else:
        data = _by_pillow(path, kind, pixels, metadata, profile)
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)
    return (*notes, *lost)


def luma(array: np.ndarray) -> np.ndarray:
    """(H, W) of (H, W, 3), of the same type: luma of ITU-R BT.601. Three equal channels give exactly that channel."""
    return np.rint(array @ np.array([0.299, 0.587, 0.114])).astype(array.dtype)


def _alpha(photo: Photo, array: np.ndarray, kind: str) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """The source's transparency in the depth of the new pixels, and a note where it has to be left out."""
    alpha = photo.alpha
    if alpha is None:
        return None, ()
    if kind not in _WITH_ALPHA:
        opaque = bool((alpha == np.iinfo(alpha.dtype).max).all())
        return None, () if opaque else (f"transparency was left out: {kind} has no place for it",)
    if alpha.shape != array.shape[:2]:
        return None, (OTHER_SIZE,)
    if array.dtype == np.uint16:
        return (alpha if alpha.dtype == np.uint16 else alpha.astype(np.uint16) * 257), ()
    return as_uint8(alpha), ()


def _profile(profile: bytes, grey: bool) -> bytes:
    """A profile that says sRGB for as many channels as are written: the source's own where it does."""
    if icc.space_of(profile) == ("GRAY" if grey else "RGB "):
        return profile
    return icc.SRGB_GREY if grey else icc.SRGB


def _by_pillow(path: Path, kind: str, pixels: np.ndarray, metadata: Metadata, profile: bytes | None) -> bytes:
    """8-bit JPEG, WebP, AVIF or BMP."""
    settings: dict[str, Any] = dict(_OPTIONS[kind])
    if kind != "BMP":
        settings |= {"exif": metadata.exif.tobytes(), "icc_profile": profile, "xmp": metadata.xmp}
        settings = {name: value for name, value in settings.items() if value is not None}
    if metadata.dpi and kind in {"JPEG", "BMP"}:
        settings["dpi"] = metadata.dpi
    if metadata.comment and kind == "JPEG":
        settings["comment"] = metadata.comment
    image = Image.fromarray(pixels)
    if kind in {"WEBP", "AVIF"}:
        image = image.convert("RGBA" if image.mode in {"LA", "RGBA"} else "RGB")
    buffer = io.BytesIO()
    try:
        image.save(buffer, kind, **settings)
    except (ValueError, OSError) as error:  # larger than the format allows
        raise ImageError(path, f"cannot be written as {kind} ({error}); rename it to .png") from error
    return buffer.getvalue()


def _chunks(metadata: Metadata, profile: bytes | None) -> list[tuple[bytes, bytes]]:
    """What goes into a PNG before its pixels (PNG specification, 11.3)."""
    chunks = [(b"iCCP", b"ICC Profile\0\0" + zlib.compress(profile))] if profile else []
    if metadata.dpi:
        across, down = (round(value / 0.0254) for value in metadata.dpi)
        chunks.append((b"pHYs", across.to_bytes(4, "big") + down.to_bytes(4, "big") + b"\1"))
    chunks.append((b"eXIf", metadata.exif.tobytes().removeprefix(b"Exif\0\0")))
    texts = {b"XML:com.adobe.xmp": metadata.xmp, b"Comment": metadata.comment}
    for key, text in texts.items():
        if text:
            chunks.append((b"iTXt", key + b"\0\0\0\0\0" + text.decode("utf-8", "replace").encode()))
    return chunks


def _tiff(array: np.ndarray, metadata: Metadata, profile: bytes | None) -> bytes:
    """A TIFF of 8 or 16 bits a channel in deflated strips (TIFF 6.0; Pillow itself writes colour of only 8)."""
    height, width = array.shape[:2]
    channels = 1 if array.ndim == 2 else array.shape[2]
    rows = max(1, _STRIP_BYTES // (width * channels * array.itemsize))
    pixels = array.astype(array.dtype.newbyteorder("<"), copy=False)
    strips = [zlib.compress(pixels[top : top + rows].tobytes()) for top in range(0, height, rows)]
    sizes = [len(strip) for strip in strips]
    directory = ImageFileDirectory_v2()
    for tag, value in metadata.exif.items():
        directory[tag] = value
    if metadata.dpi:
        directory[ExifTags.Base.XResolution], directory[ExifTags.Base.YResolution] = metadata.dpi
        directory[ExifTags.Base.ResolutionUnit] = 2  # inch
    if metadata.xmp:
        directory[700] = metadata.xmp
    bits = 8 * array.itemsize  # below: deflate, RGB or grey, channels, interleaved
    directory[256], directory[257], directory[258] = width, height, (bits,) * channels
    directory[259], directory[262], directory[277], directory[284] = 8, 2 if channels > 2 else 1, channels, 1
    if channels in {2, 4}:
        directory[338] = 2  # the last channel is transparency, not multiplied in
    directory[278], directory[279] = rows, tuple(sizes)
    directory[273] = tuple(sum(sizes[:place]) for place in range(len(sizes)))  # Pillow adds where the pixels begin
    if profile:
        directory[34675] = profile
    buffer = io.BytesIO()
    directory.save(buffer)
    for strip in strips:
        buffer.write(strip)
    return buffer.getvalue()
