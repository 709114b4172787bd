"""Qabf against a pixel-by-pixel implementation and against figures worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from models.quality import strips
from models.quality.fusion.gradient import folded_edges, qabf, qabf_folded

PERFECT = 0.9994 / (1 + math.exp(-15 * 0.5)) * 0.9879 / (1 + math.exp(-22 * 0.2))
"""What an edge of equal strength and orientation gets."""


def grey(values: np.ndarray) -> torch.Tensor:
    """(H, W) in [0, 255] as a colourless image (1, 3, H, W)."""
    return torch.from_numpy(values / 255)[None, None].expand(1, 3, *values.shape)


def pixel_by_pixel(fused: np.ndarray, sources: list[np.ndarray]) -> float:
    def gradient(picture: np.ndarray) -> list[tuple[float, float]]:
        p = np.pad(picture, 1, mode="edge")
        found = []
        for i in range(1, p.shape[0] - 1):
            for j in range(1, p.shape[1] - 1):
                sx = (
                    p[i - 1, j + 1]
                    + 2 * p[i, j + 1]
                    + p[i + 1, j + 1]
                    - p[i - 1, j - 1]
                    - 2 * p[i, j - 1]
                    - p[i + 1, j - 1]
                )
                sy = (
                    p[i + 1, j - 1]
                    + 2 * p[i + 1, j]
                    + p[i + 1, j + 1]
                    - p[i - 1, j - 1]
                    - 2 * p[i - 1, j]
                    - p[i - 1, j + 1]
                )
                angle = math.pi / 2 if sx == 0 and sy != 0 else math.atan(sy / sx) if sx != 0 else 0.0
                found.append((math.sqrt(sx**2 + sy**2), angle))
        return found

    above = below = 0.0
    for source in sources:
        for (g_s, a_s), (g_f, a_f) in zip(gradient(source), gradient(fused), strict=True):
            if g_s == 0:
                continue
            kept = g_f / g_s if g_s > g_f else g_s / g_f
            turned = abs(abs(a_s - a_f) - math.pi / 2) / (math.pi / 2)
            strength = 0.9994 / (1 + math.exp(-15 * (kept - 0.5)))
            above += strength * 0.9879 / (1 + math.exp(-22 * (turned - 0.8))) * g_s
            below += g_s
    return above / below


@pytest.mark.parametrize("count", [1, 2, 3])
def test_equals_pixel_by_pixel(count: int) -> None:
    generator = np.random.default_rng(count)
    fused, *sources = [generator.integers(0, 256, (9, 11)).astype(float) for _ in range(count + 1)]
    got = qabf_folded(grey(fused), [grey(source) for source in sources])
    assert got.item() == pytest.approx(pixel_by_pixel(fused, sources), abs=1e-9)


def test_a_copy_is_perfect_and_a_flat_source_has_no_say() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (12, 12)).astype(float)
    # 0.998847 * 0.975919
    assert pytest.approx(0.974794, abs=1e-6) == PERFECT
    assert qabf_folded(grey(picture), (grey(picture), grey(picture))).item() == pytest.approx(PERFECT, abs=1e-9)
    assert qabf_folded(grey(picture), (grey(picture), grey(np.full((12, 12), 255.0)))).item() == pytest.approx(
        PERFECT, abs=1e-9
    )
    # An inverted picture has the same edges: orientation is counted modulo half a turn.
    assert qabf_folded(grey(255 - picture), (grey(picture),)).item() == pytest.approx(PERFECT, abs=1e-9)


def test_half_the_strength_by_hand() -> None:
    ramp = np.tile(np.arange(12) * 8.0, (12, 1))
    # kept 1/2: 0.9994 / (1 + e^0) = 0.4997; orientation kept: 0.975919. Product 0.487666.
    assert qabf_folded(grey(ramp / 2), (grey(ramp), grey(ramp))).item() == pytest.approx(0.4997 * 0.975919, abs=1e-5)
    strength, orientation = folded_edges(
        torch.nn.functional.pad(torch.from_numpy(ramp)[None, None], (1, 1, 1, 1), mode="replicate")
    )
    assert (strength[0, 0, 5, 5].item(), orientation[0, 0, 5, 5].item()) == (64.0, 0.0)  # 4 * (two columns of 8)


def test_a_turned_edge_is_lost() -> None:
    ramp = np.tile(np.arange(12) * 8.0, (12, 1))
    # Orientation at right angles: turned 0, 0.9879 / (1 + e^17.6) = 2.2e-8.
    assert qabf_folded(grey(ramp.T), (grey(ramp),)).item() < 1e-7


def test_no_edge_anywhere_is_undefined() -> None:
    flat = grey(np.full((8, 8), 100.0))
    assert torch.isnan(qabf_folded(flat, (flat, flat))).all()


def kit_pixel_by_pixel(fused: np.ndarray, sources: list[np.ndarray]) -> float:
    """The public kits' reading: convolution with zero padding, arctan, 1 - |d| / (pi/2), equal strengths give the strength."""

    def gradient(picture: np.ndarray) -> list[tuple[float, float]]:
        p = np.pad(picture, 1)
        found = []
        for i in range(1, p.shape[0] - 1):
            for j in range(1, p.shape[1] - 1):
                window = p[i - 1 : i + 2, j - 1 : j + 2]
                sx = float((window * [[1, 0, -1], [2, 0, -2], [1, 0, -1]]).sum())
                sy = float((window * [[-1, -2, -1], [0, 0, 0], [1, 2, 1]]).sum())
                found.append((math.sqrt(sx**2 + sy**2), math.pi / 2 if sx == 0 else math.atan(sy / sx)))
        return found

    above = below = 0.0
    for source in sources:
        for (g_s, a_s), (g_f, a_f) in zip(gradient(source), gradient(fused), strict=True):
            kept = g_f if g_s == g_f else min(g_s, g_f) / max(g_s, g_f)
            aligned = 1 - abs(a_s - a_f) / (math.pi / 2)
            strength = 0.9994 / (1 + math.exp(-15 * (kept - 0.5)))
            above += strength * 0.9879 / (1 + math.exp(-22 * (aligned - 0.8))) * g_s
            below += g_s
    return above / below


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_kits_form_equals_pixel_by_pixel(count: int) -> None:
    generator = np.random.default_rng(count)
    fused, *sources = [generator.integers(0, 256, (9, 11)).astype(float) for _ in range(count + 1)]
    fused[:, :5] = sources[0][:, :5]  # edges of equal strength
    sources[0][6:] = 40.0  # and none
    got = qabf(grey(fused), [grey(source) for source in sources]).item()
    assert got == pytest.approx(kit_pixel_by_pixel(fused, sources), abs=1e-12)
    folded = qabf_folded(grey(fused), [grey(source) for source in sources]).item()
    assert abs(folded - got) > 0.01


def test_a_copy_by_hand_in_the_kits_form() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (12, 12)).astype(float)
    # Strength 0.9994 (the sigmoid of a large number is 1) * orientation 0.975919 = 0.975333
    best = 0.9994 * 0.9879 / (1 + math.exp(-22 * 0.2))
    assert best == pytest.approx(0.975333, abs=1e-6)
    assert qabf(grey(picture), (grey(picture), grey(picture))).item() == pytest.approx(best, abs=1e-9)
    assert torch.isnan(qabf(torch.zeros(1, 3, 8, 8), (torch.zeros(1, 3, 8, 8),))).all()


def test_strips_give_the_same_value(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = torch.rand(3, 2, 3, 30, 23, generator=torch.Generator().manual_seed(0))
    whole = qabf(pictures[0], (pictures[1], pictures[2]))
    monkeypatch.setitem(strips._ELEMENTS, "cpu", 100)
    assert torch.allclose(qabf(pictures[0], (pictures[1], pictures[2])), whole, rtol=1e-13, atol=0)
