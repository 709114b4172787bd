"""Exploration by a model's own noise: a diffusion model's sampler draws each step around its mean (Flow-GRPO, Liu et al.
2025, for DDIM).

The likelihood of a picture is that of the steps that led to it, each a Gaussian around the step's mean, so that ratio and
divergence are exact. Any model that `models.core.exploring.Explores` can be aligned so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import nn
from torch.nn import functional as F

from models.aligners.exploration import EXPLORATIONS, Exploration, Scene, exploration
from models.aligners.rewards import Beside, View
from models.aligners.rollout import Credit, Rollout, Sampler, region_means
from models.core.exploring import Explores, Paths
from models.judges.base import Judge
from models.own import faults_of_options


class OwnNoise(Exploration):
    """scale: of the noise of each step, 1 being as much as the model was trained with. last: steps that are drawn; None: all."""

    def __init__(self, scale: float = 0.5, last: int | None = None) -> None:
        super().__init__(scale)
        if last is not None and last < 1:
            raise ValueError(f"last is 1 or more steps, or null for all, not {last}")
        self.last = last

    def noise(self, scene: Scene, samples: int, generator: torch.Generator) -> torch.Tensor:
        raise NotImplementedError("the model draws")

    def plane(self, difference: torch.Tensor, scene: Scene) -> torch.Tensor:
        raise NotImplementedError("steps have a likelihood, not pictures")


class PathSampler(Sampler):
    """Rollouts of the paths that a model draws. A mean is that of every step of the paths, (T, G, B, c, h, w)."""

    of_pictures: ClassVar[bool] = False

    def fault(self, model: nn.Module) -> str | None:
        if isinstance(model, Explores):
            return None
        around = ", ".join(EXPLORATIONS)
        return f"its exploration is the model's own noise, and this model has none; explore.name can be {around}"

    def begin(
        self, judge: Judge, policy: nn.Module, reference: nn.Module, sources: tuple[torch.Tensor, ...], labels: torch.Tensor,
        generator: torch.Generator,
    ) -> tuple[Rollout, torch.Tensor]:  # fmt: skip
        assert (
            isinstance(policy, Explores) and isinstance(reference, Explores) and isinstance(self.exploration, OwnNoise)
        )
        with torch.no_grad():
            masks, there = self.masks(labels, generator)
            paths = policy.explore(sources, self.samples, self.scale, self.exploration.last, generator)
            scene = Scene(policy(*sources), sources, masks)
            held = reference.means_on(sources, paths)
            rollout = self.scored(judge, scene, there, paths.noise, paths.pictures, held)
            rollout = replace(rollout, paths=paths, anchor=reference(*sources))
        return rollout, self.mean(policy, rollout)

    def mean(self, policy: nn.Module, rollout: Rollout) -> torch.Tensor:
        assert isinstance(policy, Explores)
        return policy.means_on(tuple(rollout.scene.sources), _paths(rollout))

    def before(self, rollout: Rollout) -> torch.Tensor:
        return _paths(rollout).means

    def picture(self, policy: nn.Module, mean: torch.Tensor, rollout: Rollout) -> torch.Tensor:
        found: torch.Tensor = policy(*rollout.scene.sources)
        return found

    def apart(self, mean: torch.Tensor, rollout: Rollout) -> torch.Tensor:
        assert rollout.anchor is not None
        return F.mse_loss(rollout.scene.before, rollout.anchor)

    def log_probability(self, mean: torch.Tensor, rollout: Rollout) -> torch.Tensor:
        paths = _paths(rollout)
        return -0.5 * region_means(_energy(paths.means - mean + paths.noise, rollout), rollout.pixels)

    def divergence(self, mean: torch.Tensor, rollout: Rollout) -> torch.Tensor:
        return 0.5 * region_means(_energy(mean - rollout.reference, rollout), rollout.pixels).mean(0)


def _paths(rollout: Rollout) -> Paths:
    assert rollout.paths is not None
    return rollout.paths


def _energy(difference: torch.Tensor, rollout: Rollout) -> torch.Tensor:
    """(G, B, H, W) of differences (T, G, B, c, h, w) of steps: squares in variances, the mean over steps and channels."""
    paths = _paths(rollout)
    found = (difference / paths.deviations.reshape(-1, 1, 1, 1, 1, 1)).square().mean((0, 3))
    height, width = paths.pictures.shape[-2:]
    spread = found.repeat_interleave(paths.cell, -2).repeat_interleave(paths.cell, -1)
    return spread[..., :height, :width]


def _own(name: str, **options: Any) -> OwnNoise:
    if faults := faults_of_options(f"exploration {name!r}", OwnNoise, options):
        raise ValueError("; ".join(faults))
    return OwnNoise(**options)


# name of an exploration -> the sampler that goes with it, and what builds it from name and options
SAMPLERS: dict[str, tuple[type[Sampler], Callable[..., Exploration]]] = {
    **dict.fromkeys(EXPLORATIONS, (Sampler, exploration)),
    "own": (PathSampler, _own),
}


def sampler_of(
    explore: Mapping[str, Any], samples: int, regions: int, view: View, side: int, credit: Credit, beside: Beside
) -> Sampler:
    """The sampler of an exploration by its name and options. Raises ValueError: no such name, option or value."""
    options = dict(explore)
    name = options.pop("name")
    if name not in SAMPLERS:
        raise ValueError(f"no exploration is called {name!r}; known are {', '.join(sorted(SAMPLERS))}")
    sampler, built = SAMPLERS[name]
    return sampler(built(name, **options), samples, regions, view, side, credit, beside)
