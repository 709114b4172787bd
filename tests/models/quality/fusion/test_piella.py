"""Qw against a window-by-window implementation and figures worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.quality import strips
from models.quality.fusion.piella import edge_picture, qw


def grey(values: np.ndarray) -> torch.Tensor:
    """(H, W) in [0, 255] as a colourless image (1, 3, H, W)."""
    return torch.from_numpy(values / 255)[None, None].expand(1, 3, *values.shape)


def prewitt(picture: np.ndarray) -> np.ndarray:
    p = np.pad(picture, 1)
    found = np.zeros(picture.shape)
    for i, j in np.ndindex(*picture.shape):
        window = p[i : i + 3, j : j + 3]
        found[i, j] = np.hypot((window * [[-1, 0, 1]]).sum(), (window * [[-1], [0], [1]]).sum())
    return found


def window_by_window(fused: np.ndarray, sources: list[np.ndarray]) -> float:
    place = np.arange(11) - 5
    weights = np.exp(-(place[:, None] ** 2 + place**2) / (2 * 1.5**2))
    weights /= weights.sum()
    f, others = prewitt(fused), [prewitt(source) for source in sources]
    above = below = 0.0
    for i, j in np.ndindex(f.shape[0] - 10, f.shape[1] - 10):
        y = f[i : i + 11, j : j + 11]
        mean_y = (weights * y).sum()
        variance_y = (weights * (y - mean_y) ** 2).sum()
        variances, similarities = [], []
        for other in others:
            x = other[i : i + 11, j : j + 11]
            mean_x = (weights * x).sum()
            variance_x = (weights * (x - mean_x) ** 2).sum()
            covariance = (weights * (x - mean_x) * (y - mean_y)).sum()
            c1, c2 = 2.55**2, 7.65**2
            similarities.append(
                (2 * mean_x * mean_y + c1)
                * (2 * covariance + c2)
                / ((mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2))
            )
            variances.append(variance_x)
        if max(variances) < 1e-12:
            variances = [0.5] * len(variances)
        value = sum(v * s for v, s in zip(variances, similarities, strict=True)) / sum(variances)
        above, below = above + max(variances) * value, below + max(variances)
    return above / below


@pytest.mark.parametrize("count", [2, 3])
def test_equals_window_by_window(count: int) -> None:
    generator = np.random.default_rng(count)
    fused, *sources = [generator.integers(0, 256, (24, 27)).astype(float) for _ in range(count + 1)]
    fused[:, :12] = sources[0][:, :12]
    for source in sources:
        source[10:, 12:] = 0.0  # a part where no source has an edge
    got = qw(grey(fused), [grey(source) for source in sources]).item()
    assert 0.01 < got < 0.95
    assert got == pytest.approx(window_by_window(fused, sources), abs=1e-12)


def test_a_copy_is_perfect_and_a_flat_source_has_no_say() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (20, 20)).astype(float)
    black = np.zeros((20, 20))
    assert qw(grey(picture), (grey(picture), grey(picture))).item() == pytest.approx(1.0, abs=1e-12)
    assert qw(grey(picture), (grey(picture), grey(black))).item() == pytest.approx(1.0, abs=1e-12)
    assert qw(grey(black), (grey(black), grey(black))).item() == 1.0


def test_the_edge_of_a_step_by_hand() -> None:
    step = torch.zeros(1, 1, 5, 6, dtype=torch.float64)
    step[..., 3:] = 10
    # Three rows of a difference of 10; nothing vertical.
    assert edge_picture(step)[0, 0].tolist() == [[0, 30, 30, 0]] * 3


def test_strips_give_the_same_value(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = torch.rand(3, 2, 3, 40, 23, generator=torch.Generator().manual_seed(0))
    whole = qw(pictures[0], (pictures[1], pictures[2]))
    monkeypatch.setitem(strips._ELEMENTS, "cpu", 100)
    assert torch.allclose(qw(pictures[0], (pictures[1], pictures[2])), whole, rtol=1e-13, atol=0)
