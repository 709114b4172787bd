"""Burnt highlights and casts, by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.color import rgb2lab

from models.quality.harm import cast, clipped


def levels(*rows: tuple[int, int, int]) -> torch.Tensor:
    """A picture of one row of pixels (1, 3, 1, W) of levels up to 255."""
    return torch.tensor(rows).T[None, :, None] / 255


def test_a_pixel_is_burnt_where_it_was_not() -> None:
    before = levels((10, 20, 30), (100, 239, 3), (241, 0, 0), (255, 255, 255))
    after = levels((10, 20, 249), (251, 3, 3), (255, 255, 255), (255, 255, 255))
    assert clipped(after, (before,)).item() == 25, "the second alone: the others stay below, or were bright before"
    assert clipped(before, (before,)).item() == 0


def test_of_two_exposures_one_has_to_hold_it() -> None:
    dark, bright = levels((100, 100, 100), (250, 250, 250)), levels((255, 255, 255), (255, 255, 255))
    assert clipped(bright, (dark, bright)).item() == 50
    assert clipped(bright, (bright, bright)).item() == 0


def test_the_cast_is_that_of_what_was_grey() -> None:
    before = levels((100, 100, 100), (150, 150, 150), (200, 20, 20))
    after = levels((130, 100, 100), (150, 150, 150), (20, 200, 20))
    moved = [
        rgb2lab(np.array(one)[None, None] / 255)[0, 0, 1:]
        for one in ((130, 100, 100), (150, 150, 150), (100, 100, 100))
    ]
    expected = np.linalg.norm((moved[0] - moved[2] + moved[1] - moved[1]) / 2)
    assert cast(after, (before,)).item() == pytest.approx(expected, abs=0.01)
    assert cast(before, (before,)).item() == 0


def test_casts_that_cancel_are_none_and_without_grey_there_is_none() -> None:
    grey, red, cyan = (120, 120, 120), (126, 118, 118), (114, 122, 122)
    one = cast(levels(red, red), (levels(grey, grey),)).item()
    assert one > 2 and cast(levels(red, cyan), (levels(grey, grey),)).item() < one / 4
    assert cast(levels((9, 200, 9)), (levels((200, 9, 9)),)).item() == 0


def test_a_dark_colour_that_was_brightened_is_no_cast() -> None:
    dark, bright = (4, 4, 14), (60, 60, 150)  # of little chroma in the dark, and yet blue
    assert cast(levels(bright, (120, 120, 120)), (levels(dark, (30, 30, 30)),)).item() < 0.1
