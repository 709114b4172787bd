"""What a file says of its photo: EXIF, XMP, resolution, comment; and what of it a format can hold."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import ExifTags, Image

from pictures.decoding import opened, orientation_of
from pictures.errors import DAMAGED, ImageError
from pictures.opening import read_picture

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
_SEGMENT, _XMP_SEGMENT, _COMMENT_SEGMENT = 65533, 65504, 65533  # what one JPEG segment holds
LONG_EXIF = "EXIF is longer than a JPEG can hold: its largest entries were left out"
LONG_XMP = "XMP is longer than a JPEG can hold and was left out"
GAIN_XMP = "XMP describes a gain map that the new file has not, and was left out"
DAMAGED_EXIF = "EXIF is damaged and was left out"


@dataclass(frozen=True)
class Metadata:
    """exif: with orientation 1. dpi: pixels an inch across and down, upright. damaged: EXIF that could not be kept."""

    exif: Image.Exif
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    comment: bytes | None = None
    damaged: bool = False


def metadata_of(path: Path, width: int, height: int) -> Metadata:
    """The metadata of a file for a new picture of `width` x `height` that is upright. Raises `ImageError`.

    A camera raw file that is no TIFF inside has none that Pillow reads.
    """
    data = read_picture(path)
    kept = Image.Exif()
    try:
        with opened(path, data) as image:
            xmp, dpi, comment = image.info.get("xmp"), image.info.get("dpi"), image.info.get("comment")
            if orientation_of(image) >= 5 and dpi:
                dpi = dpi[::-1]
            damaged = not _fill(kept, image, width, height)
    except ImageError:
        kept[ExifTags.Base.Orientation] = 1
        return Metadata(kept)
    if damaged:
        kept = Image.Exif()
    kept[ExifTags.Base.Orientation] = 1
    xmp = xmp.encode() if isinstance(xmp, str) else xmp
    comment = comment.encode() if isinstance(comment, str) else comment
    return Metadata(kept, _upright_xmp(xmp, width, height) if xmp else None, _sane(dpi), comment or None, damaged)


def fitting(metadata: Metadata, kind: str) -> tuple[Metadata, tuple[str, ...]]:
    """The part of the metadata that a file of a Pillow format can hold, and what was left out, a sentence each."""
    notes = [DAMAGED_EXIF] if metadata.damaged else []
    if metadata.xmp and (b"hdrgm:" in metadata.xmp or b"HDRGainMap" in metadata.xmp):
        metadata = replace(metadata, xmp=None)
        notes.append(GAIN_XMP)
    if kind == "BMP":
        lost = [name for name, there in (("EXIF", len(metadata.exif) > 1), ("XMP", metadata.xmp)) if there]
        metadata = replace(metadata, exif=Image.Exif(), xmp=None)
    else:
        lost = []
    if metadata.comment and kind not in {"JPEG", "PNG"}:
        lost.append("the comment")
        metadata = replace(metadata, comment=None)
    if lost:
        notes.append(f"{' and '.join(lost)} left out: {kind} has no place for it")
    if kind == "JPEG":
        if _shorten(metadata.exif):
            notes.append(LONG_EXIF)
        if metadata.xmp and len(metadata.xmp) > _XMP_SEGMENT:
            metadata = replace(metadata, xmp=None)
            notes.append(LONG_XMP)
        if metadata.comment and len(metadata.comment) > _COMMENT_SEGMENT:
            metadata = replace(metadata, comment=metadata.comment[:_COMMENT_SEGMENT])
    return metadata, tuple(notes)


def _fill(kept: Image.Exif, image: Image.Image, width: int, height: int) -> bool:
    """Copy what describes the photo; False where EXIF is damaged."""
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
        return False
    return True


def _shorten(exif: Image.Exif) -> bool:
    """Take out the largest entries (a maker's note, as a rule) until the rest fits into a JPEG; whether any was."""
    shortened = False
    while len(exif.tobytes()) > _SEGMENT:
        shortened = True
        inner = exif.get(ExifTags.IFD.Exif) or {}
        sizes = {(True, tag): _weight(value) for tag, value in inner.items()} if isinstance(inner, dict) else {}
        others = set(exif) - {ExifTags.IFD.Exif, ExifTags.Base.Orientation}
        sizes |= {(False, tag): _weight(exif[tag]) for tag in others}
        nested, tag = max(sizes, key=lambda key: sizes[key])
        if nested:
            exif[ExifTags.IFD.Exif] = {key: value for key, value in inner.items() if key != tag}
        else:
            del exif[tag]
    return shortened


def _weight(value: object) -> int:
    return len(value) if isinstance(value, bytes | str) else len(str(value))


def _upright_xmp(xmp: bytes, width: int, height: int) -> bytes:
    """XMP with the orientation and the size of the new picture."""
    new = {b"tiff:Orientation": 1, b"tiff:ImageWidth": width, b"tiff:ImageLength": height}
    new |= {b"exif:PixelXDimension": width, b"exif:PixelYDimension": height}
    for name, value in new.items():
        xmp = re.sub(name + rb"(\s*=\s*[\"']|>)\s*\d+", name + rb"\g<1>%d" % value, xmp)
    return xmp


def _sane(dpi: object) -> tuple[float, float] | None:
    try:
        across, down = (float(value) for value in dpi)  # type: ignore[attr-defined]
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if 1 <= across <= 30000 and 1 <= down <= 30000 else None
