"""Large levels strip by strip: the same as at once, at every border, and as OpenCV for odd sizes."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from models.fusers import pyramids
from models.fusers.classical import LaplacianPyramid
from models.fusers.pyramids import by_strips, down, put_together, up


@pytest.mark.parametrize("size", [(31, 17), (64, 21), (5, 3), (2, 9), (3, 40), (1, 8)])
def test_strips_are_the_whole(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    picture = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0))
    small = down(picture)  # a gradient may be wanted: at once
    large, fused = up(small, size), put_together(picture, small)
    weights = LaplacianPyramid().weights(picture)
    monkeypatch.setattr(pyramids, "STRIP", 3 * size[1])
    with torch.no_grad():
        assert torch.allclose(down(picture), small, atol=1e-6)
        assert torch.allclose(put_together(picture, small), fused, atol=1e-6)
        assert torch.allclose(LaplacianPyramid().weights(picture), weights, atol=1e-6)
    for first in range(size[0]):
        rows = (first, min(size[0], first + 3))
        assert torch.equal(up(small, size, rows), large[..., rows[0] : rows[1], :])


@pytest.mark.parametrize("size", [(31, 17), (64, 21), (9, 8)])
def test_odd_sizes_are_opencvs(size: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).random(size, np.float32)
    assert np.abs(down(torch.from_numpy(picture)[None, None])[0, 0].numpy() - cv2.pyrDown(picture)).max() < 1e-6


def test_every_row_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pyramids, "STRIP", 40)
    asked: list[tuple[int, int]] = []

    def rows(first: int, last: int) -> torch.Tensor:
        asked.append((first, last))
        return torch.arange(first, last)[:, None].expand(-1, 10)

    with torch.no_grad():
        made = by_strips(rows, (10, 10), torch.device("cpu"))
    assert asked == [(0, 4), (4, 8), (8, 10)]
    assert made[:, 0].tolist() == list(range(10))
