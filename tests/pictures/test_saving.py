from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import ExifTags, Image, ImageCms

from pictures import ImageError, read_array, save_like, write_png

RANDOM = np.random.default_rng(0)
PLAIN = RANDOM.integers(0, 256, (20, 12, 3), dtype=np.uint8)
DEEP = RANDOM.integers(0, 65536, (20, 12, 3), dtype=np.uint16)
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def exif() -> Image.Exif:
    """EXIF as a camera held sideways writes it."""
    data = Image.Exif()
    data[ExifTags.Base.Orientation] = 6
    data[ExifTags.Base.Model] = "Loupe 1"
    data[ExifTags.IFD.Exif] = {
        ExifTags.Base.ExposureTime: 0.125,
        ExifTags.Base.ExifImageWidth: 20,
        ExifTags.Base.ExifImageHeight: 12,
    }
    data[ExifTags.IFD.GPSInfo] = {ExifTags.GPS.GPSLatitudeRef: "N"}
    return data


def photo(path: Path, **settings: Any) -> Path:
    """A photo lying on its side, as its camera stores it."""
    Image.fromarray(np.rot90(PLAIN)).save(path, **{"exif": exif().tobytes(), "icc_profile": PROFILE} | settings)
    return path


@pytest.mark.parametrize("suffix", [".jpg", ".JPEG", ".png", ".tif", ".webp"])
@pytest.mark.parametrize("deep", [False, True])
def test_exif_and_profile_are_kept_and_the_photo_is_upright(tmp_path: Path, suffix: str, deep: bool) -> None:
    if deep and suffix not in {".png", ".tif"}:
        pytest.skip("has no 16 bits")
    source, path = photo(tmp_path / f"source{suffix}"), tmp_path / "out" / f"x{suffix}"
    array = DEEP if deep else PLAIN
    save_like(path, array, source)
    with Image.open(path) as image:
        assert image.size == (12, 20)
        assert image.info["icc_profile"] == PROFILE
        found = image.getexif()
        assert found.get(ExifTags.Base.Orientation) == 1
        assert found[ExifTags.Base.Model] == "Loupe 1"
        inner = found.get_ifd(ExifTags.IFD.Exif)
        assert float(inner[ExifTags.Base.ExposureTime]) == 0.125
        assert (inner[ExifTags.Base.ExifImageWidth], inner[ExifTags.Base.ExifImageHeight]) == (12, 20)
        assert found.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] == "N"
    if suffix in {".png", ".tif"}:
        assert np.array_equal(read_array(path), array)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_large_tiff_has_many_strips_that_others_read(tmp_path: Path) -> None:
    source = tmp_path / "x.tif"
    tall = RANDOM.integers(0, 65536, (1500, 300, 3), dtype=np.uint16)
    tifffile.imwrite(source, DEEP, photometric="rgb")
    for array in (tall, (tall >> 8).astype(np.uint8)):
        save_like(tmp_path / "y.tif", array, source)
        with tifffile.TiffFile(tmp_path / "y.tif") as file:
            assert len(file.pages[0].dataoffsets) > 1
            assert np.array_equal(file.asarray(), array)
        assert np.array_equal(read_array(tmp_path / "y.tif"), array)


@pytest.mark.parametrize(
    "settings", [{"tile": (16, 16)}, {"compression": "zlib", "predictor": True}, {"extrasamples": [2]}]
)
def test_the_layout_of_a_tiff_source_is_not_taken_for_the_photos_own(tmp_path: Path, settings: dict[str, Any]) -> None:
    source = tmp_path / "x.tif"
    stored = np.dstack([PLAIN, PLAIN[..., :1]]) if "extrasamples" in settings else PLAIN
    tifffile.imwrite(source, stored, photometric="rgb", metadata=None, **settings)
    save_like(tmp_path / "y.tif", PLAIN[:18], source)
    assert np.array_equal(read_array(tmp_path / "y.tif"), PLAIN[:18])
    assert np.array_equal(tifffile.imread(tmp_path / "y.tif"), PLAIN[:18])
    save_like(tmp_path / "y.jpg", PLAIN, source)
    assert set(Image.open(tmp_path / "y.jpg").getexif()) <= {ExifTags.Base.Orientation, 282, 283, 296, 305}


def test_jpeg_is_of_high_quality(tmp_path: Path) -> None:
    source = photo(tmp_path / "x.jpg", quality=30)
    red = np.zeros((32, 32, 3), np.uint8)
    red[:, ::2, 0] = 255
    save_like(tmp_path / "y.jpg", red, source)
    with Image.open(tmp_path / "y.jpg") as image:
        assert image.quantization[0][0] == 2  # type: ignore[attr-defined]  # quality 95 of libjpeg's table
        assert np.abs(np.asarray(image).astype(int) - red).max() < 40  # subsampled chroma would halve the red


