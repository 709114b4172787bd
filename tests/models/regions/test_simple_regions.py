"""Segmenters that need no weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models import regions
from models.regions.base import Segmenter, regions_of

SIMPLE: dict[str, dict[str, Any]] = {
    "superpixels": {"count": 9},
    "grid": {"rows": 2, "columns": 3},
    "boxes": {},
    "whole": {},
}


def picture(height: int = 40, width: int = 60) -> np.ndarray:
    """A dark half and a bright half, with a little noise."""
    made = np.full((height, width, 3), 60, np.uint8)
    made[:, width // 2 :] = 200
    return made + np.random.default_rng(0).integers(0, 8, made.shape, dtype=np.uint8)


@pytest.mark.parametrize("name", SIMPLE)
@pytest.mark.parametrize("size", [(40, 60), (1, 1), (3, 50)])
def test_masks_are_of_the_picture_and_the_same_each_time(name: str, size: tuple[int, int]) -> None:
    segmenter = regions.create(name, **SIMPLE[name])
    assert isinstance(segmenter, Segmenter)
    first, second = segmenter.masks(picture(*size)), regions.create(name, **SIMPLE[name]).masks(picture(*size))
    assert first
    assert all(mask.shape == size and mask.dtype == bool and mask.any() for mask in first)
    assert np.array_equal(first, second)
    assert regions_of(first, *size, 0.0).shape == size


def test_the_grid_has_rows_and_columns() -> None:
    labels = regions_of(regions.create("grid", rows=2, columns=3).masks(picture(4, 6)), 4, 6, 0.0)
    assert labels.tolist() == [[0, 0, 1, 1, 2, 2]] * 2 + [[3, 3, 4, 4, 5, 5]] * 2
    assert len(regions.create("grid", rows=9, columns=9).masks(picture(3, 4))) == 12


def test_superpixels_follow_the_edge() -> None:
    masks = regions.create("superpixels", count=8).masks(picture())
    assert 4 <= len(masks) <= 16
    assert (np.sum(masks, axis=0) == 1).all()
    shares = [mask[:, 30:].sum() / mask.sum() for mask in masks]
    assert all(share < 0.1 or share > 0.9 for share in shares)


def test_boxes_are_of_the_asked_share_and_differ_between_pictures() -> None:
    segmenter = regions.create("boxes", count=5, side=0.5)
    masks = segmenter.masks(picture())
    assert [int(mask.sum()) for mask in masks] == [20 * 30] * 5
    assert not np.array_equal(masks, segmenter.masks(picture()[::-1]))


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        (
            "watershed",
            {},
            "no segmenter is called 'watershed'; known are boxes, grid, mobile_sam, sam, superpixels, whole",
        ),
        ("grid", {"rows": 0}, "rows is 1 or more, not 0"),
        ("grid", {"size": 3}, "has no option 'size'"),
        ("superpixels", {"count": 0}, "count is 1 or more"),
        ("superpixels", {"compactness": 0.0}, "compactness is above 0"),
        ("boxes", {"side": 1.5}, r"side is a share in \(0, 1\], not 1.5"),
    ],
)
def test_what_does_not_fit_is_refused(name: str, options: dict[str, Any], told: str) -> None:
    with pytest.raises(regions.UnknownSegmenter, match=told):
        regions.create(name, **options)
