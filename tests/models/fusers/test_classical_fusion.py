"""The pyramid against a plain second implementation and against OpenCV; OpenCV's fuser against OpenCV called directly."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
import skimage.data
import torch

from models.fusers import create
from models.fusers.classical import LaplacianPyramid
from models.fusers.pyramids import down, up


def scene(size: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Two exposures (size, size, 3) float32 in [0, 1] of a smooth coloured scene."""
    y, x = np.mgrid[:size, :size] / size
    light = np.stack([0.5 + 0.4 * np.sin(5 * x + 2 * y), 0.5 + 0.4 * np.cos(4 * y), x * y], -1)
    return (0.4 * light).astype(np.float32), np.clip(1.8 * light, 0, 1).astype(np.float32)


def tensor(picture: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(picture).permute(2, 0, 1)[None]


@pytest.mark.parametrize("size", [64, 4, 2])
def test_reducing_and_expanding_are_opencvs(size: int) -> None:
    picture = scene(size)[0]
    small = down(tensor(picture))[0].permute(1, 2, 0).numpy()
    assert np.abs(small - cv2.pyrDown(picture)).max() < 1e-6
    large = up(tensor(small), (size, size))[0].permute(1, 2, 0).numpy()
    assert np.abs(large - cv2.pyrUp(small)).max() < 1e-6


def test_odd_sizes_keep_the_first_pixel_and_come_back() -> None:
    picture = torch.rand(1, 1, 7, 5)
    small = down(picture)
    assert small.shape == (1, 1, 4, 3)
    assert up(small, picture.shape).shape == picture.shape
    flat = torch.full((1, 1, 7, 5), 0.3)
    assert torch.allclose(up(down(flat), flat.shape), flat)


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


def test_with_all_levels_it_is_mertens() -> None:
    photo = (skimage.data.astronaut()[128:384, 128:384] / 255).astype(np.float32)
    under, over = tensor(0.4 * photo), tensor(np.clip(2 * photo, 0, 1))
    ours, theirs = create("laplacian")(under, over), create("mertens")(under, over)
    # Single pixels differ where a colour is grey to rounding: OpenCV's saturation is 0 there, ours has a slope.
    difference = (ours - theirs).abs()
    assert float(difference.mean()) < 2e-3
    assert float((difference > 0.01).float().mean()) < 0.02


@pytest.mark.parametrize("exposure", [0.0, 1.0])
def test_mertens_is_opencvs_and_keeps_the_channels_in_order(exposure: float) -> None:
    eight_bit = [(255 * picture + 0.5).astype(np.uint8) for picture in scene()]
    merge = cv2.createMergeMertens(1.0, 1.0, exposure)
    expected = merge.process([np.ascontiguousarray(picture[..., ::-1]) for picture in eight_bit])[..., ::-1].clip(0, 1)
    sources = [tensor(picture.astype(np.float32) / 255) for picture in eight_bit]
    fused = create("mertens", exposure=exposure)(*sources)
    assert np.abs(fused[0].permute(1, 2, 0).numpy() - expected).max() < 1e-5


def test_mertens_of_many_is_the_same_each_time_whatever_the_threads() -> None:
    threads, noise = cv2.getNumThreads(), torch.rand(4, 1, 3, 96, 128, generator=torch.Generator().manual_seed(0))
    try:
        cv2.setNumThreads(4)
        with ThreadPoolExecutor(3) as pool:
            fused = pool.map(lambda _: create("mertens").fuse_all(tuple(noise)).numpy().tobytes(), range(60))
            results = set(fused)
        assert cv2.getNumThreads() == 4
    finally:
        cv2.setNumThreads(threads)
    assert len(results) == 1


def test_wrong_options_are_named() -> None:
    with pytest.raises(ValueError, match="levels"):
        create("laplacian", levels=-1)
