"""What EXIF says of when and how a photo was taken, and pairs by time."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from cameras import START, shot
from PIL import Image

from pictures import ImageError, Taken, header_size, taken
from pictures.taken import closest_in_time


def at(*seconds: float | None, name: str = "a", whole: bool = False, exposure: float | None = None) -> list[Taken]:
    return [Taken(Path(f"{name}{n}.jpg"), time, whole, exposure) for n, time in enumerate(seconds)]


def test_time_and_exposure(tmp_path: Path) -> None:
    found = taken(shot(tmp_path / "a.jpg", 1.25, 1 / 50, aperture=4.0, iso=400, bias=-2.0, mode=2, camera="Z"))
    assert found.seconds == pytest.approx(START.timestamp() + 1.25, rel=0, abs=1e-3) and not found.whole
    # log2(1/50 s x 400/100 / 4^2) = log2(0.005)
    assert found.stops == pytest.approx(math.log2(0.005), abs=1e-3)
    assert (found.bias, found.bracketed, found.camera, found.size) == (-2.0, True, "Z", (80, 64))


def test_twice_the_light_is_one_stop(tmp_path: Path) -> None:
    base = taken(shot(tmp_path / "a.jpg", 0, 1 / 100)).stops
    longer = taken(shot(tmp_path / "b.jpg", 0, 1 / 50)).stops
    faster = taken(shot(tmp_path / "c.jpg", 0, 1 / 100, iso=200)).stops
    assert (
        base is not None and longer == pytest.approx(base + 1, abs=1e-3) and faster == pytest.approx(base + 1, abs=1e-3)
    )


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
def test_every_format_that_carries_exif(tmp_path: Path, suffix: str) -> None:
    assert taken(shot(tmp_path / f"a{suffix}", 3, 1 / 10)).seconds == START.timestamp() + 3


def test_a_raw_file_is_read_by_its_tiff_header(tmp_path: Path) -> None:
    """Pillow cannot open one whose strips it does not know; its EXIF data stands in the same place as a TIFF's."""
    raw = shot(tmp_path / "a.tif", 3, 1 / 10)
    data = bytearray(raw.read_bytes())
    (tmp_path / "a.jpg").write_bytes(data)
    entries = int.from_bytes(data[4:8], "little")
    for place in range(int.from_bytes(data[entries : entries + 2], "little")):
        start = entries + 2 + 12 * place
        if int.from_bytes(data[start : start + 2], "little") in (256, 257):  # no width and no height
            data[start : start + 2] = (65000 + place).to_bytes(2, "little")
    (tmp_path / "a.dng").write_bytes(data)
    assert taken(tmp_path / "a.dng").stops == taken(raw).stops is not None


def test_a_photo_without_exif_and_one_with_nonsense(tmp_path: Path) -> None:
    Image.new("RGB", (9, 5)).save(tmp_path / "plain.png")
    found = taken(tmp_path / "plain.png")
    assert (found.seconds, found.stops, found.bracketed, found.size) == (None, None, None, (9, 5))
    exif = Image.Exif()
    exif.get_ifd(0x8769).update({36867: "0000:00:00 00:00:00", 33434: "fast", 34855: 0, 37521: "x"})
    Image.new("RGB", (9, 5)).save(tmp_path / "odd.jpg", exif=exif)
    assert (taken(tmp_path / "odd.jpg").seconds, taken(tmp_path / "odd.jpg").stops) == (None, None)


def test_what_is_no_photo_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("text")
    for name in ("absent.jpg", "text.jpg"):
        with pytest.raises(ImageError, match=name):
            header_size(tmp_path / name)


def test_pairs_by_time_are_the_nearest_and_one_to_one() -> None:
    pairs, errors = closest_in_time(at(0, 60, 120.0, name="u"), at(121, 0.4, 61, name="o"))
    assert (pairs, errors) == ({0: 1, 1: 2, 2: 0}, [])


def test_a_photo_too_far_in_time_is_named_with_the_nearest() -> None:
    pairs, errors = closest_in_time(at(0, 60, name="u"), at(1, name="o"))
    assert pairs == {0: 0}
    assert [str(error) for error in errors] == [
        "u1.jpg: has no partner within 10 s; the nearest, o0.jpg, was taken 59 s apart"
    ]


def test_a_long_exposure_extends_the_tolerance() -> None:
    assert closest_in_time(at(0, exposure=30.0), at(32, name="b"))[0] == {0: 0}


def test_ambiguous_pairs_are_refused_with_both_names() -> None:
    pairs, errors = closest_in_time(at(10, name="u"), at(8, 12, name="o"))
    assert pairs == {}
    reasons = {str(error.path): error.reason for error in errors}
    assert "as near to o0.jpg (2 s) and o1.jpg (2 s)" in reasons["u0.jpg"]
    assert "nearest to u0.jpg" in reasons["o0.jpg"]
    assert closest_in_time(at(10, name="u"), at(9.5, 12))[0] == {0: 0}
    assert closest_in_time(at(10, name="u", whole=True), at(9.5, 11))[0] == {}, "whole seconds cannot tell these apart"


def test_without_times_nothing_is_paired() -> None:
    pairs, errors = closest_in_time(at(None, 5, name="u"), at(None, name="o"))
    assert pairs == {}
    assert [error.reason for error in errors] == [
        "has no time of exposure in its EXIF data (DateTimeOriginal); it cannot be paired by time",
        "has no partner: no photo there has a time of exposure in its EXIF data",
        "has no time of exposure in its EXIF data (DateTimeOriginal); it cannot be paired by time",
    ]
