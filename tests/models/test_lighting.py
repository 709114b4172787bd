"""Light that falls unevenly: its range, what stays as it is, and that it is drawn anew."""

from __future__ import annotations

import numpy as np
import pytest

from models.degradation import darken
from models.lighting import LIGHTS, lighting

PHOTO = np.random.default_rng(0).random((48, 64, 3)).astype(np.float32)


@pytest.mark.parametrize("name", sorted(LIGHTS))
def test_every_light_takes_light_away_and_no_more_than_it_may(name: str) -> None:
    for seed in range(8):
        stops = lighting(PHOTO, name, 3.0, np.random.default_rng(seed))
        assert stops.shape == PHOTO.shape[:2]
        assert np.isfinite(stops).all() and stops.min() >= 0
        assert stops.max() < 3.0 * 1.7 + 1.5
        again = lighting(PHOTO, name, 3.0, np.random.default_rng(seed))
        assert np.array_equal(stops, again)


def test_even_is_one_exposure_and_fine_is_none() -> None:
    assert (lighting(PHOTO, "even", 2.5, np.random.default_rng(0)) == 2.5).all()
    assert not lighting(PHOTO, "fine", 2.5, np.random.default_rng(0)).any()


@pytest.mark.parametrize("name", sorted(set(LIGHTS) - {"even", "fine"}))
def test_the_others_differ_over_the_picture_and_from_draw_to_draw(name: str) -> None:
    one, other = (lighting(PHOTO, name, 3.0, np.random.default_rng(seed)) for seed in (1, 2))
    assert one.std() > 0.05
    assert not np.allclose(one, other)


def test_backlight_leaves_what_is_bright() -> None:
    photo = np.full((40, 80, 3), 0.1)
    photo[:, 40:] = 0.95
    stops = lighting(photo, "backlight", 4.0, np.random.default_rng(0))
    assert stops[:, :20].mean() > 2 and stops[:, 60:].mean() < 0.5


def test_each_pixel_is_darkened_by_its_own_stops() -> None:
    grey, random = np.full((2, 2, 3), 0.5), np.random.default_rng(0)
    made = darken(grey, np.array([[0.0, 1.0], [2.0, 3.0]]), 0.0, 0.0, random)
    for place, stops in (((0, 0), 0.0), ((0, 1), 1.0), ((1, 0), 2.0), ((1, 1), 3.0)):
        assert made[place] == pytest.approx(darken(grey, stops, 0.0, 0.0, random)[place])


def test_an_unknown_light() -> None:
    with pytest.raises(KeyError):
        lighting(PHOTO, "moon", 1.0, np.random.default_rng(0))
