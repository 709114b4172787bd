"""Losses of policy optimisation over regions: pure functions, B pictures, K regions, G samples (EVAFusion, Sec. 3.4).

An action is a picture that was sampled around a network's output; its log-probability is per region, the mean over its pixels. A
region that a picture does not have (fewer than K) is NaN in rewards, and counts nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch.nn import functional as F

Group = Literal["samples", "regions", "both"]
LEAST_SPREAD = 1e-6
"""Standard deviation of a group's rewards under which they are all one: there is nothing to prefer."""


@dataclass(frozen=True)
class Advantages:
    """values: (G, B, K), 0 where `alive` (G, B, K) is false. groups, flat, unknown: how many groups there were, how many of them
    without variance, and how many rewards were not finite.
    """

    values: torch.Tensor
    alive: torch.Tensor
    groups: int
    flat: int
    unknown: int


def advantages(rewards: torch.Tensor, group: Group = "samples", there: torch.Tensor | None = None) -> Advantages:
    """(reward - mean) / standard deviation within each group (GRPO, Shao et al. 2024, Eq. 1, outcome supervision).

    rewards: (G, B, K), higher is better; not finite where the judge does not know. group: over what one is normalised: the
    samples of a region; the regions of a sample, as EVAFusion writes; or all of a picture. there: (B, K) bool, which exist.
    """
    exists = torch.ones_like(rewards, dtype=torch.bool) if there is None else there[None].expand_as(rewards)
    finite = torch.isfinite(rewards) & exists
    axes = {"samples": (0,), "regions": (2,), "both": (0, 2)}[group]
    known = torch.where(finite, rewards, 0.0)
    count = finite.sum(axes, keepdim=True)
    mean = known.sum(axes, keepdim=True) / count.clamp(min=1)
    off = torch.where(finite, rewards - mean, 0.0)
    deviation = (off.square().sum(axes, keepdim=True) / count.clamp(min=1)).sqrt()
    varied = deviation > LEAST_SPREAD * (1 + mean.abs())
    alive = finite & varied
    values = torch.where(alive, off / torch.where(varied, deviation, 1.0), 0.0)
    some = exists.any(dim=axes[0], keepdim=True) if len(axes) == 1 else exists.any(0, keepdim=True).any(2, keepdim=True)
    groups = int(some.sum())
    return Advantages(values, alive, groups, groups - int((varied & some).sum()), int((exists & ~finite).sum()))


def clipped_surrogate(ratio: torch.Tensor, advantage: torch.Tensor, clip: float, weight: torch.Tensor) -> torch.Tensor:
    """-min(ratio A, clip(ratio, 1 - eps, 1 + eps) A), the weighted mean (PPO, Schulman et al. 2017, Eq. 7).

    All (G, B, K); weight 0 leaves an entry out. 0 where nothing has a weight.
    """
    gain = torch.minimum(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage)
    return -(gain * weight).sum() / weight.sum().clamp(min=1e-12)


def clipped_share(ratio: torch.Tensor, advantage: torch.Tensor, clip: float, weight: torch.Tensor) -> torch.Tensor:
    """The share of entries with a weight whose gradient the clip cuts off."""
    cut = ((advantage > 0) & (ratio > 1 + clip)) | ((advantage < 0) & (ratio < 1 - clip))
    counted = weight > 0
    return (cut & counted).sum() / counted.sum().clamp(min=1)


def paper_ratio(made: torch.Tensor, before: torch.Tensor, alpha: float, regions: torch.Tensor) -> torch.Tensor:
    """1 + alpha |F - F_old| / |F_old| per region (B, K), as EVAFusion writes it: norms over the region's pixels (L1).

    made, before: (B, C, H, W); regions: (B, K, H, W), 1 within. It never falls below 1 and does not know in which direction a
    picture went: its gradient at F = F_old is none (of 0), and after that a good advantage rewards any change, also back.
    """
    changed = torch.einsum("bhw,bkhw->bk", (made - before).abs().mean(1), regions)
    there = torch.einsum("bhw,bkhw->bk", before.abs().mean(1), regions)
    return 1 + alpha * changed / there.clamp(min=1e-6)


def preference_loss(
    better: torch.Tensor, worse: torch.Tensor, better_before: torch.Tensor, worse_before: torch.Tensor, beta: float
) -> torch.Tensor:
    """-log sigmoid(beta ((log p(better) - log p_ref(better)) - (log p(worse) - log p_ref(worse)))), of any shape.

    Source: DPO, Rafailov et al. 2023, Eq. 7.
    """
    return -F.logsigmoid(beta * ((better - better_before) - (worse - worse_before)))


def weighted_mean(values: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """The weighted mean; 0 where nothing has a weight."""
    return (torch.where(weight > 0, values, 0.0) * weight).sum() / weight.sum().clamp(min=1e-12)
