"""Infrared of 16 bits: spread by percentiles, in order, nothing clipped."""

from __future__ import annotations

import numpy as np

from tasks.thermal.depth import TAIL, histogram, levels, spread


def frame() -> np.ndarray:
    """A camera's 16 bits: a narrow band of levels, and one hot thing far above."""
    random = np.random.default_rng(0)
    pixels = random.normal(7300, 60, (120, 160)).clip(7000, 7600).astype(np.uint16)
    pixels[50:52, 60:62] = [[21000, 22000], [23000, 65535]]
    return pixels


def test_nothing_is_clipped_and_the_order_stays() -> None:
    pixels = frame()
    found = levels(histogram(pixels), (0.5, 99.5))
    heat = spread(pixels, found)
    assert heat.min() == 0 and heat.max() == 1
    values = np.unique(pixels)
    mapped = spread(values, found)
    assert (np.diff(mapped) > 0).all(), "two levels of the file are two levels after it"
    inner = (pixels >= found.low) & (pixels <= found.high)
    assert inner.mean() > 0.98 and heat[inner].min() >= TAIL - 1e-6 and heat[inner].max() <= 1 - TAIL + 1e-6
    assert heat.std() > 0.15, "the band that nearly all pixels are in gets the range"


def test_levels_of_a_set_are_those_of_all_its_pictures() -> None:
    one, other = frame(), (frame() // 2)
    together = levels(histogram(one) + histogram(other), (1, 99))
    assert together == levels(histogram(np.stack([one, other])), (1, 99))
    assert together.lowest < levels(histogram(one), (1, 99)).lowest


def test_percentiles_at_the_ends_use_the_whole_range() -> None:
    pixels = frame()
    found = levels(histogram(pixels), (0, 100))
    assert (found.low, found.high) == (found.lowest, found.highest)
    heat = spread(pixels, found)
    assert heat.min() == 0 and heat.max() == 1
    two = np.array([[3, 3, 9, 9]], np.uint16)
    assert spread(two, levels(histogram(two), (0.5, 99.5))).tolist() == [[0, 0, 1, 1]]
