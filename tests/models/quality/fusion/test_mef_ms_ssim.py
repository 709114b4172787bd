"""The released MEF-SSIM against an implementation that builds every patch, as the authors' program does."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from models import quality
from models.quality import strips
from models.quality.fusion.mef_ms_ssim import mef_ms_ssim, mef_ms_ssim_map

CONSTANT = (0.03 * 255) ** 2
EPS = 2.0**-52


def patch_by_patch(fused: np.ndarray, sources: list[np.ndarray]) -> np.ndarray:
    """One scale of mef_ssim.m, one 11 x 11 patch after another. All (H, W) in [0, 255]."""
    taps = np.exp(-((np.arange(11) - 5.0) ** 2) / (2 * 1.5**2))
    window = np.outer(taps, taps) / taps.sum() ** 2
    values = np.zeros((fused.shape[0] - 10, fused.shape[1] - 10))
    for i, j in np.ndindex(values.shape):
        place = np.s_[i : i + 11, j : j + 11]
        free = [source[place] - source[place].mean() for source in sources]
        lengths = [float(np.linalg.norm(patch)) for patch in free]
        biased = [length + 0.001 for length in lengths]
        consistency = min((float(np.linalg.norm(sum(free))) + EPS) / (sum(lengths) + EPS), 1 - EPS)
        power = min(math.tan(math.pi / 2 * consistency), 10.0)
        weights = np.array([(length / 11) ** power + EPS for length in biased])
        weights /= weights.sum()
        desired = sum(w * patch / length for w, patch, length in zip(weights, free, biased, strict=True))
        if (norm := float(np.linalg.norm(desired))) > 0:
            desired = desired / norm * max(biased)
        a = desired - (window * desired).sum()
        b = fused[place] - (window * fused[place]).sum()
        above = 2 * (window * a * b).sum() + CONSTANT
        values[i, j] = above / ((window * a * a).sum() + (window * b * b).sum() + CONSTANT)
    return values


def scene(count: int) -> tuple[np.ndarray, list[np.ndarray]]:
    generator = np.random.default_rng(count)
    there = generator.random((20, 19))
    gains = ((0.6, -0.2), (2.0, -0.3), (1.0, 0.1))[:count]
    sources = [np.clip(there * gain + shift, 0, 1) * 255 for gain, shift in gains]
    sources[0][:12, :12] = 0.0  # a clipped corner
    return np.clip(there * 0.9 + 0.1 * generator.random((20, 19)), 0, 1) * 255, sources


@pytest.mark.parametrize("count", [1, 2, 3])
def test_equals_patch_by_patch(count: int) -> None:
    fused, sources = scene(count)
    got = mef_ms_ssim_map(torch.from_numpy(fused)[None, None], [torch.from_numpy(s)[None, None] for s in sources])
    wanted = patch_by_patch(fused, sources)
    assert got[0, 0].numpy() == pytest.approx(wanted, abs=1e-9)
    assert wanted.std() > 0.001


def test_differs_from_the_papers_window_and_is_never_below_zero() -> None:
    generator = torch.Generator().manual_seed(0)
    there = torch.rand(2, 3, 60, 50, generator=generator)
    under, over = (there * 1.4 - 0.5).clamp(0, 1), (there * 1.4 + 0.1).clamp(0, 1)
    fused = (under + over) / 2
    value = mef_ms_ssim(fused, (under, over))
    assert (value - quality.create("mef_ssim")(fused, sources=(under, over))).abs().min() > 1e-4
    assert (value < mef_ms_ssim(over, (over, over))).all()
    # Structure reversed at every scale: a mean below 0 counts as 0.
    assert mef_ms_ssim(1 - there, (there, there)).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("name", ["mef_ssim", "mef_ms_ssim", "viff", "ssim", "ms_ssim", "tmqi", "qabf_folded"])
def test_strips_give_the_same_value(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = torch.rand(3, 2, 3, 170, 163, generator=torch.Generator().manual_seed(0))
    facts, metric = quality.info(name), quality.create(name)
    others = (pictures[1], pictures[2])

    def measured() -> torch.Tensor:
        return metric(
            pictures[0], others[0] if facts.needs_reference else None, others if facts.needs_sources else None
        )

    whole = measured()
    monkeypatch.setitem(strips._ELEMENTS, "cpu", 2000)
    assert torch.allclose(measured(), whole, rtol=1e-11, atol=0)
