"""TMQI against a plain implementation with scipy, and its parts by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import ndimage, stats

from models import quality
from models.quality.fusion.tmqi import naturalness, radiance, structural_fidelity, tmqi, visibility


def plain(image: np.ndarray, reference: np.ndarray) -> float:
    """Yeganeh and Wang's published program, step by step, on (H, W, 3) in [0, 1]."""
    weights = np.array([0.2126, 0.7152, 0.0722])
    linear = np.where(reference > 0.04045, ((reference + 0.055) / 1.055) ** 2.4, reference / 12.92) @ weights
    hdr = (2**32 - 1) / (linear.max() - linear.min()) * (linear - linear.min())
    ldr = image @ weights * 255
    blocks = np.pad(ldr, [(0, -side % 11) for side in ldr.shape])
    deviation = np.zeros_like(blocks)
    for i in range(0, blocks.shape[0], 11):
        for j in range(0, blocks.shape[1], 11):
            deviation[i : i + 11, j : j + 11] = blocks[i : i + 11, j : j + 11].std(ddof=1)
    contrast = deviation[: ldr.shape[0], : ldr.shape[1]].mean() / 64.29
    beta, mode = stats.beta(4.4, 10.1), 3.4 / 12.5
    normal = stats.norm(115.94, 27.99)
    natural = beta.pdf(contrast) / beta.pdf(mode) * normal.pdf(ldr.mean()) / normal.pdf(115.94)

    line = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window = np.outer(line, line) / np.outer(line, line).sum()

    def smooth(picture: np.ndarray) -> np.ndarray:
        return ndimage.correlate(picture, window, mode="constant")[5:-5, 5:-5]

    fidelity, frequency = 1.0, 32.0
    for weight in (0.0448, 0.2856, 0.3001, 0.2363, 0.1333):
        frequency /= 2
        mu_h, mu_l = smooth(hdr), smooth(ldr)
        sigma_h = np.sqrt(np.maximum(smooth(hdr * hdr) - mu_h**2, 0))
        sigma_l = np.sqrt(np.maximum(smooth(ldr * ldr) - mu_l**2, 0))
        both = smooth(hdr * ldr) - mu_h * mu_l
        csf = 100 * 2.6 * (0.0192 + 0.114 * frequency) * math.exp(-((0.114 * frequency) ** 1.1))
        threshold = 128 / (1.4 * csf)
        seen_h, seen_l = (stats.norm.cdf(s, threshold, threshold / 3) for s in (sigma_h, sigma_l))
        signal = (2 * seen_h * seen_l + 0.01) / (seen_h**2 + seen_l**2 + 0.01)
        fidelity *= (signal * (both + 10) / (sigma_h * sigma_l + 10)).mean() ** weight
        kernel = np.ones((2, 2)) / 4
        hdr, ldr = (ndimage.correlate(p, kernel, mode="reflect", origin=-1)[::2, ::2] for p in (hdr, ldr))
    return float(0.8012 * fidelity**0.3046 + (1 - 0.8012) * natural**0.7088)


@pytest.mark.parametrize("shape", [(176, 180), (163, 171)])
def test_equals_the_published_steps(shape: tuple[int, int]) -> None:
    generator = np.random.default_rng(0)
    reference = ndimage.gaussian_filter(generator.random((*shape, 3)), (3, 3, 0))
    reference = (reference - reference.min()) / (reference.max() - reference.min())
    image = np.clip(reference**0.7 + 0.02 * generator.standard_normal(reference.shape), 0, 1)
    both = [torch.from_numpy(picture).permute(2, 0, 1)[None] for picture in (image, reference)]
    assert tmqi(*both).item() == pytest.approx(plain(image, reference), abs=1e-6)


def test_brightness_by_hand() -> None:
    # Blocks 11 x 11 of a checkerboard d below and above 115.94: 61 and 60 pixels, sample deviation d * sqrt(121/120)
    # (the mean is d/121 off: 121 d^2 - d^2/121 over 120). The mode of the contrast is 3.4/12.5 of 64.29 = 17.48688.
    wanted = 3.4 / 12.5 * 64.29
    half = wanted / math.sqrt((121 - 1 / 121) / 120)
    board = torch.where((torch.arange(22)[:, None] + torch.arange(22)[None]) % 2 > 0, 1.0, -1.0).double() * half
    assert naturalness(board[None, None] + 115.94).item() == pytest.approx(1.0, abs=1e-6)
    # One deviation brighter: exp(-1/2) = 0.606531
    assert naturalness(board[None, None] + 115.94 + 27.99).item() == pytest.approx(0.606531, abs=1e-6)
    # No contrast is never natural.
    assert naturalness(torch.full((1, 1, 22, 22), 115.94, dtype=torch.float64)).item() == 0.0


def test_the_threshold_by_hand() -> None:
    # 16 cycles a degree: 260 * (0.0192 + 1.824) * exp(-1.824^1.1) = 69.08; 128 / (1.4 * 69.08) = 1.3235
    sensitivity = 260 * 1.8432 * math.exp(-(1.824**1.1))
    threshold = 128 / (1.4 * sensitivity)
    values = visibility(torch.tensor([threshold, threshold * 4 / 3, 0.0, 255.0]).double(), 16.0)
    assert threshold == pytest.approx(1.32, abs=0.01)
    assert values.tolist() == pytest.approx([0.5, 0.841345, 0.00135, 1.0], abs=1e-5)


def test_radiance_is_stretched_linear_light() -> None:
    reference = torch.tensor([0.0, 0.5, 1.0]).view(1, 1, 1, 3).expand(1, 3, 1, 3)
    # ((0.5 + 0.055) / 1.055)^2.4 = 0.214041
    assert (radiance(reference) / (2**32 - 1)).flatten().tolist() == pytest.approx([0.0, 0.214041, 1.0], abs=1e-6)
    assert radiance(torch.full((1, 3, 2, 2), 0.3)).abs().max() == 0


def test_a_clipped_reference_is_flat_not_noise() -> None:
    generator = torch.Generator().manual_seed(0)
    hdr = torch.rand(1, 1, 176, 352, generator=generator).double() * (2**32 - 1)
    hdr[..., 176:] = 2**32 - 1
    ldr = hdr / (2**32 - 1) * 255
    # Equal pictures; rounding seen as texture in the flat half would leave it 0.01 / 1.01, and half of the whole. Windows with
    # a last trace of texture, seen at 32 bits and not at 8, cost the 1e-4.
    assert structural_fidelity(hdr, ldr).item() == pytest.approx(1.0, abs=2e-4)


def test_a_good_rendering_beats_a_clipped_one() -> None:
    grid = torch.linspace(0, 1, 192)
    wave = 0.5 + 0.3 * torch.sin(grid * 60)[:, None] * torch.cos(grid * 45)[None] + 0.1 * grid[None]
    reference = wave.expand(2, 3, 192, 192)
    metric = quality.create("tmqi")
    good, clipped = metric(reference, reference), metric((reference * 3 - 1).clamp(0, 1), reference)
    assert (good > clipped).all()
    assert good[0] == good[1]
    assert 0 < clipped[0] < good[0] <= 1
