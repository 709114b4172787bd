from __future__ import annotations

from pathlib import Path

import pytest

from tasks.datasets import photos
from tasks.datasets.photos import PHOTOS, Photo, PhotoMissing, locate


def test_a_dozen_photographs_with_their_credits() -> None:
    assert len(PHOTOS) >= 12
    assert len({photo.name for photo in PHOTOS}) == len(PHOTOS)
    assert all(photo.credit for photo in PHOTOS)


@pytest.mark.parametrize(
    "photo", [photo for photo in PHOTOS if photo.package != "pictures"], ids=lambda photo: photo.name
)
def test_packages_ship_their_photographs(photo: Photo) -> None:
    from pictures import read_array

    height, width, _ = read_array(locate(photo)).shape
    assert min(height, width) >= 256  # the demo's crop


def test_pyiqas_pictures_come_through_the_weight_resolver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import models.weights

    monkeypatch.setattr(models.weights, "resolve", {"pictures": tmp_path}.__getitem__)
    photo = Photo("x", "pictures", "a/x.bmp", "me")
    with pytest.raises(PhotoMissing, match=r"x: .*a/x\.bmp is missing; install the pinned packages anew"):
        locate(photo)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.bmp").touch()
    assert locate(photo) == tmp_path / "a" / "x.bmp"


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photos, "find_spec", lambda name: None)
    with pytest.raises(PhotoMissing, match="astronaut: package skimage is not installed; run `make setup`"):
        locate(PHOTOS[0])
