"""The shift of infrared against visible: found where contrasts are reversed, refused where nothing is shared."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import data, img_as_float32

from pictures import Shift, shift_between, shifted


def scene() -> np.ndarray:
    return np.asarray(img_as_float32(data.astronaut()[:320, :400]))


def heat(picture: np.ndarray) -> np.ndarray:
    """Other contrasts: what is bright is cold but for one channel, and there is noise."""
    mixed = 0.5 - 0.6 * picture[..., 1] + 0.3 * picture[..., 0]
    return np.clip(mixed + np.random.default_rng(0).normal(0, 0.02, mixed.shape), 0, 1).astype(np.float32)


@pytest.mark.parametrize(("right", "down"), [(0, 0), (5, -3), (-9, 8), (2.5, 0.5)])
def test_a_shift_is_found_through_reversed_contrasts(right: float, down: float) -> None:
    moved = shifted(heat(scene()), Shift(-right, -down, 99))
    found = shift_between(moved, scene())
    assert found.certain
    assert abs(found.x - right) < 0.5 and abs(found.y - down) < 0.5, found
    back = shifted(moved, found)
    assert np.abs(back - heat(scene()))[20:-20, 20:-20].mean() < 0.03


def test_nothing_is_said_of_pictures_that_share_nothing() -> None:
    noise = np.random.default_rng(1).random((320, 400)).astype(np.float32)
    for other in (noise, np.full_like(noise, 0.5), heat(scene()[::-1, ::-1])):
        found = shift_between(other, scene())
        assert not found.certain
        assert (found.x, found.y) == (0.0, 0.0)


def test_sizes_have_to_agree() -> None:
    with pytest.raises(ValueError, match="pictures of one size"):
        shift_between(scene()[:100], scene())
    assert not shift_between(scene()[:20], scene()[:20]).certain, "too small to tell"
