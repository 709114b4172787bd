from __future__ import annotations

import io
import pickle
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageFile

from pictures import (
    ImageError,
    encode_png,
    quantise,
    read_array,
    read_image,
    read_pair,
    read_uint8,
    write_png,
)

RANDOM = np.random.default_rng(0)
DEEP = RANDOM.integers(0, 65536, (9, 7, 3), dtype=np.uint16)
DEEP[0, 0] = (0, 300, 65535)  # 300 is what Pillow clips to 255
PLAIN = RANDOM.integers(0, 256, (9, 7, 3), dtype=np.uint8)


def smooth(height: int = 48, width: int = 64) -> np.ndarray:
    """A picture that JPEG keeps nearly exactly and whose eight orientations all differ."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 255 // width, y * 255 // height, (x + y) * 255 // (width + height)], 2).astype(np.uint8)


def refused(path: Path, reason: str, **settings: Any) -> None:
    """The error names the file, fits the reason and has one line."""
    with pytest.raises(ImageError, match=reason) as error:
        read_array(path, **settings)
    assert error.value.path == path
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


def oriented(orientation: int) -> np.ndarray:
    """`smooth` as a camera that was held so stores it: reading must undo this."""
    upright = Image.fromarray(smooth())
    turns = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Pillow's transpose methods, each its orientation's inverse
    return np.asarray(upright.transpose(Image.Transpose(turns[orientation])) if orientation > 1 else upright)


def exif(orientation: int) -> Image.Exif:
    data = Image.Exif()
    data[274] = orientation
    return data


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp"])
def test_8_bits_exactly(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x{suffix}"
    Image.fromarray(PLAIN).save(path)
    assert np.array_equal(read_array(path), PLAIN)
    assert np.array_equal(read_uint8(path), PLAIN)
    found = read_image(path)
    assert found.dtype == np.float32
    assert np.array_equal(found, PLAIN.astype(np.float32) / np.float32(255))


def test_lossless_webp_exactly(tmp_path: Path) -> None:
    Image.fromarray(PLAIN).save(tmp_path / "x.webp", lossless=True)
    assert np.array_equal(read_array(tmp_path / "x.webp"), PLAIN)


def test_jpeg_is_rgb(tmp_path: Path) -> None:
    Image.fromarray(smooth()).save(tmp_path / "x.jpg", quality=100, subsampling=0)
    assert np.abs(read_array(tmp_path / "x.jpg").astype(int) - smooth()).max() <= 4


def test_16_bit_png_exactly(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    write_png(path, DEEP)
    assert np.array_equal(read_array(path), DEEP)
    assert read_image(path)[0, 0, 1] == np.float32(300) / np.float32(65535)
    assert np.array_equal(read_uint8(path), np.rint(DEEP / 257).astype(np.uint8))


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_16_bit_tiff_exactly(tmp_path: Path, byteorder: Any, compression: str | None) -> None:
    path = tmp_path / "x.tif"
    predictor = compression is not None
    tifffile.imwrite(
        path, DEEP, photometric="rgb", byteorder=byteorder, compression=compression, predictor=predictor or None
    )
    assert np.array_equal(read_array(path), DEEP)
    tifffile.imwrite(path, DEEP, photometric="rgb", byteorder=byteorder, tile=(16, 16))
    assert np.array_equal(read_array(path), DEEP)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bit_grey_becomes_three_equal_channels(tmp_path: Path, suffix: str) -> None:
    path, grey = tmp_path / f"x{suffix}", DEEP[..., 1]
    if suffix == ".png":
        Image.fromarray(grey).save(path)
    else:
        tifffile.imwrite(path, grey, photometric="minisblack")
    assert np.array_equal(read_array(path), np.repeat(grey[..., None], 3, 2))


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bit_alpha_is_dropped(tmp_path: Path, suffix: str) -> None:
    import cv2

    path, alpha = tmp_path / f"x{suffix}", np.full((9, 7, 1), 7, np.uint16)
    if suffix == ".png":
        path.write_bytes(cv2.imencode(".png", np.dstack([DEEP[..., ::-1], alpha]))[1].tobytes())
    else:
        tifffile.imwrite(path, np.dstack([DEEP, alpha]), photometric="rgb", extrasamples=["unassalpha"])
    assert np.array_equal(read_array(path), DEEP)


def test_alpha_is_dropped_and_its_colour_kept(tmp_path: Path) -> None:
    path, alpha = tmp_path / "x.png", np.zeros((9, 7, 1), np.uint8)
    Image.fromarray(np.dstack([PLAIN, alpha])).save(path)
    assert np.array_equal(read_array(path), PLAIN)
    Image.fromarray(np.dstack([PLAIN[..., :1], alpha])).save(path)
    assert np.array_equal(read_array(path), np.repeat(PLAIN[..., :1], 3, 2))


def test_premultiplied_alpha_is_read(tmp_path: Path) -> None:
    stored = np.dstack([PLAIN // 2, np.full((9, 7, 1), 128, np.uint8)])
    tifffile.imwrite(tmp_path / "x.tif", stored, photometric="rgb", extrasamples=["assocalpha"])
    assert np.abs(read_array(tmp_path / "x.tif").astype(int) - PLAIN).max() <= 2


def test_grey_black_and_white_palette_and_cmyk(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    Image.fromarray(PLAIN[..., 0]).save(path)
    assert np.array_equal(read_array(path), np.repeat(PLAIN[..., :1], 3, 2))
    Image.fromarray(PLAIN[..., 0] > 127).save(path)
    assert np.array_equal(read_array(path)[..., 2], np.where(PLAIN[..., 0] > 127, 255, 0))
    palette = Image.fromarray(PLAIN[..., 0] % 2, "P")
    palette.putpalette([10, 20, 30, 200, 100, 50])
    palette.save(path, transparency=0)
    assert np.array_equal(
        read_array(path)[PLAIN[..., 0] % 2 == 0], np.full((np.sum(PLAIN[..., 0] % 2 == 0), 3), (10, 20, 30))
    )
    for suffix in (".tif", ".jpg"):
        cmyk = tmp_path / f"cmyk{suffix}"
        Image.new("CMYK", (16, 16), (255, 0, 0, 0)).save(cmyk)
        assert np.abs(read_array(cmyk).astype(int) - (0, 255, 255)).max() <= 2


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "tiff", "png16", "tiff16"])
def test_every_orientation_comes_out_upright(tmp_path: Path, kind: str, orientation: int) -> None:
    path = tmp_path / f"x.{kind.rstrip('16')}"
    stored = oriented(orientation)
    deep = stored.astype(np.uint16) * 257
    options: dict[str, Any] = {"jpeg": {"quality": 100, "subsampling": 0}, "webp": {"lossless": True}}.get(kind, {})
    if kind == "tiff16":
        tifffile.imwrite(path, deep, photometric="rgb", extratags=[(274, "H", 1, orientation, True)])
    elif kind == "png16":
        data = encode_png(deep)
        block = exif(orientation).tobytes().removeprefix(b"Exif\0\0")
        chunk = struct.pack(">I", len(block)) + b"eXIf" + block + struct.pack(">I", zlib.crc32(b"eXIf" + block))
        path.write_bytes(data[:-12] + chunk + data[-12:])  # after the pixels, where the specification allows it too
    else:
        Image.fromarray(stored).save(path, exif=exif(orientation), **options)
    found = read_array(path)
    expected = smooth().astype(int) * (257 if kind.endswith("16") else 1)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= (4 if kind == "jpeg" else 0)


def test_damaged_exif_is_no_reason_to_refuse_a_photo(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    Image.fromarray(smooth()).save(path, exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert read_array(path).shape == (48, 64, 3)


def test_empty_absent_text_and_folder(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("This is a letter, not a photo.\n" * 20)
    refused(tmp_path / "empty.jpg", "the file is empty; copy it again")
    refused(tmp_path / "text.jpg", "damaged, or not a JPEG, PNG, TIFF.*convert it or take it out")
    refused(tmp_path / "absent.jpg", "no such file")
    refused(tmp_path, "a folder, not a file")


def test_content_counts_not_the_name(tmp_path: Path) -> None:
    Image.fromarray(PLAIN).save(tmp_path / "x.jpg", "PNG")
    assert np.array_equal(read_array(tmp_path / "x.jpg"), PLAIN)
    Image.fromarray(PLAIN).save(tmp_path / "gif.jpg", "GIF")
    refused(tmp_path / "gif.jpg", "GIF, which has at most 256 colours")


@pytest.mark.parametrize("kind", ["png", "jpeg", "bmp", "webp", "tiff", "png16", "tiff16"])
@pytest.mark.parametrize("kept", [0.3, 0.7, 0.95])
@pytest.mark.parametrize("lenient", [False, True])
def test_truncated(tmp_path: Path, kind: str, kept: float, lenient: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", lenient)  # pyiqa sets it
    path = tmp_path / f"x.{kind.rstrip('16')}"
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    if kind == "png16":
        write_png(path, noise.astype(np.uint16) * 257)
    elif kind == "tiff16":
        tifffile.imwrite(path, noise.astype(np.uint16) * 257, photometric="rgb")
    else:
        Image.fromarray(noise).save(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    refused(path, "damaged")
    assert ImageFile.LOAD_TRUNCATED_IMAGES is lenient


def test_a_truncated_png_opens_and_fails_on_load(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    write_png(path, PLAIN)
    path.write_bytes(path.read_bytes()[:-30])
    Image.open(path)  # the header is whole
    refused(path, "damaged or truncated .*; export or copy it again")


def test_a_bomb_is_refused_by_its_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bomb.png"
    write_png(path, PLAIN)
    data = bytearray(path.read_bytes())
    data[16:24] = struct.pack(">II", 60000, 60000)
    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    path.write_bytes(data)
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: pytest.fail("decoded"))
    refused(path, r"60000 x 60000 = 3600 million pixels, more than the 200 million allowed; scale it down")


def test_the_limit_of_pixels_is_inclusive(tmp_path: Path) -> None:
    write_png(tmp_path / "x.png", PLAIN)
    limit = Image.MAX_IMAGE_PIXELS
    assert read_array(tmp_path / "x.png", max_pixels=63).shape == PLAIN.shape
    refused(tmp_path / "x.png", "more than the 6.2e-05 million allowed", max_pixels=62)
    assert limit == Image.MAX_IMAGE_PIXELS


@pytest.mark.parametrize(
    ("array", "settings", "reason"),
    [
        (DEEP[..., 0].astype(np.float32), {}, "pixels of kind 'F' are not supported; save it with 8 or 16 bits"),
        (DEEP.astype(np.float32), {"photometric": "rgb"}, "8 or 16 bits a channel"),
        (DEEP[..., 0].astype(np.uint32), {}, "pixels of kind 'I' are not supported"),
        (DEEP[..., 0].astype(np.int16), {}, "cannot be decoded; save it as a 16-bit PNG"),
        (DEEP[..., 0], {"photometric": "miniswhite"}, "neither grey nor RGB; save it as RGB"),
        (np.dstack([DEEP, DEEP[..., :1]]), {"photometric": "separated"}, "neither grey nor RGB"),
        (np.moveaxis(DEEP, 2, 0), {"photometric": "rgb", "planarconfig": "separate"}, "separate colour planes"),
    ],
)
def test_tiffs_that_would_be_read_wrongly_are_refused(
    tmp_path: Path, array: np.ndarray, settings: dict[str, Any], reason: str
) -> None:
    tifffile.imwrite(tmp_path / "x.tif", array, **settings)
    refused(tmp_path / "x.tif", reason)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_damage_anywhere_is_an_image_error_or_a_photo(tmp_path: Path) -> None:
    """Bytes changed at random: never another exception."""
    random = np.random.default_rng(2)
    for kind in ("png", "jpeg", "bmp", "webp", "tiff"):
        stream = io.BytesIO()
        Image.fromarray(smooth(24, 32)).save(stream, kind, exif=exif(6))
        whole = np.frombuffer(stream.getvalue(), np.uint8)
        for _ in range(60):
            broken = whole.copy()
            places = random.integers(0, min(len(whole), random.choice([60, 400, 10**6])), 4)
            broken[places] = random.integers(0, 256, 4)
            (tmp_path / "x").write_bytes(broken.tobytes())
            try:
                assert read_array(tmp_path / "x", max_pixels=10**6).dtype == np.uint8
            except ImageError as error:
                assert "\n" not in str(error)


def test_the_error_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(ImageError(Path("a/b.jpg"), "the file is empty")))  # noqa: S301
    assert str(error) == "a/b.jpg: the file is empty"


def test_a_pair_has_one_size(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", PLAIN)
    write_png(tmp_path / "b.png", PLAIN[:, :6])
    first, second = read_pair(tmp_path / "a.png", tmp_path / "a.png")
    assert np.array_equal(first, second)
    with pytest.raises(ImageError, match=r"a\.png: differs in size from its reference .*b\.png \(7 x 9 and 6 x 9\)"):
        read_pair(tmp_path / "a.png", tmp_path / "b.png")


def test_png_bytes_are_fixed_and_floats_are_rounded(tmp_path: Path) -> None:
    assert encode_png(PLAIN) == encode_png(PLAIN.copy())
    assert encode_png(PLAIN.astype(np.float64) / 255) == encode_png(PLAIN)
    assert quantise(np.full((1, 1, 3), 0.5), 8)[0, 0, 0] == 128
    assert quantise(np.full((1, 1, 3), 1.5), 16)[0, 0, 0] == 65535
    for wrong in (PLAIN[..., 0], PLAIN[:0], PLAIN.astype(np.int32), np.full((2, 2, 3), np.nan)):
        with pytest.raises(ValueError, match=r"expected|NaN"):
            encode_png(wrong)
    with pytest.raises(ValueError, match="NaN"):
        write_png(tmp_path / "x.png", np.full((2, 2, 3), np.nan))
    assert list(tmp_path.iterdir()) == []
