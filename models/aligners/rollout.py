"""Rollouts: pictures sampled around a network's output, what the judge says of their regions, and what that tells of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

import torch
from torch import nn
from torch.nn import functional as F

from models.aligners.exploration import Exploration, Scene
from models.aligners.rewards import Beside, heat_of, region_rewards
from models.aligners.rewards import View as RewardView
from models.core.exploring import Paths
from models.judges.base import Judge

Credit = Literal["equal", "area", "heatmap", "pixels"]
LEAST_REGION = 0.02
"""Share of a crop under which what it cuts of a region is left out."""


def region_masks(labels: torch.Tensor, most: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Of region numbers (B, H, W): masks (B, K, H, W) float, and which exist (B, K) bool; K <= `most`, chosen at random.

    What a crop cuts of a region below `LEAST_REGION` of its pixels is left out, unless there is nothing else.
    """
    chosen = []
    for one in labels:
        numbers, sizes = one.unique(return_counts=True)
        kept = numbers[sizes >= LEAST_REGION * one.numel()]
        kept = kept if len(kept) else numbers[sizes.argmax()][None]
        order = torch.randperm(len(kept), generator=generator)[:most].sort().values
        chosen.append(kept[order.to(kept.device)])
    count = max(map(len, chosen))
    masks = labels.new_zeros((len(labels), count, *labels.shape[1:]), dtype=torch.float32)
    there = torch.zeros(len(labels), count, dtype=torch.bool, device=labels.device)
    for place, numbers in enumerate(chosen):
        masks[place, : len(numbers)] = (labels[place][None] == numbers[:, None, None]).float()
        there[place, : len(numbers)] = True
    return masks, there


