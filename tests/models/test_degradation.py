from __future__ import annotations

import numpy as np
import pytest

from models.degradation import add_noise, darken, expose, to_linear, to_srgb


def test_linear_light_of_middle_grey() -> None:
    # IEC 61966-2-1: ((0.5 + 0.055) / 1.055) ** 2.4, and the linear part 0.04 / 12.92
    assert to_linear(np.array(0.5)) == pytest.approx(0.214041, abs=1e-6)
    assert to_linear(np.array(0.04)) == pytest.approx(0.00309598, abs=1e-8)
    assert to_srgb(np.array(0.214041)) == pytest.approx(0.5, abs=1e-6)


def test_round_trip_and_ends() -> None:
    values = np.linspace(0, 1, 1001)
    assert np.abs(to_srgb(to_linear(values)) - values).max() < 1e-7  # the standard's rounded constants join to 1e-7
    assert to_linear(np.array([0.0, 1.0])).tolist() == [0.0, 1.0]
    assert np.all(np.diff(to_linear(values)) > 0)


@pytest.mark.parametrize("level", [0.1, 0.3, 0.6])
def test_variance_of_the_noise(level: float) -> None:
    gain, read = 0.002, 0.01
    noisy = add_noise(np.full((300, 300, 3), level), gain, read, np.random.default_rng(0))
    # 270,000 samples: the variance's own deviation is sqrt(2 / n) = 0.27 %; 1.5 % is five of them.
    assert noisy.var() == pytest.approx(gain * level + read**2, rel=0.015)
    assert noisy.mean() == pytest.approx(level, abs=2e-4)


def test_noise_stays_in_range_and_needs_sane_parameters() -> None:
    noisy = add_noise(np.full((50, 50, 3), 0.01), 0.1, 0.1, np.random.default_rng(0))
    assert noisy.min() == 0.0
    assert noisy.max() <= 1.0
    for gain, read in ((-0.1, 0.0), (0.0, -0.1)):
        with pytest.raises(ValueError, match="must not be negative"):
            add_noise(np.zeros((1, 1, 3)), gain, read, np.random.default_rng(0))


def test_every_stop_halves_the_light() -> None:
    photo = np.random.default_rng(0).random((8, 8, 3)).astype(np.float32)
    dark = darken(photo, 3.0, 0.0, 0.0, np.random.default_rng(0))
    assert dark.dtype == np.float32
    assert to_linear(dark.astype(np.float64)) == pytest.approx(to_linear(photo.astype(np.float64)) / 8, abs=1e-6)
    assert darken(photo, 0.0, 0.0, 0.0, np.random.default_rng(0)) == pytest.approx(photo, abs=1e-6)


def test_noise_comes_from_the_generator_alone() -> None:
    photo = np.full((8, 8, 3), 0.5, np.float32)
    first, again, other = (darken(photo, 2.0, 0.01, 0.01, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_exposing_longer_doubles_the_light_and_clips() -> None:
    # One stop: 0.5 is 0.214041 of linear light, 0.428082 doubled; its 2.4th root 0.702214 gives
    # 1.055 * 0.702214 - 0.055 = 0.685836.
    photo = np.stack([np.full((4, 4), value) for value in (0.0, 0.5, 0.9)], 2)
    longer = expose(photo, 1.0, 0.0, 0.0, np.random.default_rng(0))
    assert longer[0, 0].tolist() == pytest.approx([0.0, 0.685836, 1.0], abs=1e-6)
    assert longer.dtype == np.float32
    shorter = expose(photo, -2.0, 0.001, 0.01, np.random.default_rng(3))
    assert np.array_equal(shorter, darken(photo, 2.0, 0.001, 0.01, np.random.default_rng(3)))
