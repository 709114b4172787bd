"""The pyramid against a plain second implementation and against OpenCV; OpenCV's fuser against OpenCV called directly."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from models.fusers import create
from models.fusers.classical import LaplacianPyramid, _down, _up


def scene(size: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Two exposures (size, size, 3) float32 in [0, 1] of a smooth coloured scene."""
    y, x = np.mgrid[:size, :size] / size
    light = np.stack([0.5 + 0.4 * np.sin(5 * x + 2 * y), 0.5 + 0.4 * np.cos(4 * y), x * y], -1)
    return (0.4 * light).astype(np.float32), np.clip(1.8 * light, 0, 1).astype(np.float32)


def tensor(picture: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(picture).permute(2, 0, 1)[None]


def test_reducing_and_expanding_are_opencvs_inside() -> None:
    picture = scene(64)[0]
    small = _down(tensor(picture))[0].permute(1, 2, 0).numpy()
    expected = cv2.pyrDown(picture)
    assert np.abs(small - expected)[2:-2, 2:-2].max() < 1e-6  # at the border OpenCV mirrors, we repeat
    large = _up(tensor(small), (64, 64))[0].permute(1, 2, 0).numpy()
    assert np.abs(large - cv2.pyrUp(small))[4:-4, 4:-4].max() < 1e-6


def test_odd_sizes_keep_the_first_pixel_and_come_back() -> None:
    picture = torch.rand(1, 1, 7, 5)
    small = _down(picture)
    assert small.shape == (1, 1, 4, 3)
    assert _up(small, picture.shape).shape == picture.shape
    flat = torch.full((1, 1, 7, 5), 0.3)
    assert torch.allclose(_up(_down(flat), flat.shape), flat)


def test_weights_by_hand() -> None:
    # One pixel of (0.5, 0.5, 0.8) in black: grey 0.5 + 0.114 * 0.3 = 0.5342, Laplacian -4 * 0.5342, deviation sqrt(0.02),
    # exposedness exp(0) exp(0) exp(-0.09 / 0.08)
    picture = torch.zeros(1, 3, 5, 5)
    picture[0, :, 2, 2] = torch.tensor([0.5, 0.5, 0.8])
    found = float(LaplacianPyramid().weights(picture)[0, 0, 2, 2])
    assert found == pytest.approx(4 * 0.5342 * 0.02**0.5 * np.exp(-1.125), rel=1e-4)


def test_without_levels_it_is_the_weighted_mean() -> None:
    under, over = (tensor(picture) for picture in scene())
    pyramid = LaplacianPyramid(levels=0)
    w_under, w_over = pyramid.weights(under), pyramid.weights(over)
    expected = (w_under * under + w_over * over) / (w_under + w_over)
    assert torch.allclose(pyramid(under, over), expected.clamp(0, 1), atol=1e-6)


def test_it_is_mertens_inside_where_the_levels_are_as_many() -> None:
    """OpenCV takes log2(min side) levels: 6 of 64 pixels; only the borders are padded otherwise."""
    under, over = (tensor(picture) for picture in scene())
    ours, theirs = create("laplacian", levels=6)(under, over), create("mertens")(under, over)
    assert float((ours - theirs).abs()[..., 16:-16, 16:-16].max()) < 0.03


def test_mertens_is_opencvs_and_keeps_the_channels_in_order() -> None:
    eight_bit = [(255 * picture + 0.5).astype(np.uint8) for picture in scene()]
    expected = cv2.createMergeMertens().process([picture[..., ::-1] for picture in eight_bit])[..., ::-1].clip(0, 1)
    fused = create("mertens")(*(tensor(picture.astype(np.float32) / 255) for picture in eight_bit))
    assert np.abs(fused[0].permute(1, 2, 0).numpy() - expected).max() < 1e-5


def test_wrong_options_are_named() -> None:
    with pytest.raises(ValueError, match="levels"):
        create("laplacian", levels=-1)
