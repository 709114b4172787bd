"""Qcb and Qcv against the papers' formulas in numpy, term by term, and figures worked by hand."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from models.quality import strips
from models.quality.fusion.seen import build_qcb, build_qcv, mannos_sakrison, qcb, qcv, seen


def grey(values: np.ndarray) -> torch.Tensor:
    """(H, W) in [0, 255] as a colourless image (1, 3, H, W)."""
    return torch.from_numpy(values / 255)[None, None].expand(1, 3, *values.shape)


def filtered(picture: np.ndarray, response: Callable[[float], float], degrees: float) -> np.ndarray:
    """By the sums of the Fourier transform and its inverse, written out as matrices."""
    height, width = picture.shape
    rows, columns = (np.exp(-2j * np.pi * np.outer(range(side), range(side)) / side) for side in (height, width))
    spectrum = rows @ picture @ columns
    for k, m in np.ndindex(height, width):
        cycles = math.hypot(min(k, height - k), min(m, width - m))
        spectrum[k, m] *= response(cycles / degrees)
    return np.asarray((rows.conj() @ spectrum @ columns.conj()).real / (height * width))


def qcb_by_the_paper(fused: np.ndarray, sources: list[np.ndarray]) -> float:
    def sensitivity(frequency: float) -> float:
        return math.exp(-((frequency / 15.3870) ** 2)) - 0.7622 * math.exp(-((frequency / 1.3456) ** 2))

    def window(sigma: float) -> np.ndarray:
        place = np.arange(-15, 16)
        weights = np.exp(-(place[:, None] ** 2 + place**2) / (2 * sigma**2))
        return np.asarray(weights / weights.sum())

    def contrast(picture: np.ndarray) -> np.ndarray:
        padded = np.pad(filtered(picture, sensitivity, 15), 15)
        found = np.zeros(picture.shape)
        for i, j in np.ndindex(*picture.shape):
            near = padded[i : i + 31, j : j + 31]
            wide = (window(4) * near).sum()
            c = 0.0 if abs(wide) < 1e-6 else abs((window(2) * near).sum() / wide - 1)
            found[i, j] = c**3 / (c**2 + 1e-4)
        return found

    of_fused, of_sources = contrast(fused), [contrast(source) for source in sources]
    total = 0.0
    for place in np.ndindex(*fused.shape):
        y, xs = of_fused[place], [one[place] for one in of_sources]
        kept = [1.0 if x == y else x / y if x < y else y / x for x in xs]
        squares = [x**2 for x in xs] if max(xs) > 0 else [1.0] * len(xs)
        total += sum(k * s for k, s in zip(kept, squares, strict=True)) / sum(squares)
    return total / fused.size


def qcv_by_the_paper(fused: np.ndarray, sources: list[np.ndarray]) -> float:
    def sensitivity(frequency: float) -> float:
        return 2.6 * (0.0192 + 0.114 * frequency) * math.exp(-((0.114 * frequency) ** 1.1))

    above = below = 0.0
    for source in sources:
        p = np.pad(source, 1)
        edge = np.zeros(source.shape)
        for i, j in np.ndindex(*source.shape):
            near = p[i : i + 3, j : j + 3]
            across = (near * [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]).sum()
            edge[i, j] = math.hypot(across, (near * [[-1, -2, -1], [0, 0, 0], [1, 2, 1]]).sum())
        error = filtered(source - fused, sensitivity, 4)
        for i in range(0, source.shape[0], 16):
            for j in range(0, source.shape[1], 16):
                weight = edge[i : i + 16, j : j + 16].sum()
                above += weight * (error[i : i + 16, j : j + 16] ** 2).mean()
                below += weight
    return above / below


@pytest.mark.parametrize(("count", "shape"), [(1, (32, 32)), (2, (37, 40)), (3, (20, 33))])
def test_equals_the_papers(count: int, shape: tuple[int, int]) -> None:
    generator = np.random.default_rng(count)
    fused, *sources = [generator.integers(0, 256, shape).astype(float) for _ in range(count + 1)]
    fused[:, :15] = sources[0][:, :15]
    sources[0][18:] = 90.0
    others = [grey(source) for source in sources]
    got = qcb(grey(fused), others).item()
    assert 0.2 < got < 0.9
    assert got == pytest.approx(qcb_by_the_paper(fused, sources), abs=1e-9)
    got = qcv(grey(fused), others).item()
    assert got > 100
    assert got == pytest.approx(qcv_by_the_paper(fused, sources), rel=1e-12)


def test_a_copy_is_perfect() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (40, 40)).astype(float)
    assert qcb(grey(picture), (grey(picture), grey(picture))).item() == 1.0
    assert qcv(grey(picture), (grey(picture), grey(picture))).item() == 0.0


def test_black_has_no_contrast_and_no_edges() -> None:
    black = grey(np.zeros((20, 20)))
    assert qcb(black, (black, black)).item() == 1.0
    assert torch.isnan(qcv(black, (black, black))).all()


def test_a_level_apart_by_hand() -> None:
    picture = np.random.default_rng(0).integers(0, 200, (32, 32)).astype(float)
    # A difference without structure has frequency 0, of which 2.6 * 0.0192 = 0.04992 is seen: (50 * 0.04992)^2.
    assert qcv(grey(picture + 50), (grey(picture),)).item() == pytest.approx(2.496**2, rel=1e-9)


def test_a_wave_is_seen_as_its_frequency_says() -> None:
    wave = torch.cos(2 * math.pi * 12 * torch.arange(48, dtype=torch.float64) / 48).expand(1, 1, 36, 48)
    gain = mannos_sakrison(torch.tensor(3.0, dtype=torch.float64))  # 12 cycles in 4 degrees
    assert torch.allclose(seen(wave, mannos_sakrison, 4.0), gain * wave, atol=1e-12)


def test_a_weaker_source_has_less_say() -> None:
    generator = np.random.default_rng(1)
    strong = generator.integers(0, 256, (48, 48)).astype(float)
    weak = 120 + generator.integers(0, 12, (48, 48)).astype(float)
    for build, sign in ((build_qcb, 1), (build_qcv, -1)):
        measure = build("cpu")
        of_strong, of_weak = (measure(grey(one), (grey(strong), grey(weak))).item() for one in (strong, weak))
        assert sign * of_strong > sign * of_weak


def test_strips_give_the_same_value(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = torch.rand(3, 2, 3, 40, 37, generator=torch.Generator().manual_seed(0))
    for build in (build_qcb, build_qcv):
        monkeypatch.setitem(strips._ELEMENTS, "cpu", 2**18)
        whole = build("cpu")(pictures[0], (pictures[1], pictures[2]))
        monkeypatch.setitem(strips._ELEMENTS, "cpu", 100)
        assert torch.allclose(build("cpu")(pictures[0], (pictures[1], pictures[2])), whole, rtol=1e-13, atol=0)
