from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from models.fusers.colour import NEUTRAL, compose, fuse_chroma, luminance, rgb_to_ycbcr


def test_conversion_is_jpegs() -> None:
    """Pillow's YCbCr is JPEG's, rounded to 8 bits."""
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    expected = np.asarray(Image.fromarray(pixels).convert("YCbCr"))
    image = torch.from_numpy(pixels.astype(np.float32) / 255).permute(2, 0, 1)[None]
    found = torch.cat(rgb_to_ycbcr(image), 1)[0].permute(1, 2, 0).numpy() * 255
    assert np.abs(found - expected).max() < 1.01
    assert torch.allclose(luminance(image), rgb_to_ycbcr(image)[0])


def test_there_and_back() -> None:
    image = torch.rand(2, 3, 8, 9)
    assert torch.allclose(compose(*rgb_to_ycbcr(image)), image, atol=1e-6)


def test_chroma_by_hand() -> None:
    # In 8 bits: 138 and 158: weights 10 and 30: (10 * 138 + 30 * 158) / 40 = 153; 108 and 148: equal weights: 128;
    # 128 and 200: the grey one has no weight: 200; both grey: 128
    one = torch.tensor([138.0, 108.0, 128.0, 128.0]).view(1, 1, 1, 4) / 255
    other = torch.tensor([158.0, 148.0, 200.0, 128.0]).view(1, 1, 1, 4) / 255
    found = (fuse_chroma(one, other) * 255).flatten().tolist()
    assert found == pytest.approx([153, 128, 200, 128], abs=1e-3)


def test_grey_has_neutral_chroma() -> None:
    _, cb, cr = rgb_to_ycbcr(torch.full((1, 3, 2, 2), 0.7))
    assert torch.allclose(cb, torch.full_like(cb, NEUTRAL)) and torch.allclose(cr, torch.full_like(cr, NEUTRAL))
