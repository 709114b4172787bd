"""Metrics of large pictures beside what computed them before: pyiqa, or the whole picture in one strip."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from benchmarks.measure import Result, compare, peak_memory
from models.quality import create, info, lpips, strips
from models.quality.pyiqa_adapter import original

SIDES = (1500, 2000)
LARGE = (3000, 4000)
BESIDE = {"niqe": "pyiqa", "vif": "pyiqa", "lpips": "in one strip", "tmqi": "in one strip"}


def pair(height: int, width: int) -> tuple[Tensor, Tensor]:
    """A seeded reference (1, 3, H, W) in [0, 1], smooth and a little noisy, and a picture of less contrast."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(1, 3, height // 50, width // 50, generator=generator)
    reference = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")
    reference.add_(0.03 * torch.randn(reference.shape, generator=generator)).clamp_(0, 1)
    return 0.8 * reference + 0.1, reference


def in_one_strip(name: str, device: str) -> Callable[..., object]:
    """A metric that gets its pictures whole."""
    metric = create(name, device=device)

    def call(*pictures: Any) -> Tensor:
        kept, features = dict(strips._ELEMENTS), lpips.STRIP_FEATURES
        strips._ELEMENTS[torch.device(device).type] = lpips.STRIP_FEATURES = 2**40
        try:
            return metric(*pictures)
        finally:
            strips._ELEMENTS.clear()
            strips._ELEMENTS.update(kept)
            lpips.STRIP_FEATURES = features

    return call


def _side(name: str, ours: bool, device: str) -> Callable[..., object]:
    if ours:
        return create(name, device=device)
    return original(name, device=device) if BESIDE[name] == "pyiqa" else in_one_strip(name, device)


def once(name: str, ours: str, device: str) -> None:
    """For `peak_memory`: one call on 12 megapixels."""
    pictures = [picture.to(device) for picture in pair(*LARGE)]
    with torch.no_grad():
        _side(name, ours == "ours", device)(*pictures[: 2 if info(name).needs_reference else 1])


def results(device: str, repeats: int) -> list[Result]:
    """Seconds a picture of 3 megapixels, and peak memory of a process that measures one of 12."""
    pictures = [picture.to(device) for picture in pair(*SIDES)]
    rows = []
    for name, beside in BESIDE.items():
        seen = pictures[: 2 if info(name).needs_reference else 1]
        with torch.no_grad():
            rows.append(
                compare(
                    f"{name}, one image of {SIDES[1]}x{SIDES[0]}",
                    "s",
                    partial(_side(name, True, device), *seen),
                    beside,
                    partial(_side(name, False, device), *seen),
                    repeats=repeats,
                )
            )
        peaks = [peak_memory("benchmarks.large_metrics", "once", name, side, device)[0] for side in ("ours", "beside")]
        rows.append(
            Result(
                f"peak memory, {name} of {LARGE[1]}x{LARGE[0]}", peaks[0], "MB", peaks[1], beside, peaks[0] / peaks[1]
            )
        )
    return rows
