"""Histogram metrics against scikit-learn and by hand; activity against numpy and scipy; correlations of differences by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import sobel
from sklearn.metrics import mutual_info_score

from models import quality


def grey(*rows: list[int]) -> torch.Tensor:
    """A grey picture (1, 3, H, W) of 8-bit levels."""
    return torch.tensor(rows, dtype=torch.float64).div(255).expand(1, 3, -1, -1)


def noise(seed: int, side: int = 40) -> tuple[np.ndarray, torch.Tensor]:
    levels = np.random.default_rng(seed).integers(0, 32, (side, side + 8)) * 8
    return levels.astype(float), grey(*levels.tolist())


def test_mutual_information_is_that_of_scikit_learn() -> None:
    (x, fused), (a, first), (b, second) = noise(0), noise(1), noise(2)
    mixed_levels = np.round((x + a) / 2)
    mixed = grey(*mixed_levels.astype(int).tolist())
    wanted = mutual_info_score(mixed_levels.ravel(), a.ravel()) + mutual_info_score(mixed_levels.ravel(), b.ravel())
    assert quality.create("mi")(mixed, sources=(first, second)).item() == pytest.approx(wanted, rel=1e-10)
    # What equals both sources shares all of their entropy: twice ln 2 for two levels alike often, and twice 1 normalised.
    halves = grey([0, 0, 255, 255], [0, 0, 255, 255])
    assert quality.create("mi")(halves, sources=(halves, halves)).item() == pytest.approx(2 * math.log(2))
    assert quality.create("nmi")(halves, sources=(halves, halves)).item() == pytest.approx(2.0)
    flat = grey([9, 9], [9, 9])
    assert quality.create("nmi")(flat, sources=(flat, flat)).item() == 0.0
    assert fused.shape == first.shape


def test_cross_entropy_by_hand() -> None:
    """Shares of the source 3/4 and 1/4, of the fused picture 1/2 and 1/2: 3/4 log2(3/2) + 1/4 log2(1/2)."""
    fused, source = grey([0, 0, 9, 9]), grey([0, 0, 0, 9])
    wanted = 0.75 * math.log2(1.5) + 0.25 * math.log2(0.5)
    assert quality.create("cross_entropy")(fused, sources=(source, source)).item() == pytest.approx(wanted)
    assert quality.create("cross_entropy")(fused, sources=(source, fused)).item() == pytest.approx(wanted / 2)


def test_activity_is_that_of_numpy_and_scipy() -> None:
    levels, picture = noise(3)
    down, right = np.gradient(levels)
    assert quality.create("ag")(picture).item() == pytest.approx(np.sqrt((down**2 + right**2) / 2).mean(), rel=1e-10)
    rows, columns = np.diff(levels, axis=1), np.diff(levels, axis=0)
    assert quality.create("sf")(picture).item() == pytest.approx(
        math.sqrt((rows**2).mean() + (columns**2).mean()), rel=1e-10
    )
    edges = np.hypot(sobel(levels, 0, mode="nearest"), sobel(levels, 1, mode="nearest"))
    assert quality.create("ei")(picture).item() == pytest.approx(edges.mean(), rel=1e-10)
    for name in ("ag", "sf", "ei"):
        assert quality.create(name)(grey([7, 7, 7], [7, 7, 7], [7, 7, 7])).item() == 0.0


def test_a_sum_of_both_sources_has_correlations_of_differences_of_two() -> None:
    (_, first), (_, second) = noise(4), noise(5)
    both = (first + second) / 2
    halved = quality.create("scd")(both, sources=(first / 2, second / 2)).item()
    assert halved == pytest.approx(2.0, abs=1e-3)  # levels are rounded to 8 bits
    levels = [picture[0, 0].flatten().numpy() for picture in (both, first, second)]
    wanted = np.corrcoef(levels[0] - levels[2], levels[1])[0, 1] + np.corrcoef(levels[0] - levels[1], levels[2])[0, 1]
    assert quality.create("scd")(both, sources=(first, second)).item() == pytest.approx(wanted, abs=1e-3)
    assert quality.create("scd")(first, sources=(first, first)).isnan().all()


def test_psnr_of_sources_is_of_the_mean_error() -> None:
    """Errors of 4 and 0 levels squared: 16 / 2 = 8, 10 log10(255^2 / 8)."""
    fused, one = grey([100, 100], [100, 100]), grey([104, 104], [104, 104])
    value = quality.create("psnr_sources")(fused, sources=(one, fused)).item()
    assert value == pytest.approx(10 * math.log10(255**2 / 8))
    assert quality.create("psnr_sources")(fused, sources=(fused, fused)).item() == 100.0
