"""FMI against the paper's formulas, window by window and cell by cell."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from models.quality import strips
from models.quality.fusion.feature_information import densities, fmi, window_information


def grey(values: np.ndarray) -> torch.Tensor:
    """(H, W) in [0, 255] as a colourless image (1, 3, H, W)."""
    return torch.from_numpy(values / 255)[None, None].expand(1, 3, *values.shape)


def entropy(shares: list[float]) -> float:
    return -sum(share * math.log2(share) for share in shares if share > 0)


def spread(density: list[float]) -> tuple[float, float]:
    mean = sum((i + 1) * share for i, share in enumerate(density))
    return mean, math.sqrt(max(sum((i + 1) ** 2 * share for i, share in enumerate(density)) - mean**2, 0))


def correlation(one: list[float], other: list[float]) -> float:
    if max(one) == min(one) or max(other) == min(other):
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])


def information(one: list[float], other: list[float]) -> float:
    if one == other:
        return 1.0
    n, wanted = len(one), correlation(one, other)

    def cumulated(i: int, j: int) -> float:
        if i < 0 or j < 0:
            return 0.0
        p, q = sum(one[: i + 1]), sum(other[: j + 1])
        return min(p, q) if wanted >= 0 else max(p + q - 1, 0)

    bound = [
        [cumulated(i, j) - cumulated(i - 1, j) - cumulated(i, j - 1) + cumulated(i - 1, j - 1) for j in range(n)]
        for i in range(n)
    ]
    (mean_1, spread_1), (mean_2, spread_2) = spread(one), spread(other)
    share = 0.0
    if spread_1 > 1e-6 and spread_2 > 1e-6:
        product = sum((i + 1) * (j + 1) * bound[i][j] for i in range(n) for j in range(n))
        share = min(max(wanted * spread_1 * spread_2 / (product - mean_1 * mean_2), 0), 1)
    joint = [share * bound[i][j] + (1 - share) * one[i] * other[j] for i in range(n) for j in range(n)]
    both = entropy(one) + entropy(other)
    return 2 * (both - entropy(joint)) / both if both > 0 else 0.0


def window_by_window(fused: np.ndarray, sources: list[np.ndarray]) -> float:
    values = []
    features = [np.hypot(*np.gradient(picture)) for picture in (fused, *sources)]

    def density(feature: np.ndarray, i: int, j: int) -> list[float]:
        window = feature[i : i + 3, j : j + 3].ravel()
        return [float(v) for v in window / window.sum()] if window.sum() > 0 else [1 / 9] * 9

    for i, j in np.ndindex(fused.shape[0] - 2, fused.shape[1] - 2):
        f, *others = (density(feature, i, j) for feature in features)
        values += [information(other, f) for other in others]
    return float(np.mean(values))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_equals_window_by_window(count: int) -> None:
    generator = np.random.default_rng(count)
    fused, *sources = [generator.integers(0, 256, (12, 14)).astype(float) for _ in range(count + 1)]
    fused[:, :5] = sources[0][:, :5]
    sources[0][7:, :6] = 40.0  # flat windows
    fused[4:, 9:] = 100.0
    fused[5, 11] = 130.0  # windows with an edge at one place alone
    got = fmi(grey(fused), [grey(source) for source in sources]).item()
    assert 0.05 < got < 0.95
    assert got == pytest.approx(window_by_window(fused, sources), abs=1e-12)


def test_a_copy_tells_all_and_independence_nothing() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (12, 12)).astype(float)
    assert fmi(grey(picture), (grey(picture), grey(picture))).item() == 1.0
    # A flat source: uniform densities have no correlation, so the joint density is the independent one.
    assert fmi(grey(picture), (grey(np.full((12, 12), 90.0)),)).item() == pytest.approx(0.0, abs=1e-12)


def test_the_half_of_two_places_by_hand() -> None:
    one = torch.tensor([0.5, 0.5, 0, 0, 0, 0, 0, 0, 0], dtype=torch.float64).view(1, 9, 1, 1)
    other = torch.tensor([0.5, 0, 0.5, 0, 0, 0, 0, 0, 0], dtype=torch.float64).view(1, 9, 1, 1)
    # Correlation: deviations 7/18 and -1/9, one place in common: (7/18)^2 - 2 * 7/18 / 9 + 6 / 81 over 2 (7/18)^2 + 7 / 81
    # = 0.138889 / 0.388889 = 5/14. The upper bound pairs the halves, correlation 1: share 5/14. Joint: 1/2 * 5/14 + 1/4 * 9/14
    # = 19/56 twice and 1/4 * 9/14 = 9/56 twice, 1.905928 bits of 2: 2 * 0.094072 / 2.
    entropy_ = -2 * (19 / 56 * math.log2(19 / 56) + 9 / 56 * math.log2(9 / 56))
    assert window_information(one, other).item() == pytest.approx(2 - entropy_, abs=1e-12)
    assert 2 - entropy_ == pytest.approx(0.094072, abs=1e-6)


def test_densities_sum_to_one() -> None:
    features = torch.rand(2, 1, 8, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    features[:, :, :4, :4] = 0
    found = densities(features)
    assert found.shape == (2, 9, 6, 7)
    assert torch.allclose(found.sum(1), torch.ones(2, 6, 7, dtype=torch.float64))
    assert found[0, :, 0, 0].tolist() == [1 / 9] * 9


def test_strips_give_the_same_value(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = torch.rand(3, 2, 3, 20, 23, generator=torch.Generator().manual_seed(0))
    whole = fmi(pictures[0], (pictures[1], pictures[2]))
    monkeypatch.setitem(strips._ELEMENTS, "cpu", 100)
    assert torch.allclose(fmi(pictures[0], (pictures[1], pictures[2])), whole, rtol=1e-13, atol=0)
