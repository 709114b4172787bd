"""Kinds of picture files: which are read, and why another is not."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

from PIL import Image, features

_ALWAYS = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".tif", ".tiff", ".bmp", ".dib", ".webp")
_AVIF, _HEIF = (".avif",), (".heic", ".heif", ".hif")
_RAW = (
    *(".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".sr2", ".srf", ".raf", ".orf", ".rw2", ".raw", ".rwl"),
    *(".pef", ".srw", ".x3f", ".3fr", ".fff", ".iiq", ".mos", ".erf", ".kdc", ".dcr", ".mrw", ".mef", ".gpr"),
)
_VIDEO = (".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".mts", ".m2ts", ".wmv", ".3gp", ".insv")
NEEDS_RAWPY = (
    "camera raw, which is read with rawpy: `pip install rawpy` (the extra `raw`), or develop it to a 16-bit TIFF"
)
NEEDS_HEIF = "HEIC, which is read with pi-heif: `pip install pi-heif`, or convert it to JPEG"
_OTHERS = {
    **dict.fromkeys(_AVIF, "AVIF, for which this Pillow has no codec: `pip install -U pillow`, or convert it to JPEG"),
    **dict.fromkeys(_HEIF, NEEDS_HEIF),
    **dict.fromkeys(_RAW, NEEDS_RAWPY),
    **dict.fromkeys(_VIDEO, "a video; export single frames as PNG"),
    **dict.fromkeys((".gif",), "GIF, which has at most 256 colours; convert it to PNG"),
    **dict.fromkeys(
        (".psd", ".psb", ".xcf", ".kra", ".afphoto"), "a project of an image editor; export it as TIFF or PNG"
    ),
    **dict.fromkeys((".exr", ".hdr", ".pfm"), "a picture of high dynamic range; tone-map it to a 16-bit TIFF or PNG"),
    **dict.fromkeys((".svg", ".eps", ".ai"), "a vector drawing; export it as PNG"),
    **dict.fromkeys((".pdf",), "PDF; export its pictures as PNG"),
    **dict.fromkeys((".jxl",), "JPEG XL, which is not read; convert it to PNG or TIFF"),
    **dict.fromkeys((".jp2", ".j2k", ".jpx"), "JPEG 2000, which is not read; convert it to PNG or TIFF"),
    **dict.fromkeys(
        (".tga", ".ppm", ".pgm", ".pbm", ".pnm", ".ico", ".qoi"), "not a format of photos; convert it to PNG"
    ),
}


def _known(avif: bool, heif: bool, raw: bool) -> frozenset[str]:
    """The suffixes that are read with these codecs."""
    return frozenset({*_ALWAYS, *(_AVIF if avif else ()), *(_HEIF if heif else ()), *(_RAW if raw else ())})


SUFFIXES = _known(bool(features.check("avif")), find_spec("pi_heif") is not None, find_spec("rawpy") is not None)
RAW_SUFFIXES = frozenset(_RAW)
PHOTO_SUFFIXES = frozenset({*_ALWAYS, *_AVIF, *_HEIF, *_RAW})
"""Kinds of photos, whether the codecs to read them are there or not."""


def why_not_read(path: Path) -> str | None:
    """Why a file of this suffix is not read as a photo, and the way out; None where it is read. The file is not opened."""
    suffix = path.suffix.lower()
    return None if suffix in SUFFIXES else _OTHERS.get(suffix, "not a photo")


@cache
def pillow_formats() -> tuple[str, ...]:
    """The formats that Pillow may try here, by content; HEIC is made known to it."""
    formats = ["JPEG", "PNG", "TIFF", "BMP", "DIB", "WEBP"]
    if features.check("avif"):
        formats.append("AVIF")
    if find_spec("pi_heif") is not None:
        import pi_heif

        pi_heif.register_heif_opener()
        Image.init()
        formats.append("HEIF")
    return tuple(formats)


def foreign_content(data: bytes) -> str | None:
    """Why these bytes, which no codec here knows, are not read, where they begin like a known kind; else None."""
    if data[4:8] == b"ftyp":
        brand = data[8:12]
        if brand in {b"avif", b"avis"}:
            return _OTHERS[".avif"]
        if brand in {b"heic", b"heix", b"hevc", b"hevx", b"mif1", b"msf1"}:
            return NEEDS_HEIF if find_spec("pi_heif") is None else "a damaged HEIC; export or copy it again"
        return _OTHERS[".mp4"]
    starts = {
        b"GIF8": ".gif",
        b"8BPS": ".psd",
        b"v/1\x01": ".exr",
        b"#?RAD": ".hdr",
        b"%PDF": ".pdf",
        b"\xff\x0a": ".jxl",
    }
    return next((_OTHERS[suffix] for start, suffix in starts.items() if data.startswith(start)), None)
