"""The value baseline of proximal policy optimisation, trained beside the policy."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


class Baseline(nn.Module):
    """What to expect of each pixel's region (B, H, W), from a picture and its sources; channels: of all together."""

    def __init__(self, channels: int, width: int = 16) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1), nn.ReLU(),
            nn.Conv2d(width, 1, 1),
        )  # fmt: skip

    def forward(self, made: torch.Tensor, sources: tuple[torch.Tensor, ...]) -> torch.Tensor:
        small = F.avg_pool2d(torch.cat([made, *sources], 1), 4, ceil_mode=True)
        found = F.interpolate(self.layers(small), made.shape[-2:], mode="bilinear", align_corners=False)
        return found[:, 0]


class WithBaseline(nn.Module):
    """A policy and its baseline, trained together."""

    def __init__(self, policy: nn.Module, baseline: Baseline) -> None:
        super().__init__()
        self.policy, self.baseline = policy, baseline


def policy_of(model: nn.Module) -> nn.Module:
    """The policy in what is trained."""
    return model.policy if isinstance(model, WithBaseline) else model
