"""Every row of the table in docs/files.md is a case here, and every case a row."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import ExifTags, Image, features

from pictures import SUFFIXES, ImageError, encode_png, read_photo, save_like, why_not_read, write_png
from pictures.decoding import FEWER_BITS
from pictures.metadata import LONG_EXIF
from pictures.png import encode_channels
from pictures.reading import TRANSPARENT

DOCS = Path(__file__).resolve().parents[2] / "docs" / "files.md"
RANDOM = np.random.default_rng(1)
PLAIN = RANDOM.integers(0, 256, (20, 30, 3), dtype=np.uint8)
DEEP = RANDOM.integers(0, 65536, (20, 30, 3), dtype=np.uint16)
ALPHA = RANDOM.integers(1, 256, (20, 30), dtype=np.uint8)
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF tiff:Orientation="6">Ann</rdf:RDF></x:xmpmeta>'
CASES: dict[str, Callable[[Path], None]] = {}


def row(name: str) -> Callable[[Callable[[Path], None]], Callable[[Path], None]]:
    def register(case: Callable[[Path], None]) -> Callable[[Path], None]:
        CASES[name] = case
        return case

    return register


def saved(path: Path, array: np.ndarray = PLAIN, **settings: Any) -> Path:
    Image.fromarray(array).save(path, **settings)
    return path


@row("JPEG, PNG, TIFF, BMP, WebP of 8 bits")
def plain(folder: Path) -> None:
    for suffix in (".png", ".tif", ".bmp"):
        assert np.array_equal(read_photo(saved(folder / f"x{suffix}")).pixels, PLAIN)
    for suffix, settings in ((".jpg", {"quality": 95}), (".webp", {"lossless": True})):
        photo = read_photo(saved(folder / f"x{suffix}", **settings))
        assert photo.pixels.dtype == np.uint8
        assert (photo.notes, photo.profile, photo.grey, photo.pages) == ((), None, False, 1)


@row("PNG and TIFF of 16 bits")
def deep(folder: Path) -> None:
    write_png(folder / "x.png", DEEP)
    tifffile.imwrite(folder / "x.tif", DEEP, photometric="rgb")
    for suffix in (".png", ".tif"):
        assert np.array_equal(read_photo(folder / f"x{suffix}").pixels, DEEP)


@row("AVIF")
def avif(folder: Path) -> None:
    if not features.check("avif"):
        assert why_not_read(Path("x.avif"))
        pytest.skip("this Pillow has no AVIF")
    smooth = np.full((64, 64, 3), (200, 90, 30), np.uint8)
    photo = read_photo(saved(folder / "x.avif", smooth, quality=95))
    assert np.abs(photo.pixels.astype(int) - smooth).max() < 6
    assert why_not_read(folder / "x.avif") is None
    assert FEWER_BITS not in photo.notes


@row("HEIC, HEIF")
def heic(folder: Path) -> None:
    if importlib.util.find_spec("pi_heif") is None:
        assert "pip install pi-heif" in (why_not_read(Path("x.heic")) or "")
        pytest.skip("pi-heif is not installed")
    pillow_heif = pytest.importorskip("pillow_heif", reason="writes the HEIC that is read")

    smooth = np.full((64, 64, 3), (200, 90, 30), np.uint8)
    pillow_heif.from_pillow(Image.fromarray(smooth)).save(folder / "x.heic", quality=95)
    assert np.abs(read_photo(folder / "x.heic").pixels.astype(int) - smooth).max() < 8
    with pytest.raises(ImageError, match=r"not written as \.heic; use"):
        save_like(folder / "y.heic", smooth, folder / "x.heic")


@row("Other kinds: video, GIF, PSD, EXR, PDF, SVG, JPEG XL, JPEG 2000")
def others(folder: Path) -> None:
    for suffix in ("mp4", "mov", "gif", "psd", "exr", "pdf", "svg", "jxl", "jp2"):
        reason = why_not_read(Path(f"x.{suffix}"))
        assert reason
        assert reason != "not a photo"
        assert f".{suffix}" not in SUFFIXES
    assert why_not_read(Path("x.txt")) == "not a photo"


@row("Several pages or frames")
def pages(folder: Path) -> None:
    second = 255 - PLAIN
    saved(folder / "x.tif", save_all=True, append_images=[Image.fromarray(second)])
    first = read_photo(folder / "x.tif")
    assert np.array_equal(first.pixels, PLAIN)
    assert (first.page, first.pages, first.notes) == (1, 2, ("page 1 of several was read",))
    assert np.array_equal(read_photo(folder / "x.tif", page=2).pixels, second)
    with pytest.raises(ImageError, match="has 2 pages, and no page 3"):
        read_photo(folder / "x.tif", page=3)
    with tifffile.TiffWriter(folder / "d.tif") as file:
        for array in (DEEP, DEEP[::-1]):
            file.write(array, photometric="rgb")
    assert np.array_equal(read_photo(folder / "d.tif", page=2).pixels, DEEP[::-1])
    saved(folder / "x.png", save_all=True, append_images=[Image.fromarray(second)])
    assert read_photo(folder / "x.png").pages == 2


@row("Transparency")
def transparency(folder: Path) -> None:
    stacked = np.dstack([PLAIN, ALPHA])
    photo = read_photo(saved(folder / "x.png", stacked))
    assert np.array_equal(photo.pixels, PLAIN)
    assert photo.alpha is not None
    assert np.array_equal(photo.alpha, ALPHA)
    assert photo.notes == (TRANSPARENT,)
    for suffix in (".png", ".tif", ".webp"):
        assert save_like(folder / f"y{suffix}", 255 - PLAIN, photo) == ()
        with Image.open(folder / f"y{suffix}") as image:
            assert np.array_equal(np.asarray(image)[..., 3], ALPHA)
    assert save_like(folder / "y.jpg", PLAIN, photo) == ("transparency was left out: JPEG has no place for it",)
    wide = ALPHA.astype(np.uint16) * 257
    (folder / "la.png").write_bytes(encode_channels(np.dstack([DEEP[..., 0], wide])))
    both = read_photo(folder / "la.png")
    assert both.grey
    assert both.alpha is not None
    assert np.array_equal(both.alpha, wide)
    assert np.array_equal(both.pixels[..., 1], DEEP[..., 0])


@row("Grey")
def grey(folder: Path) -> None:
    for suffix, mode in ((".png", "L"), (".jpg", "L"), (".tif", "L"), (".bmp", "L")):
        photo = read_photo(saved(folder / f"x{suffix}", PLAIN[..., 0]))
        assert photo.grey
        assert np.ptp(photo.pixels, axis=2).max() == 0
        save_like(folder / f"y{suffix}", PLAIN, photo)
        with Image.open(folder / f"y{suffix}") as image:
            assert image.mode == mode
            if suffix != ".jpg":
                expected = np.rint(PLAIN @ np.array([0.299, 0.587, 0.114]))
                assert np.array_equal(np.asarray(image), expected)
    (folder / "d.png").write_bytes(encode_channels(DEEP[..., 0]))
    photo = read_photo(folder / "d.png")
    save_like(folder / "e.png", photo.pixels, photo)
    assert Image.open(folder / "e.png").mode == "I;16"
    equal = np.repeat(PLAIN[..., :1], 3, axis=2)
    assert not read_photo(saved(folder / "colour.png", equal)).grey


@row("EXIF, XMP, resolution")
def metadata(folder: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Orientation] = "Maker", 6
    saved(folder / "x.jpg", exif=exif, xmp=XMP, dpi=(300, 300))
    for suffix in (".jpg", ".png", ".tif", ".webp"):
        photo = read_photo(folder / "x.jpg")
        assert save_like(folder / f"y{suffix}", photo.pixels, photo) == ()
        with Image.open(folder / f"y{suffix}") as image:
            assert image.getexif()[ExifTags.Base.Make] == "Maker"
            assert image.getexif()[ExifTags.Base.Orientation] == 1
            found = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp", "").encode()
            assert found == XMP.replace(b'"6"', b'"1"')
            if suffix != ".webp":
                assert tuple(image.info["dpi"]) == pytest.approx((300, 300), abs=0.1)
    assert save_like(folder / "y.bmp", PLAIN, folder / "x.jpg") == ("EXIF and XMP left out: BMP has no place for it",)


@row("EXIF longer than a JPEG holds")
def long_exif(folder: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Maker"
    exif[ExifTags.IFD.Exif] = {ExifTags.Base.MakerNote: bytes(70000), ExifTags.Base.ExposureTime: 0.5}
    saved(folder / "x.png", exif=exif)
    assert save_like(folder / "y.jpg", PLAIN, folder / "x.png") == (LONG_EXIF,)
    with Image.open(folder / "y.jpg") as image:
        assert image.getexif()[ExifTags.Base.Make] == "Maker"
        assert float(image.getexif().get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ExposureTime]) == 0.5
    assert save_like(folder / "y.png", PLAIN, folder / "x.png") == ()


@row("Damaged PNG")
def damaged(folder: Path) -> None:
    broken = bytearray(encode_png(PLAIN))
    broken[200] ^= 1
    (folder / "x.png").write_bytes(broken)
    with pytest.raises(ImageError, match="the checksum of a part of it, 'IDAT', is wrong"):
        read_photo(folder / "x.png")


@pytest.mark.parametrize("name", CASES)
def test_a_row(tmp_path: Path, name: str) -> None:
    CASES[name](tmp_path)


def test_the_rows_of_the_table_are_the_cases_and_the_tests_that_it_names() -> None:
    lines = [line for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith("| ")][1:]
    own, elsewhere = set(), []
    for line in lines:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[-1] == "`test_files_table.py`":
            own.add(cells[0])
        else:
            elsewhere.append(cells[-1].strip("`"))
    assert own == set(CASES)
    assert elsewhere
    for place in elsewhere:
        module, _, test = place.partition("::")
        assert f"def {test}(" in (Path(__file__).parent / module).read_text(encoding="utf-8"), place
