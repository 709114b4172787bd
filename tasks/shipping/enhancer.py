"""The shipped enhancer: local tone curves, learnt from photographs whose well-lit version is known.

    python -m tasks.shipping.enhancer [--steps N] [--seed 1] [--out FOLDER]

Some 20 minutes on one core. Writes OUT/local_tone.safetensors and prints how far held-out photographs are from their well-lit
versions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import torch
from torch.nn import functional as F

from models.core.training import Settings
from models.enhancers import create
from models.enhancers.local_tone import LocalTone, luma
from models.losses.fusion import ssim_loss
from tasks.shipping.recipe import follow
from tasks.shipping.scenes import photographs, taken_and_lit

NAME, OPTIONS = "local_tone", {"width": 16}
BATCH, SIDE = 6, 192
SIMILARITY, VARIATION = 0.3, 0.02
SETTINGS = Settings(
    steps=2400, learning_rate=0.002, ema=0.995, clip_norm=1.0, save_every=200, log_every=50, seed=1
)  # fmt: skip


def objective(model: Any, given: tuple[torch.Tensor, torch.Tensor]) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
    """Pixels, structure (SSIM of Y') and total variation of the logarithm of the gain."""
    taken, lit = given
    network = cast(LocalTone, model.module if hasattr(model, "module") else model)
    made, strength = network.render(taken, network.grid(taken), None)
    terms = {
        "pixels": F.l1_loss(made, lit),
        "structure": ssim_loss(luma(made), luma(lit)),
        "variation": strength.diff(dim=-1).abs().mean() + strength.diff(dim=-2).abs().mean(),
    }
    return terms["pixels"] + SIMILARITY * terms["structure"] + VARIATION * terms["variation"], terms


def drawn(seed: int, index: int) -> tuple[torch.Tensor, ...]:
    """The batch of a step."""
    return taken_and_lit(photographs(False), BATCH, SIDE, np.random.default_rng((seed, index)))


@torch.no_grad()
def held_out(model: torch.nn.Module) -> dict[str, float]:
    """Mean distances of photographs that were not trained on from their well-lit versions, before and after."""
    taken, lit = taken_and_lit(photographs(True), 48, 256, np.random.default_rng(0))
    made = torch.cat([model(photo[None]) for photo in taken])
    return {
        f"{name}_{when}": float(measure)
        for when, shown in (("before", taken), ("after", made))
        for name, measure in (("l1", F.l1_loss(shown, lit)), ("ssim", 1 - ssim_loss(luma(shown), luma(lit))))
    }


if __name__ == "__main__":
    follow(__doc__ or "", NAME, lambda: create(NAME, **OPTIONS), drawn, objective, SETTINGS, held_out)
