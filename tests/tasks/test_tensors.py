from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from models.core.tensors import picture_of, tensor


def test_there_and_back() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    picture.flags.writeable = False  # as decoded ones are
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        image = tensor(picture)
    assert image.shape == (1, 3, 5, 7)
    assert image.dtype == torch.float32
    assert 0 <= float(image.min()) <= float(image.max()) <= 1
    assert np.array_equal(picture_of(image), picture)
    assert np.array_equal(picture_of(image[0]), picture)
    assert np.array_equal(picture_of(tensor(picture[::-1, ::-1])), picture[::-1, ::-1])


@pytest.mark.parametrize(("value", "expected"), [(-0.2, 0), (0.49 / 255, 0), (0.51 / 255, 1), (0.5, 128), (1.3, 255)])
def test_rounded_and_clipped(value: float, expected: int) -> None:
    assert picture_of(torch.full((1, 3, 1, 1), value)).tolist() == [[[expected] * 3]]
