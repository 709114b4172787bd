"""Scoring fused pictures of 640 x 480: the reward model beside pyiqa's NIQE, and beside a transformer of MUSIQ's size."""

from __future__ import annotations

from typing import cast

import torch

from benchmarks.measure import Result, compare
from models.judges import create
from models.judges.base import RatedJudge
from models.quality.pyiqa_adapter import original, untrained_musiq
from tasks.config import Params
from tasks.thermal.kind import KIND

BATCH, HEIGHT, WIDTH = 8, 480, 640


def results(params: Params, device: str, repeats: int) -> list[Result]:
    """Fused pictures a second; infrared, visible and fused picture go through the reward model's encoder."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(3 * BATCH, 3, HEIGHT // 16, WIDTH // 16, generator=generator)
    pictures = torch.nn.functional.interpolate(coarse, (HEIGHT, WIDTH), mode="bicubic").clamp(0, 1).to(device)
    fused, infrared, visible = pictures.split(BATCH)
    judge = params.of(KIND.name).judge
    reward = cast(RatedJudge, create(judge.name, **judge.options)).to(device).eval()
    niqe, musiq = original("niqe"), untrained_musiq(device)

    @torch.no_grad()
    def scored() -> object:
        return reward.opinion(fused, [infrared, visible])

    def by_niqe() -> object:
        return [niqe(fused[i : i + 1]) for i in range(BATCH)]

    @torch.no_grad()
    def by_musiq() -> object:
        return [musiq(fused[i : i + 1]) for i in range(BATCH)]

    name = f"reward model, scores and heatmap, {WIDTH} x {HEIGHT}"
    return [
        compare(name, "images/s", scored, other, call, repeats=repeats, per_second=BATCH)
        for other, call in (("pyiqa NIQE", by_niqe), ("pyiqa MUSIQ, no weights", by_musiq))
    ]
