"""Bracketed bursts of a folder, as cameras shoot them."""

from __future__ import annotations

from pathlib import Path

import pytest
from cameras import bracket, shot
from PIL import Image

from pictures import Bursts, ImageError, bursts, listing

THREE = (1 / 100, 1 / 400, 1 / 25)


def found_in(folder: Path) -> Bursts:
    return bursts(listing(folder, recursive=True))


def names(found: Bursts) -> list[list[str]]:
    return [[path.stem for path in burst.photos] for burst in found.scenes]


def test_a_folder_of_bursts_from_the_darkest_to_the_brightest(tmp_path: Path) -> None:
    bracket(tmp_path, 1, 0, THREE)
    bracket(tmp_path, 4, 30, THREE)
    found = found_in(tmp_path)
    assert names(found) == [["IMG_0002", "IMG_0001", "IMG_0003"], ["IMG_0005", "IMG_0004", "IMG_0006"]]
    assert found.scenes[0].stops == pytest.approx((0, 2, 4), abs=0.01)
    assert found.lonely == []


def test_bursts_in_immediate_succession_end_where_an_exposure_comes_again(tmp_path: Path) -> None:
    bracket(tmp_path, 1, 0, THREE * 3, step=0.2)
    assert [len(burst.photos) for burst in found_in(tmp_path).scenes] == [3, 3, 3]


def test_a_repeated_compensation_ends_a_burst_though_the_light_changed(tmp_path: Path) -> None:
    for number, (exposure, bias) in enumerate([(1 / 400, -2.0), (1 / 100, 0.0), (1 / 300, -2.0), (1 / 75, 0.0)]):
        shot(tmp_path / f"{number}.jpg", number * 0.3, exposure, bias=bias)
    assert names(found_in(tmp_path)) == [["0", "1"], ["2", "3"]]


def test_whole_seconds_suffice(tmp_path: Path) -> None:
    bracket(tmp_path, 1, 0, THREE, step=0.3, fine=False)
    bracket(tmp_path, 4, 9, THREE, step=0.3, fine=False)
    assert [len(burst.photos) for burst in found_in(tmp_path).scenes] == [3, 3]


def test_long_exposures_take_their_time(tmp_path: Path) -> None:
    for number, (seconds, exposure) in enumerate([(0, 8.0), (8.5, 30.0), (39, 2.0)]):
        shot(tmp_path / f"{number}.jpg", seconds, exposure)
    assert names(found_in(tmp_path)) == [["2", "0", "1"]]


def test_photos_of_no_burst_are_named(tmp_path: Path) -> None:
    bracket(tmp_path, 1, 0, THREE)
    shot(tmp_path / "alone.jpg", 100)
    shot(tmp_path / "auto_1.jpg", 200, 1 / 100)
    shot(tmp_path / "auto_2.jpg", 201, 1 / 125)  # a third of a stop: no bracket
    shot(tmp_path / "no_exposure.jpg", 300, None)
    Image.new("RGB", (80, 64)).save(tmp_path / "no_exif.jpg")
    (tmp_path / "broken.jpg").write_text("text")
    found = found_in(tmp_path)
    assert len(found.scenes) == 1
    reasons = {error.path.name: error.reason for error in found.lonely}
    assert list(reasons) == ["alone.jpg", "auto_1.jpg", "auto_2.jpg", "broken.jpg", "no_exif.jpg", "no_exposure.jpg"]
    assert reasons["alone.jpg"] == "belongs to no burst: no other exposure of its scene within 3 s"
    assert reasons["auto_2.jpg"] == "belongs to no burst: its 2 exposures differ by 0.3 stops only"
    assert "no time of exposure" in reasons["no_exif.jpg"] and "no exposure" in reasons["no_exposure.jpg"]


def test_a_single_shot_beside_a_bracket_is_not_of_it(tmp_path: Path) -> None:
    """The camera says that it was bracketing; the shot before was another picture."""
    shot(tmp_path / "before.jpg", 0, 1 / 800, mode=0)
    bracket(tmp_path, 1, 1, THREE, mode=2)
    assert names(found_in(tmp_path)) == [["IMG_0002", "IMG_0001", "IMG_0003"]]


def test_cameras_sizes_and_folders_do_not_mix(tmp_path: Path) -> None:
    for place, folder in enumerate(("a", "b")):
        bracket(tmp_path / folder, 1, place * 0.1, THREE, camera="one")
    bracket(tmp_path / "a", 11, 0.05, THREE, camera="two")
    bracket(tmp_path / "a", 21, 1.4, (1 / 800, 1 / 50), camera="one", size=(64, 80))
    found = found_in(tmp_path)
    assert [len(burst.photos) for burst in found.scenes] == [3, 3, 2, 3]
    assert all(len({path.parent for path in burst.photos}) == 1 for burst in found.scenes)


def test_iso_and_aperture_count(tmp_path: Path) -> None:
    shot(tmp_path / "a.jpg", 0, 1 / 100, iso=100)
    shot(tmp_path / "b.jpg", 1, 1 / 100, iso=800)
    shot(tmp_path / "c.jpg", 2, 1 / 100, iso=100, aperture=16)
    assert names(found_in(tmp_path)) == [["c", "a", "b"]]


def test_compensation_serves_where_no_shutter_speed_is_noted(tmp_path: Path) -> None:
    for number, bias in enumerate((0.0, -2.0, 2.0)):
        shot(tmp_path / f"{number}.jpg", number, None, bias=bias)
    assert names(found_in(tmp_path)) == [["1", "0", "2"]]


def test_a_folder_without_a_burst(tmp_path: Path) -> None:
    shot(tmp_path / "alone.jpg", 100)
    with pytest.raises(
        ImageError, match=r"no bracketed burst among its 1 photos; for one, .*alone\.jpg: belongs to no"
    ):
        found_in(tmp_path)
    shot(tmp_path / "alone.png", 100)
    with pytest.raises(ImageError, match="same stem"):
        found_in(tmp_path)