def region_means(values: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Weighted means (G, B, K) of values (G, B, H, W) by weights (B, K, H, W); 0 where a region weighs nothing."""
    total = torch.einsum("gbhw,bkhw->gbk", values, weights)
    return total / weights.sum((2, 3)).clamp(min=1e-12)


@dataclass
class Rollout:
    """Samples of one batch.

    scene: what they were drawn around; noise: (G, B, C, H, W); pixels: (B, K, H, W), regions, weighed by the credit of their
    pixels; there: (B, K), which exist; weight: (B, K), the credit of each, mean 1, 0 where there is none; judged, rewards:
    (G, B, K), of the judge, and with what is beside it; reference: (B, 3, H, W), what the frozen policy makes; explained: see
    `explained_share`; paths: of a model's own exploration, and anchor: (B, 3, H, W),
    what the frozen policy makes then (`models.aligners.own_noise`).
    """

    scene: Scene
    noise: torch.Tensor
    pixels: torch.Tensor
    there: torch.Tensor
    weight: torch.Tensor
    judged: torch.Tensor
    rewards: torch.Tensor
    reference: torch.Tensor
    explained: float
    paths: Paths | None = None
    anchor: torch.Tensor | None = None


@dataclass(frozen=True)
class Sampler:
    """Draws rollouts. samples: G; regions: K at most, 0 for the whole picture as one; view, side: how the judge sees a region;
    credit: what a region and its pixels weigh; beside: metrics as rewards beside the judge's. of_pictures: any picture has a
    likelihood.
    """

    of_pictures: ClassVar[bool] = True

    exploration: Exploration
    samples: int
    regions: int
    view: RewardView
    side: int
    credit: Credit
    beside: Beside = field(default_factory=lambda: Beside({}))

    def fault(self, model: nn.Module) -> str | None:
        """Why a model cannot be explored so, else None."""
        return None

    def scaled(self, factor: float) -> Sampler:
        """The same with another deviation."""
        return replace(self, exploration=self.exploration.scaled(factor))

    @property
    def scale(self) -> float:
        return self.exploration.scale

    def begin(
        self, judge: Judge, policy: nn.Module, reference: nn.Module, sources: tuple[torch.Tensor, ...], labels: torch.Tensor,
        generator: torch.Generator,
    ) -> tuple[Rollout, torch.Tensor]:  # fmt: skip
        """A rollout of a policy, and its mean with the gradient. reference: the frozen policy."""
        mean = policy(*sources)
        with torch.no_grad():
            anchor = reference(*sources)
        return self.roll(judge, mean.detach(), anchor, sources, labels, generator), mean

    def mean(self, policy: nn.Module, rollout: Rollout) -> torch.Tensor:
        """The policy's mean, with the gradient, of what a rollout was of."""
        found: torch.Tensor = policy(*rollout.scene.sources)
        return found

    def before(self, rollout: Rollout) -> torch.Tensor:
        """The mean when the rollout was drawn."""
        return rollout.scene.before

    def picture(self, policy: nn.Module, mean: torch.Tensor, rollout: Rollout) -> torch.Tensor:
        """What the policy makes without noise, (B, 3, H, W), with the gradient."""
        return mean

    def apart(self, mean: torch.Tensor, rollout: Rollout) -> torch.Tensor:
        """Mean squared difference of the pictures that the policy and the frozen one make."""
        return F.mse_loss(mean.detach(), rollout.reference)

    @torch.no_grad()
    def roll(
        self, judge: Judge, before: torch.Tensor, reference: torch.Tensor, sources: Sequence[torch.Tensor],
        labels: torch.Tensor, generator: torch.Generator,
    ) -> Rollout:  # fmt: skip
        """Sample around `before`, the policy's output (B, 3, H, W), and have the judge score. labels: (B, H, W) numbers."""
        masks, there = self.masks(labels, generator)
        scene = Scene(before, sources, masks)
        noise = self.exploration.noise(scene, self.samples, generator)
        return self.scored(judge, scene, there, noise, before[None] + noise, reference)

    def masks(self, labels: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Regions (B, K, H, W) of labels (B, H, W), and which exist, (B, K)."""
        return region_masks(labels if self.regions else torch.zeros_like(labels), self.regions or 1, generator)

    def scored(
        self, judge: Judge, scene: Scene, there: torch.Tensor, noise: torch.Tensor, pictures: torch.Tensor,
        reference: torch.Tensor,
    ) -> Rollout:  # fmt: skip
        """The rollout of pictures (G, B, 3, H, W) that the judge has scored."""
        before, sources, masks = scene.before, scene.sources, scene.regions
        judged = region_rewards(judge, pictures, sources, masks, self.view, self.side)
        rewards = self.beside.together(judged, pictures, sources)
        heat = heat_of(judge, before, sources) if self.credit in ("heatmap", "pixels") else None
        weight, pixels = there.float(), masks
        if self.credit == "area":
            weight = masks.mean((2, 3))
        elif heat is not None and self.credit == "heatmap":
            weight = weight * (1e-3 + region_means(heat[None], masks)[0])
        elif heat is not None:
            pixels = masks * (1e-3 + heat[:, None])
        weight = weight * there
        weight = weight / (weight.sum() / there.sum())
        return Rollout(scene, noise, pixels, there, weight, judged, rewards, reference, explained_share(rewards, there))

    def log_probability(self, mean: torch.Tensor, rollout: Rollout) -> torch.Tensor:
        """Of the actions under a policy with this mean (B, 3, H, W): (G, B, K), without the constant."""
        seen = self.exploration.seen
        difference = (seen(rollout.scene.before) - seen(mean))[None] + rollout.noise
        return -0.5 * region_means(self.exploration.energy(difference, rollout.scene), rollout.pixels)

    def divergence(self, mean: torch.Tensor, rollout: Rollout) -> torch.Tensor:
        """KL of the policy from the frozen one, by region (B, K), a pixel: exact for two Gaussians of one covariance."""
        apart = (self.exploration.seen(mean) - self.exploration.seen(rollout.reference))[None]
        return 0.5 * region_means(self.exploration.energy(apart, rollout.scene), rollout.pixels)[0]


def explained_share(rewards: torch.Tensor, there: torch.Tensor) -> float:
    """How much of the rewards' variance in a group is odd in the noise: what a step along a gradient can use. NaN: none at all.

    rewards: (G, B, K) of noise and its negative in turn. The variance of half the difference of each two, over that and the
    variance of their means.
    """
    pairs = len(rewards) // 2
    if pairs < 2:
        return float("nan")
    first, second = rewards[0 : 2 * pairs : 2], rewards[1 : 2 * pairs : 2]
    odd = ((first - second) / 2).square().mean(0)
    even = ((first + second) / 2).var(0, correction=0)
    known = there & torch.isfinite(odd) & torch.isfinite(even)
    total = float((odd + even)[known].sum())
    return float(odd[known].sum()) / total if total > 0 else float("nan")
