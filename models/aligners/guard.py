"""The guard against over-optimisation: it ends an alignment that only the judge likes, and goes back to the best step.

A judge is right about pictures like those that people judged, and can be wrong about what a model finds on its way up. So others,
who were not trained on, look at the same pictures now and then: other judges and metrics, and how far a picture is from f(n)'s.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from models.aligners.baseline import policy_of

Scene = tuple[torch.Tensor, ...]
Opinion = Callable[[torch.Tensor, Scene], torch.Tensor]
"""(pictures (B, 3, H, W), their sources) -> (B,), higher is better."""


@dataclass(frozen=True)
class Rule:
    """When something got worse. every: steps between looks; patience: looks in a row that end the training.

    harm: of a witness, standard errors by which the mean of its scores' differences to f(n) lies below 0. fidelity: decibels to
    f(n)'s pictures under which a model has gone too far; None: it may.
    """

    every: int = 10
    patience: int = 2
    harm: float = 2.0
    fidelity: float | None = None


class Guard:
    """Watches a training (`models.core.training.Watch`).

    judge: who is trained on. witnesses: who is not, by name. scenes: pictures that no training sees, one tuple of sources each.
    A look is harmful where a witness or the fidelity says so by the rule. The result is the step, from 0 on, that the judge likes
    best of those that were not; `patience` harmful looks in a row, in which the judge likes the model better than before, end the
    training.
    """

    def __init__(
        self, judge: Opinion, witnesses: Mapping[str, Opinion], scenes: Sequence[Scene], rule: Rule = Rule()
    ) -> None:
        if not scenes:
            raise ValueError("a guard needs pictures to look at")
        self._judge, self._witnesses, self._scenes, self._rule = judge, dict(witnesses), list(scenes), rule
        self.every, self.stopped, self.reason = rule.every, False, ""
        self._first: dict[str, torch.Tensor] = {}
        self._before: list[torch.Tensor] = []
        self._harmful = 0
        self._best: dict[str, torch.Tensor] = {}
        self.best_step, self._best_value = 0, -math.inf

    @torch.no_grad()
    def look(self, step: int, model: nn.Module) -> Mapping[str, float]:
        model = policy_of(model)
        made = [model(*scene).clamp(0, 1) for scene in self._scenes]
        said = {
            name: torch.cat([who(picture, scene) for picture, scene in zip(made, self._scenes, strict=True)]).double()
            for name, who in {"judge": self._judge, **self._witnesses}.items()
        }
        first = not self._first
        if first:
            self._first, self._before = said, [picture.cpu() for picture in made]
        fidelity = self._fidelity(made)
        harms = [name for name in self._witnesses if worse(said[name] - self._first[name], self._rule.harm)]
        if self._rule.fidelity is not None and fidelity < self._rule.fidelity:
            harms.append("fidelity")
        value = float(said["judge"].nanmean())
        liked = value > float(self._first["judge"].nanmean())
        if harms and not first:  # f(n) itself is the measure
            self._harmful += liked
        else:
            self._harmful = 0
            if value > self._best_value or not self._best:
                self._best_value, self.best_step = value, step
                self._best = {key: tensor.detach().cpu().clone() for key, tensor in model.state_dict().items()}
        if self._harmful >= self._rule.patience:
            self.stopped = True
            self.reason = (
                f"stopped at step {step}: the judge likes it better ({value:.3g}), and {', '.join(harms)} got worse; "
                f"back to step {self.best_step}"
            )
            print(self.reason, flush=True)
        seen = {f"watch_{name}": float(scores.nanmean()) for name, scores in said.items()}
        return seen | {"watch_fidelity": fidelity, "watch_harmful": float(bool(harms))}

    def _fidelity(self, made: Sequence[torch.Tensor]) -> float:
        pairs = zip(made, self._before, strict=True)
        error = float(torch.stack([(now.cpu() - then).square().mean() for now, then in pairs]).mean())
        return -10 * math.log10(max(error, 1e-10))

    def finish(self, model: nn.Module) -> None:
        policy_of(model).load_state_dict(self._best)

    def state_dict(self) -> dict[str, Any]:
        return {
            "stopped": self.stopped, "reason": self.reason, "harmful": self._harmful, "first": self._first,
            "before": self._before, "best": self._best, "best_step": self.best_step, "best_value": self._best_value,
        }  # fmt: skip

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.stopped, self.reason, self._harmful = state["stopped"], state["reason"], state["harmful"]
        self._first, self._best = state["first"], state["best"]
        self._before = [picture.cpu() for picture in state["before"]]
        self.best_step, self._best_value = state["best_step"], state["best_value"]


def worse(differences: torch.Tensor, harm: float) -> bool:
    """Whether the mean of paired differences (N,) lies more than `harm` standard errors below 0. NaN are left out."""
    known = differences[torch.isfinite(differences)]
    if len(known) < 2:
        return bool(len(known)) and float(known[0]) < 0
    error = float(known.std(correction=1)) / len(known) ** 0.5
    return float(known.mean()) < -max(harm * error, 1e-9)
