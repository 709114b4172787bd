from __future__ import annotations

import numpy as np
import pytest

from pictures import reduce_to


def test_area_averaging() -> None:
    photo = np.zeros((4, 6, 3), np.float32)
    photo[::2, ::2] = 1.0  # a quarter of every 2 x 2 cell
    reduced = reduce_to(photo, 0.5)
    assert reduced.shape == (2, 3, 3)
    assert reduced.dtype == np.float32
    assert reduced == pytest.approx(np.full((2, 3, 3), 0.25))


def test_nothing_is_enlarged_and_nothing_vanishes() -> None:
    photo = np.random.default_rng(0).random((4, 100, 3)).astype(np.float32)
    for scale in (1.0, 2.0):
        assert reduce_to(photo, scale) is photo
    assert reduce_to(photo, 0.1).shape == (1, 10, 3)
