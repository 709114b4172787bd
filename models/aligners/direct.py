"""Direct back-propagation through the judge, as EVAFusion's public code does in place of its policy optimisation."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import ClassVar

import torch
from torch import nn
from torch.nn import functional as F

from models.aligners.base import Aligner, Material, Need
from models.core.training import Outcome, Run
from models.judges.base import HIGHEST, Judge, RatedJudge, costs


class Direct(Aligner):
    """f(n) goes up the judge's score, held to what it made before.

    weight: of the judge's cost. anchor: of 255 times the mean squared difference to f(n)'s picture. criteria: weights of a rated
    judge's scores by name; none: its overall score.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"gradient of the judge", "gradient of the model"})

    def __init__(self, anchor: float = 1.0, criteria: Mapping[str, float] | None = None, weight: float = 1.0) -> None:
        if min(anchor, weight) < 0:
            raise ValueError(f"anchor and weight are 0 or more, not {anchor}, {weight}")
        self.anchor, self.criteria, self.weight = anchor, dict(criteria or {}), weight

    def fault(self, judge: Judge | None, model: nn.Module | None = None) -> str | None:
        if (found := super().fault(judge, model)) is not None or not self.criteria:
            return found
        known = judge.criteria if isinstance(judge, RatedJudge) else ()
        if unknown := sorted(set(self.criteria) - set(known)):
            return f"its judge does not score {', '.join(unknown)}" + (f", but {', '.join(known)}" if known else "")
        return None

    def advice(self, judge: Judge, guarded: bool) -> str | None:
        if guarded:
            return None
        return "nothing but its anchor holds it where the judge is wrong; a guard (align.guard) looks at others beside the judge"

    def align(self, model: nn.Module, judge: Judge | None, material: Material, run: Run) -> Outcome:
        assert judge is not None
        before = deepcopy(model).requires_grad_(False).eval().to(run.device)
        model.requires_grad_(True)
        judge.to(run.device)

        def objective(
            module: nn.Module, given: tuple[torch.Tensor, ...]
        ) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
            made = module(*given)
            with torch.no_grad():
                anchor = before(*given)
            apart = F.mse_loss(made, anchor)
            cost = self._cost(judge, made, given)
            values = {"reward": -cost, "fidelity": -10 * apart.detach().clamp(min=1e-10).log10()}
            return material.with_kept(self.weight * cost + self.anchor * 255 * apart, values, made, given)

        return run.train(model, material.crops, objective, watch=material.watch)

    def _cost(self, judge: Judge, made: torch.Tensor, sources: tuple[torch.Tensor, ...]) -> torch.Tensor:
        if not self.criteria or not isinstance(judge, RatedJudge):
            return costs(judge, made, sources).mean()
        scores = judge.opinion(made, sources).scores
        weights = scores.new_tensor([self.criteria.get(name, 0.0) for name in judge.criteria])
        return -HIGHEST * (scores * weights).sum(1).mean() / weights.sum()
