from __future__ import annotations

import numpy as np
import pytest
import torch

from models.quality.fusion.statistics import correlation, standard_deviation


def greys(*rows: list[int]) -> torch.Tensor:
    """One colourless image a row, (B, 3, 1, W), of 8-bit greys."""
    return (torch.tensor(rows).double() / 255)[:, None, None, :].expand(len(rows), 3, 1, len(rows[0]))


def test_deviation_by_hand() -> None:
    # 0 and 255, half and half: 127.5. 10, 20, 30, 40: mean 25, squares 225 25 25 225, mean 125, root 11.18034.
    assert standard_deviation(greys([0, 255, 0, 255], [10, 20, 30, 40])).tolist() == pytest.approx([127.5, 11.180340])
    assert standard_deviation(greys([7, 7])).item() == 0.0


def test_colour_counts_by_its_luma() -> None:
    image = torch.zeros(1, 3, 1, 2)
    image[0, 1, 0, 0] = 1.0  # pure green: round(0.587 * 255) = 150 against 0
    assert standard_deviation(image).item() == 75.0


def test_correlation_by_hand() -> None:
    image, reference = greys([10, 20, 30, 40], [0, 50, 100, 150]), greys([20, 10, 40, 30], [150, 100, 50, 0])
    # Deviations -15 -5 5 15 and -5 -15 15 5: products 75 75 75 75, sum 300; energies 500 and 500: 300 / 500 = 0.6.
    assert correlation(image, reference).tolist() == pytest.approx([0.6, -1.0])


def test_correlation_equals_numpy() -> None:
    generator = np.random.default_rng(0)
    x, y = generator.integers(0, 256, (2, 1, 400))
    assert correlation(greys(x[0].tolist()), greys(y[0].tolist())).item() == pytest.approx(np.corrcoef(x, y)[0, 1])


def test_correlation_with_a_flat_image_is_undefined() -> None:
    values = correlation(greys([1, 1, 1], [1, 2, 3]), greys([1, 2, 3], [1, 2, 3]))
    assert torch.isnan(values[0])
    assert values[1].item() == pytest.approx(1.0)
    assert torch.isnan(correlation(greys([1, 2, 3]), greys([77, 77, 77]))).all()
