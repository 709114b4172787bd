"""An aligner in a file: hill climbing, which needs no gradient of anything."""

from __future__ import annotations

from copy import deepcopy
from typing import ClassVar

import torch
from torch import nn

from models.aligners.base import Aligner, Material, Need
from models.core.training import Outcome, Run, step_generator
from models.judges.base import Judge, costs


class HillClimbing(Aligner):
    """Noise of deviation `sigma` is added to the weights, and kept where the judge likes the crops of that step better."""

    needs: ClassVar[frozenset[Need]] = frozenset()

    def __init__(self, sigma: float) -> None:
        if sigma <= 0:
            raise ValueError(f"sigma is a deviation above 0, not {sigma}")
        self.sigma = sigma

    @torch.no_grad()
    def align(self, model: nn.Module, judge: Judge | None, material: Material, run: Run) -> Outcome:
        assert judge is not None
        model.to(run.device).eval()
        history = []
        for step in range(run.settings.steps):
            given = tuple(source.to(run.device) for source in material.crops(step))
            noise, moved = step_generator(run.settings.seed, step, "climb"), deepcopy(model)
            for weight in moved.parameters():
                weight.add_(torch.randn(weight.shape, generator=noise).to(weight), alpha=self.sigma)
            before, after = (float(costs(judge, made(*given), given).mean()) for made in (model, moved))
            if after < before:
                model.load_state_dict(moved.state_dict())
            history.append({"step": float(step + 1), "loss": min(before, after)})
            if run.on_log is not None:
                run.on_log(step + 1, {"loss": min(before, after)})
        return Outcome(history, [], run.folder)
