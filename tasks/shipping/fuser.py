"""The shipped fuser of exposures: a pyramid whose weights are learnt, detail from the exposures alone, tone from the scene.

    python -m tasks.shipping.fuser [--steps N] [--seed 1] [--out FOLDER]

Writes OUT/learned_pyramid.safetensors and prints MEF-SSIM and Qabf on held-out photographs, beside those of Mertens.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from models.core.training import Settings
from models.fusers import create
from models.quality.fusion.gradient import qabf
from models.quality.fusion.mef_ssim import mef_ssim
from tasks.shipping.recipe import follow
from tasks.shipping.scenes import exposures, photographs

NAME, OPTIONS = "learned_pyramid", {"width": 12}
BATCH, SIDE = 2, 192
EDGES, TONE, COARSE = 0.5, 0.7, 8
SETTINGS = Settings(
    steps=600, learning_rate=0.004, ema=0.99, clip_norm=0.5, save_every=100, log_every=25, seed=1
)  # fmt: skip


def objective(model: Any, given: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
    """MEF-SSIM and Qabf of what is fused, away from 1, which say nothing of its brightness; and coarsely the scene's tone."""
    *pair, lit = given
    made = model(*pair)
    edges = qabf(made, pair)
    terms = {
        "mef_ssim": mef_ssim(made, pair).mean().float(),
        "qabf": edges[edges.isfinite()].mean().float(),
        "tone": F.l1_loss(F.avg_pool2d(made, COARSE), F.avg_pool2d(lit, COARSE)),
    }
    return 1 - terms["mef_ssim"] + EDGES * (1 - terms["qabf"]) + TONE * terms["tone"], terms


def drawn(seed: int, index: int) -> tuple[torch.Tensor, ...]:
    """The batch of a step: shorter and longer exposures, and the scenes."""
    return exposures(photographs(False), BATCH, SIDE, np.random.default_rng((seed, index)))


@torch.no_grad()
def held_out(model: torch.nn.Module) -> dict[str, float]:
    """Means over exposures of photographs that were not trained on."""
    *pair, lit = exposures(photographs(True), 24, 256, np.random.default_rng(0))
    shown = {"learned": model(*pair), "mertens": create("mertens")(*pair)}
    found = {
        f"{metric.__name__}_{name}": float(metric(made, pair).nanmean())
        for name, made in shown.items()
        for metric in (mef_ssim, qabf)
    }
    return found | {f"l1_{name}": float(F.l1_loss(made, lit)) for name, made in shown.items()}


if __name__ == "__main__":
    follow(__doc__ or "", NAME, lambda: create(NAME, **OPTIONS), drawn, objective, SETTINGS, held_out)
