"""MEF-SSIM against an implementation that builds every patch, and against figures worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from models import quality
from models.quality.fusion.mef_ssim import CONSTANT, grey, halve, mef_ssim
from models.quality.fusion.structure import mef_ssim_map

SAME_FORMULA = 1e-9
"""Two float64 implementations of one formula."""


def patch_by_patch(fused: np.ndarray, sources: list[np.ndarray], constant: float) -> np.ndarray:
    """Ma 2015, Eq. 4 to 13, one 8 x 8 patch after another. All (H, W)."""
    height, width = fused.shape
    values = np.zeros((height - 7, width - 7))
    for i in range(height - 7):
        for j in range(width - 7):
            window = np.s_[i : i + 8, j : j + 8]
            free = [source[window].ravel() - source[window].mean() for source in sources]
            lengths = [float(np.linalg.norm(patch)) for patch in free]
            desired = np.zeros(64)
            if max(lengths) > 1e-9:
                consistency = float(np.linalg.norm(np.sum(free, axis=0))) / sum(lengths)
                power = min(math.tan(math.pi / 2 * min(consistency, 1 - 1e-15)), 10.0)
                shares = [length**power for length in lengths]
                parts = [s * p / n for s, p, n in zip(shares, free, lengths, strict=True) if n > 0]
                mean = np.sum(parts, axis=0) / sum(shares)
                if np.linalg.norm(mean) > 1e-9:
                    desired = max(lengths) * mean / np.linalg.norm(mean)
            actual = fused[window].ravel() - fused[window].mean()
            above = 2 * (desired @ actual) / 64 + constant
            values[i, j] = above / ((desired @ desired + actual @ actual) / 64 + constant)
    return values


@pytest.mark.parametrize("count", [1, 2, 3])
def test_equals_patch_by_patch(count: int) -> None:
    generator = np.random.default_rng(count)
    scene = generator.random((14, 13))
    sources = [np.clip(scene * gain + shift, 0, 1) * 255 for gain, shift in ((0.6, -0.2), (2.0, -0.3), (1.0, 0.1))][
        :count
    ]
    sources[0][:9, :9] = 0.0  # a clipped corner
    fused = np.clip(scene * 0.9 + 0.1 * generator.random((14, 13)), 0, 1) * 255
    wanted = patch_by_patch(fused, sources, CONSTANT)
    got = mef_ssim_map(tensor(fused), [tensor(source) for source in sources], CONSTANT)[0, 0].numpy()
    assert got == pytest.approx(wanted, abs=SAME_FORMULA)
    assert wanted.std() > 0.001


def tensor(picture: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(picture)[None, None]


def checkerboard(low: float, high: float, side: int = 32) -> torch.Tensor:
    """(1, 3, side, side) of two greys; every window of even side has their half difference as deviation."""
    odd = (torch.arange(side)[:, None] + torch.arange(side)[None]) % 2
    return (low + (high - low) * odd.double()).expand(1, 3, side, side)


def test_by_hand() -> None:
    # Sources 0.5 -+ 0.2 and 0.5 -+ 0.1, one structure: the desired patch has deviation 0.2; the fused one has 0.1.
    # In 8-bit units squared: 2 * 0.2 * 0.1 * 255^2 = 2601, 0.05 * 255^2 = 3251.25, C = 7.65^2 = 58.5225.
    # (2601 + 58.5225) / (3251.25 + 58.5225) = 0.8035365
    weak, strong = checkerboard(0.4, 0.6), checkerboard(0.3, 0.7)
    assert mef_ssim(weak, (weak, strong), (1.0,)).item() == pytest.approx(2659.5225 / 3309.7725, abs=1e-9)
    # Averaged by twos the boards are flat, and a flat patch that should be flat is perfect: (58.5 / 58.5) on scales 2, 3.
    share = 0.0448 / (0.0448 + 0.2856 + 0.3001)
    assert mef_ssim(weak, (weak, strong)).item() == pytest.approx((2659.5225 / 3309.7725) ** share, abs=1e-9)


def test_opposite_structures_want_a_flat_patch() -> None:
    up, down = checkerboard(0.3, 0.7), checkerboard(0.7, 0.3)
    flat = torch.full_like(up, 0.5)
    assert mef_ssim(flat, (up, down), (1.0,)).item() == pytest.approx(1.0, abs=1e-9)
    # The fused board has variance (0.2 * 255)^2 = 2601 against 0: C / (2601 + C)
    assert mef_ssim(up, (up, down), (1.0,)).item() == pytest.approx(58.5225 / 2659.5225, abs=1e-9)


def test_the_level_does_not_count_and_the_order_neither() -> None:
    generator = torch.Generator().manual_seed(0)
    scene = torch.rand(2, 3, 40, 36, generator=generator) * 0.4
    under, over, fused = scene * 0.5, scene + 0.5, scene + 0.2
    value = mef_ssim(fused, (under, over))
    assert torch.allclose(mef_ssim(fused + 0.3, (under, over)), value, atol=1e-6)
    assert torch.allclose(mef_ssim(fused, (over, under)), value, atol=1e-9)
    # The over-exposed picture has the higher contrast and the same structure: it is what is wanted.
    assert (mef_ssim(over, (under, over)) > 0.9999).all()


def test_halving_repeats_the_last_of_an_odd_side() -> None:
    assert halve(torch.tensor([[[[1.0, 2.0, 5.0], [3.0, 4.0, 7.0]]]])).tolist() == [[[[2.5, 6.0]]]]


def test_grey_is_luma_and_not_rounded() -> None:
    colour = torch.tensor([0.1, 0.2, 0.3]).view(1, 3, 1, 1)
    # 255 * (0.0299 + 0.1174 + 0.0342) = 46.2825
    assert grey(colour).item() == pytest.approx(46.2825, abs=1e-4)


def test_gradients_are_finite_where_sources_are_clipped() -> None:
    scene = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    under, over = torch.zeros_like(scene), torch.ones_like(scene)
    over[..., :16] = scene[..., :16]
    for start in (scene, torch.zeros_like(scene)):
        fused = start.clone().requires_grad_()
        quality.create("mef_ssim")(fused, sources=(under, over)).sum().backward()
        assert fused.grad is not None
        assert torch.isfinite(fused.grad).all()
    assert fused.grad is not None
    better = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(2)).requires_grad_()
    before = mef_ssim(better, (under, over))
    before.sum().backward()
    assert better.grad is not None
    assert mef_ssim(better.detach() + 0.1 * better.grad / better.grad.abs().max(), (under, over)) > before
