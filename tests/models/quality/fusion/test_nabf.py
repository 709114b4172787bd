"""Nabf against a pixel-by-pixel implementation and figures worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from models.quality import strips
from models.quality.fusion.nabf import nabf


def grey(values: np.ndarray) -> torch.Tensor:
    """(H, W) in [0, 255] as a colourless image (1, 3, H, W)."""
    return torch.from_numpy(values / 255)[None, None].expand(1, 3, *values.shape)


def pixel_by_pixel(fused: np.ndarray, sources: list[np.ndarray]) -> float:
    def gradient(picture: np.ndarray) -> list[tuple[float, float]]:
        p = np.pad(picture, 1, mode="reflect")
        found = []
        for i in range(1, p.shape[0] - 1):
            for j in range(1, p.shape[1] - 1):
                window = p[i - 1 : i + 2, j - 1 : j + 2]
                sx = float((window * [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]).sum()) / 8
                sy = float((window * [[-1, -2, -1], [0, 0, 0], [1, 2, 1]]).sum()) / 8
                angle = math.atan(sx / sy) if sy != 0 else math.copysign(math.pi / 2, sx) if sx != 0 else 0.0
                found.append((math.sqrt(sx**2 + sy**2), angle))
        return found

    of_fused, of_sources = gradient(fused), [gradient(source) for source in sources]
    above = below = 0.0
    for place, (g_f, a_f) in enumerate(of_fused):
        here = [edges[place] for edges in of_sources]
        for g_s, a_s in here:
            weight = g_s**1.5 if g_s >= 2 else 0.001
            below += weight
            if all(g_f > other for other, _ in here):
                kept = min(g_s, g_f) / max(g_s, g_f)
                turned = abs(abs(a_s - a_f) - math.pi / 2) * 2 / math.pi
                strength = 0.9999 / (1 + math.exp(-19 * (kept - 0.5)))
                above += (1 - math.sqrt(strength * 0.9995 / (1 + math.exp(-22 * (turned - 0.5))))) * weight
    return above / below


@pytest.mark.parametrize("count", [2, 3])
def test_equals_pixel_by_pixel(count: int) -> None:
    generator = np.random.default_rng(count)
    fused, *sources = [generator.integers(0, 256, (9, 11)).astype(float) for _ in range(count + 1)]
    sources = [100 + (source - 128) * 0.3 // 1 for source in sources]
    sources[0][5:] = 40.0  # no edges
    sources[1][:, 6:] = np.arange(11.0)[6:]  # weak ones
    got = nabf(grey(fused), [grey(source) for source in sources]).item()
    assert 0.1 < got < 1
    assert got == pytest.approx(pixel_by_pixel(fused, sources), abs=1e-12)


def test_no_artifact_by_hand_and_all_of_it() -> None:
    ramp = np.tile(np.arange(12) * 8.0, (12, 1))
    flat = np.full((12, 12), 50.0)
    assert nabf(grey(ramp), (grey(ramp), grey(flat))).item() == 0.0  # no pixel's edge is stronger than the source's
    # Every edge is made up: sources weigh 0.001, 1 - sqrt(0.9999 / (1 + e^9.5) * turned), turned 0.9995 / (1 + e^-11) where
    # the ramp's angle pi/2 meets the angle 0 of no edge: 0.9995 / (1 + e^11) = 1.67e-5.
    lost = 1 - math.sqrt(0.9999 / (1 + math.exp(9.5)) * 0.9995 / (1 + math.exp(11)))
    # Mirrored edges: the first and last column have no gradient, so 10 of 12 columns.
    assert nabf(grey(ramp), (grey(flat), grey(flat))).item() == pytest.approx(lost * 10 / 12, abs=1e-12)
    assert nabf(grey(flat), (grey(flat), grey(flat))).item() == 0.0


def test_strips_give_the_same_value(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = torch.rand(3, 2, 3, 30, 23, generator=torch.Generator().manual_seed(0))
    whole = nabf(pictures[0], (pictures[1], pictures[2]))
    monkeypatch.setitem(strips._ELEMENTS, "cpu", 100)
    assert torch.allclose(nabf(pictures[0], (pictures[1], pictures[2])), whole, rtol=1e-13, atol=0)