def test_a_profile_for_grey_is_not_given_to_rgb(tmp_path: Path) -> None:
    grey = PROFILE[:16] + b"GRAY" + PROFILE[20:]
    Image.fromarray(PLAIN[..., 0]).save(tmp_path / "x.jpg", icc_profile=grey)
    save_like(tmp_path / "y.jpg", PLAIN, tmp_path / "x.jpg")
    assert "icc_profile" not in Image.open(tmp_path / "y.jpg").info


def test_bmp_and_a_photo_without_metadata(tmp_path: Path) -> None:
    for suffix in (".bmp", ".png"):
        Image.fromarray(PLAIN).save(tmp_path / f"x{suffix}")
        save_like(tmp_path / f"y{suffix}", PLAIN, tmp_path / f"x{suffix}")
        assert np.array_equal(read_array(tmp_path / f"y{suffix}"), PLAIN)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_damaged_exif_is_left_out(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    whole = np.frombuffer(exif().tobytes(), np.uint8)
    for suffix in (".jpg", ".tif"):
        for _ in range(60):
            broken = whole.copy()
            broken[random.integers(6, len(whole), 3)] = random.integers(0, 256, 3)
            Image.fromarray(PLAIN).save(tmp_path / "x.jpg", exif=broken.tobytes())
            save_like(tmp_path / f"y{suffix}", PLAIN, tmp_path / "x.jpg")
            assert read_array(tmp_path / f"y{suffix}").shape == PLAIN.shape


def test_exif_that_can_be_read_and_not_written_is_left_out(tmp_path: Path) -> None:
    broken = bytearray(exif().tobytes())
    assert broken[127:132] == b"\x01\0\x01\0\x02"  # of the place: one entry, latitude's hemisphere, a text
    broken[129] = ExifTags.GPS.GPSDifferential  # which Pillow only writes as a number
    Image.fromarray(PLAIN).save(tmp_path / "x.jpg", exif=bytes(broken))
    for suffix in (".jpg", ".tif"):
        save_like(tmp_path / f"y{suffix}", PLAIN, tmp_path / "x.jpg")
        with Image.open(tmp_path / f"y{suffix}") as image:
            assert ExifTags.Base.Model not in image.getexif()


def test_a_photo_above_pillows_own_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = photo(tmp_path / "x.jpg")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    save_like(tmp_path / "y.jpg", PLAIN, source)
    assert (tmp_path / "y.jpg").is_file()


@pytest.mark.parametrize(
    ("name", "array", "reason"),
    [
        ("y.gif", PLAIN, r"not written as \.gif; use"),
        ("y", PLAIN, "not written as files without suffix"),
        ("y.jpg", DEEP, r"16-bit pixels do not fit into \.jpg; use \.png or \.tif"),
        ("y.webp", np.zeros((1, 16384, 3), np.uint8), r"cannot be written as WEBP .*; rename it to \.png"),
    ],
)
def test_what_cannot_be_written(tmp_path: Path, name: str, array: np.ndarray, reason: str) -> None:
    write_png(tmp_path / "x.png", PLAIN)
    with pytest.raises(ImageError, match=reason):
        save_like(tmp_path / name, array, tmp_path / "x.png")
    assert [file.name for file in tmp_path.iterdir()] == ["x.png"]


def test_a_failed_write_leaves_the_photo_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = photo(tmp_path / "x.jpg")
    path = photo(tmp_path / "y.jpg")
    before = path.read_bytes()

    def disk_full(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", disk_full)
    with pytest.raises(OSError, match="No space left"):
        save_like(path, PLAIN, source)
    assert path.read_bytes() == before


def test_iptc_is_said_to_be_left_out(tmp_path: Path) -> None:
    entry = b"\x1c\x02\x78\x00\x05Harbo"  # record 2, dataset 120: the caption
    block = b"8BIM\x04\x04\0\0" + len(entry).to_bytes(4, "big") + entry
    segment = b"Photoshop 3.0\0" + block
    photo(tmp_path / "x.jpg")
    plain = (tmp_path / "x.jpg").read_bytes()
    (tmp_path / "press.jpg").write_bytes(
        plain[:2] + b"\xff\xed" + (len(segment) + 2).to_bytes(2, "big") + segment + plain[2:]
    )
    assert save_like(tmp_path / "y.jpg", PLAIN, tmp_path / "press.jpg") == (
        "IPTC was left out: only EXIF and XMP are carried over",
    )
    assert save_like(tmp_path / "z.jpg", PLAIN, tmp_path / "x.jpg") == ()


def test_a_tiff_that_states_no_resolution_gets_none(tmp_path: Path) -> None:
    Image.fromarray(PLAIN).save(tmp_path / "x.tif")
    assert save_like(tmp_path / "y.jpg", PLAIN, tmp_path / "x.tif") == ()
    with Image.open(tmp_path / "y.jpg") as image:
        assert image.info.get("dpi", (72, 72)) == (72, 72)
