from __future__ import annotations

import io
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from pictures import ImageError, encode_png, icc, read_array, read_photo, save_like
from pictures.colour import DAMAGED_PROFILE, PLAIN_CMYK, is_srgb
from pictures.png import encode_channels

ROOT = Path(__file__).resolve().parents[2]
CASES = ROOT.parent / "shared" / "data" / "cases"
RANDOM = np.random.default_rng(5)
PLAIN = RANDOM.integers(0, 256, (40, 50, 3), dtype=np.uint8)
DEEP = RANDOM.integers(0, 65536, (40, 50, 3), dtype=np.uint16)
D65 = (0.3127, 0.3290)
ADOBE = icc.build(((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)), D65, (563 / 256,), "Adobe RGB (1998)")
P3 = icc.build(((0.68, 0.32), (0.265, 0.69), (0.15, 0.06)), D65, icc.SRGB_CURVE, "Display P3")
GREY = icc.build(None, D65, (1.8,), "Grey 1.8")


def by_littlecms(pixels: np.ndarray, profile: bytes) -> np.ndarray:
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    image = Image.fromarray(pixels)
    done = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    assert done is not None
    return np.asarray(done)


def adobe_by_hand(values: np.ndarray) -> np.ndarray:
    """Adobe RGB (1998) to sRGB by the matrices of the two standards, both of white D65."""
    to_xyz = np.array([[0.57667, 0.18556, 0.18823], [0.29734, 0.62736, 0.07529], [0.02703, 0.07069, 0.99134]])
    to_srgb = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])
    light = np.clip((values ** (563 / 256)) @ (to_srgb @ to_xyz).T, 0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("profile", [ADOBE, P3])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_8_bits_agree_with_littlecms(tmp_path: Path, suffix: str, profile: bytes) -> None:
    Image.fromarray(PLAIN).save(tmp_path / f"x{suffix}", icc_profile=profile)
    photo = read_photo(tmp_path / f"x{suffix}")
    assert np.abs(photo.pixels.astype(int) - by_littlecms(PLAIN, profile)).max() <= 1
    assert np.abs(photo.pixels.astype(int) - PLAIN).max() > 10
    assert photo.notes == (f"converted from {'Adobe RGB (1998)' if profile == ADOBE else 'Display P3'} to sRGB",)
    assert photo.profile == icc.SRGB


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bits_agree_with_an_independent_computation(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x{suffix}"
    if suffix == ".png":
        path.write_bytes(encode_channels(DEEP, [(b"iCCP", b"p\0\0" + zlib.compress(ADOBE))]))
    else:
        tifffile.imwrite(path, DEEP, photometric="rgb", iccprofile=ADOBE)
    found = read_array(path)
    assert found.dtype == np.uint16
    assert np.abs(found / 65535 - adobe_by_hand(DEEP / 65535)).max() < 1 / 255
    assert len(np.unique(found)) > 3000  # not through 8 bits


def test_a_profile_of_tables_is_converted_in_8_bits_and_refused_in_16(tmp_path: Path) -> None:
    steps = np.linspace(0, 1, 9)
    grid = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3)
    lab = np.stack(
        [0.1 + 0.8 * grid.mean(1), 0.5 + 0.1 * (grid[:, 0] - grid[:, 1]), 0.5 + 0.1 * (grid[:, 1] - grid[:, 2])], 1
    )
    line = np.array([0, 65535], ">u2").tobytes()
    body = (
        b"mft2\0\0\0\0" + bytes([3, 3, 9, 0]) + b"".join(int(v).to_bytes(4, "big") for v in 65536 * np.eye(3).ravel())
    )
    body += b"\0\2\0\2" + 3 * line + np.rint(lab * 65280).astype(">u2").tobytes() + 3 * line
    white = icc.tags(icc.SRGB)[b"wtpt"]
    parts = [(b"A2B0", body), (b"wtpt", white), *((k, icc.tags(icc.SRGB)[k]) for k in (b"desc", b"cprt"))]
    place, table, data = 132 + 12 * len(parts), b"", b""
    for name, part in parts:
        table += name + (place + len(data)).to_bytes(4, "big") + len(part).to_bytes(4, "big")
        data += part + bytes(-len(part) % 4)
    header = bytearray(icc.SRGB[:128])
    header[:4], header[8:12], header[12:16], header[20:24] = (
        (place + len(data)).to_bytes(4, "big"),
        b"\2\x40\0\0",
        b"scnr",
        b"Lab ",
    )
    profile = bytes(header) + len(parts).to_bytes(4, "big") + table + data
    tifffile.imwrite(tmp_path / "x.tif", PLAIN.astype(np.uint16) * 257, photometric="rgb", iccprofile=profile)
    with pytest.raises(ImageError, match=r"16 bits with the profile sRGB, which is made of tables; convert it to sRGB"):
        read_array(tmp_path / "x.tif")
    Image.fromarray(PLAIN).save(tmp_path / "y.tif", icc_profile=profile)
    assert np.array_equal(read_array(tmp_path / "y.tif"), by_littlecms(PLAIN, profile))


@pytest.mark.parametrize("deep", [False, True])
def test_grey_stays_one_channel_through_its_profile(tmp_path: Path, deep: bool) -> None:
    grey = PLAIN[..., 0]
    tifffile.imwrite(
        tmp_path / "x.tif", grey.astype(np.uint16) * 257 if deep else grey, photometric="minisblack", iccprofile=GREY
    )
    photo = read_photo(tmp_path / "x.tif")
    # LittleCMS's own 8 bits are up to 1.5 levels off the formula in the darkest grey, so 16 bits are held to the formula.
    expected = 255 * icc.encode((grey / 255) ** 1.8) if deep else by_littlecms(grey, GREY)[..., 1]
    assert photo.grey
    assert np.abs(photo.pixels[..., 2] / (257 if deep else 1) - expected).max() <= (0.01 if deep else 1)
    assert np.abs(expected - grey.astype(float)).max() > 10
    save_like(tmp_path / "y.png", photo.pixels, photo)
    with Image.open(tmp_path / "y.png") as image:
        assert image.mode == ("I;16" if deep else "L")
        assert image.info["icc_profile"] == icc.SRGB_GREY


def test_srgb_by_any_name_is_left_alone(tmp_path: Path) -> None:
    for profile in (icc.SRGB, ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()):
        assert is_srgb(profile)
        Image.fromarray(PLAIN).save(tmp_path / "x.png", icc_profile=profile)
        photo = read_photo(tmp_path / "x.png")
        assert np.array_equal(photo.pixels, PLAIN)
        assert (photo.notes, photo.profile) == ((), profile)
    assert not is_srgb(ADOBE)


def test_a_damaged_profile_is_said_and_the_photo_read(tmp_path: Path) -> None:
    for profile in (b"nonsense", ADOBE[:200], GREY, ADOBE[:128] + b"\xff" * 40):
        Image.fromarray(PLAIN).save(tmp_path / "x.tif", icc_profile=profile)
        photo = read_photo(tmp_path / "x.tif")
        assert np.array_equal(photo.pixels, PLAIN)
        assert photo.notes == (DAMAGED_PROFILE,)
        assert photo.profile is None


def test_lab_and_cmyk(tmp_path: Path) -> None:
    lab = ImageCms.createProfile("LAB")
    stored = ImageCms.profileToProfile(Image.fromarray(PLAIN), ImageCms.createProfile("sRGB"), lab, outputMode="LAB")
    assert stored is not None
    stored.save(tmp_path / "x.tif")
    photo = read_photo(tmp_path / "x.tif")
    back = ImageCms.profileToProfile(stored, lab, ImageCms.createProfile("sRGB"), outputMode="RGB")
    assert np.abs(photo.pixels.astype(int) - np.asarray(back)).max() <= 1
    Image.new("CMYK", (16, 16), (255, 0, 0, 0)).save(tmp_path / "x.jpg")
    assert read_photo(tmp_path / "x.jpg").notes == (PLAIN_CMYK,)


def test_chunks_of_a_png(tmp_path: Path) -> None:
    path = tmp_path / "x.png"

    def read(*chunks: tuple[bytes, bytes]) -> tuple[np.ndarray, tuple[str, ...]]:
        path.write_bytes(encode_channels(PLAIN, chunks))
        photo = read_photo(path)
        return photo.pixels, photo.notes

    for same in ((b"gAMA", (45455).to_bytes(4, "big")), (b"sRGB", b"\0"), (b"cICP", bytes([1, 13, 0, 1]))):
        pixels, notes = read(same)
        assert np.array_equal(pixels, PLAIN)
        assert notes == ()
    pixels, notes = read((b"gAMA", (100000).to_bytes(4, "big")))
    assert np.abs(pixels - 255 * icc.encode(PLAIN / 255)).max() <= 1
    assert notes == ("converted from gamma 1 to sRGB",)
    pixels, notes = read((b"cICP", bytes([12, 13, 0, 1])), (b"sRGB", b"\0"))
    assert np.abs(pixels.astype(int) - by_littlecms(PLAIN, P3)).max() <= 1
    assert notes == ("converted from Display P3 to sRGB",)
    with pytest.raises(ImageError, match=r"high dynamic range \(PQ\); export"):
        read((b"cICP", bytes([9, 16, 0, 1])))


def test_what_is_written_has_the_profile_that_it_then_has(tmp_path: Path) -> None:
    Image.fromarray(PLAIN).save(tmp_path / "x.png", icc_profile=ADOBE)
    for suffix in (".png", ".tif", ".jpg", ".webp"):
        photo = read_photo(tmp_path / "x.png")
        save_like(tmp_path / f"y{suffix}", photo.pixels, photo)
        with Image.open(tmp_path / f"y{suffix}") as image:
            assert image.info["icc_profile"] == icc.SRGB
    (tmp_path / "x.png").write_bytes(encode_png(PLAIN))
    save_like(tmp_path / "z.png", PLAIN, tmp_path / "x.png")
    assert "icc_profile" not in Image.open(tmp_path / "z.png").info


@pytest.mark.skipif(not CASES.is_dir(), reason="the shared cases are not here")
def test_the_exposure_in_adobe_rgb_is_that_in_srgb() -> None:
    adobe, srgb = (read_array(CASES / "04-icc" / name).astype(float) for name in ("over/a.jpg", "over_srgb.jpg"))
    assert np.abs(adobe - srgb).mean() < 2  # two JPEGs of one picture
