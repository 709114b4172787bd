"""LOE against a pair-by-pair implementation and figures worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models import quality
from models.quality.lightness import lightness, loe, order_error


def pair_by_pair(image: np.ndarray, source: np.ndarray) -> float:
    """The paper's sums over all pairs of pixels of (H, W, 3) uint8, reduced as the authors' program does."""
    step = max(1, min(image.shape[:2]) // 50)
    rows, columns = (image.shape[side] // step for side in (0, 1))
    taken = [
        np.array([[one[i * step - 1, j * step - 1].max() for j in range(1, columns + 1)] for i in range(1, rows + 1)])
        for one in (image, source)
    ]
    total = 0
    for place in np.ndindex(rows, columns):
        total += int(np.logical_xor(taken[0] >= taken[0][place], taken[1] >= taken[1][place]).sum())
    return total / (rows * columns)


def tensor(picture: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(picture.astype(np.float32) / 255).permute(2, 0, 1)[None]


@pytest.mark.parametrize("shape", [(20, 30), (50, 61), (120, 101), (155, 170)])
def test_equals_pair_by_pair(shape: tuple[int, int]) -> None:
    random = np.random.default_rng(shape[0])
    image, *sources = (random.integers(0, 256, (*shape, 3), dtype=np.uint8) for _ in range(3))
    sources[1] = image // 2 + 3  # keeps the order, but for levels that fall together
    wanted = [pair_by_pair(image, source) for source in sources]
    assert wanted[1] < wanted[0]
    for count in (1, 2):
        got = loe(tensor(image), tuple(tensor(source) for source in sources[:count])).item()
        assert got == pytest.approx(np.mean(wanted[:count]), rel=1e-12)


def test_two_pixels_that_change_places_by_hand() -> None:
    one, other = torch.tensor([[10, 20, 30]]), torch.tensor([[20, 10, 30]])
    # As light or lighter than pixel 1: 1 2 3 and 1 3; than pixel 2: 2 3 and 1 2 3; than pixel 3: 3 and 3. Two changes, 3 pixels.
    assert order_error(one, other).item() == pytest.approx(2 / 3)
    assert order_error(one, one * 3).item() == 0.0


def test_the_brightest_channel_of_every_second_pixel_counts() -> None:
    image = torch.zeros(1, 3, 100, 120)
    image[0, 1, 1, 3] = 0.5
    image[0, 2, 0, 0] = 1.0  # between those that are taken
    found = lightness(image)
    assert found.shape == (1, 50, 60)
    assert found[0, 0, 1] == 128
    assert found.sum() == 128


def test_a_brighter_picture_keeps_the_order_and_one_source_is_enough() -> None:
    dark = torch.rand(2, 3, 60, 70, generator=torch.Generator().manual_seed(0)) * 0.4
    metric = quality.create("loe")
    levels = (dark * 255).round() / 255
    assert metric(levels * 2, sources=(levels,)).tolist() == [0.0, 0.0]
    assert (metric(1 - levels, sources=(levels,)) > 1000).all()
    assert quality.info("loe").least_sources == 1
    with pytest.raises(ValueError, match="a tuple of one or more; none were given"):
        metric(levels)
