from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pictures import write_png
from tasks.pages import pictures as report_pictures


def images(**crops: int) -> pd.DataFrame:
    rows = [(f"{photo}_{number}", photo, None) for photo, count in crops.items() for number in range(count)]
    return pd.DataFrame(rows, columns=["id", "photograph", "reference"])


def test_photos_are_spread_over_photographs() -> None:
    assert report_pictures.choose(images(a=5, b=5, c=5), 6) == ["a_0", "a_2", "b_0", "b_2", "c_0", "c_2"]
    assert report_pictures.choose(images(a=5, b=1, c=5), 5) == ["a_0", "a_2", "b_0", "c_0", "c_2"]
    assert report_pictures.choose(images(a=1, b=1, c=1, d=1), 2) == ["a_0", "c_0"]
    assert report_pictures.choose(images(a=2), 8) == ["a_0", "a_1"]


def test_large_pictures_are_reduced_and_keep_their_shape(tmp_path: Path) -> None:
    write_png(tmp_path / "big.png", np.full((300, 1280, 3), 90, np.uint8))
    uri, size = report_pictures.jpeg(str(tmp_path / "big.png"), 640, 85)
    picture = Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1])))
    assert picture.format == "JPEG" and picture.size == size == (640, 150)


@pytest.fixture
def noisy(tmp_path: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Four noise pictures of 640 pixels: the worst that a JPEG can be asked to hold."""
    table = images(a=2, b=2)
    random = np.random.default_rng(1)
    rows = []
    for image in table.id:
        write_png(tmp_path / f"{image}.png", random.integers(0, 256, (400, 640, 3), dtype=np.uint8))
        rows.append((image, "f0", str(tmp_path / f"{image}.png")))
    return table, pd.DataFrame(rows, columns=["image", "model", "path"])


@pytest.mark.parametrize(
    ("budget", "count", "width"), [(10_000_000, 4, 640), (900_000, 4, 400), (200_000, 2, 320), (1000, 0, 0)]
)
def test_pictures_keep_to_the_budget(
    noisy: tuple[pd.DataFrame, pd.DataFrame], monkeypatch: pytest.MonkeyPatch, budget: int, count: int, width: int
) -> None:
    monkeypatch.setattr(report_pictures, "BUDGET", budget)
    photos = report_pictures.embed(*noisy, ["f0", "f1"], 4)
    assert sum(len(version.uri) for photo in photos for version in photo.versions) <= budget
    assert len(photos) == count
    assert {photo.width for photo in photos} == ({width} if count else set())
