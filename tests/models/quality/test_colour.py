"""delta_e against scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.color import deltaE_cie76, rgb2lab

from models.quality import create
from models.quality.colour import blur, delta_e, lab_of_linear, linear_light

FLOAT32_LAB = 2e-3
"""CIELAB spans hundreds; float32 against scikit-image's float64."""


@pytest.fixture
def images() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    first, second = random.random((2, 24, 20, 3))
    first[:4] = 0.0
    second[2:6] *= 0.02
    return first, second


def tensor(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(array.astype(np.float32)).permute(2, 0, 1)[None]


def test_lab_equals_skimage(images: tuple[np.ndarray, np.ndarray]) -> None:
    for array in images:
        ours = lab_of_linear(linear_light(tensor(array)))[0].permute(1, 2, 0).numpy()
        assert np.abs(ours - rgb2lab(array)).max() < FLOAT32_LAB


def test_without_blur_equals_skimage(images: tuple[np.ndarray, np.ndarray]) -> None:
    first, second = images
    golden = deltaE_cie76(rgb2lab(first), rgb2lab(second)).mean()
    assert delta_e(tensor(first), tensor(second), sigma=0).item() == pytest.approx(golden, abs=FLOAT32_LAB)


def test_golden_flat_colours() -> None:
    """Blur changes no flat image: sRGB red to blue is 176.33 in CIE76 (scikit-image)."""
    red = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1).expand(1, 3, 16, 16)
    assert create("delta_e")(red, red.flip(1)).item() == pytest.approx(176.33, abs=0.02)


def test_blur_is_scipys_and_keeps_noise_from_counting() -> None:
    from scipy.ndimage import gaussian_filter

    random = np.random.default_rng(0)
    image = random.random((1, 3, 30, 26)).astype(np.float32)
    golden = gaussian_filter(image, sigma=(0, 0, 1.5, 1.5), mode="nearest", radius=(0, 0, 5, 5))
    assert np.abs(blur(torch.from_numpy(image), 1.5).numpy() - golden).max() < 1e-5
    grey = torch.full((1, 3, 64, 64), 0.5)
    noisy = grey + 0.1 * torch.randn(grey.shape, generator=torch.Generator().manual_seed(0)).clamp(-3, 3)
    assert delta_e(noisy, grey).item() < 0.5 * delta_e(noisy, grey, sigma=0).item()
