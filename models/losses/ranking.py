"""Losses between a ranker and its labels, and between an enhancer and a ranker (HiLLIE, Eq. 2 and 3)."""

from __future__ import annotations

import torch
from torch.nn import functional as F


def margin_ranking(better: torch.Tensor, worse: torch.Tensor, margin: float = 0.5) -> torch.Tensor:
    """max(0, better - worse + margin), mean over pairs (HiLLIE, Eq. 2; scores are lower for better images).

    better, worse: (B,) scores of the preferred and the other image of each pair.
    """
    return F.relu(better - worse + margin).mean()


def member_ranking(better: torch.Tensor, worse: torch.Tensor, seen: torch.Tensor, margin: float = 0.5) -> torch.Tensor:
    """The sum over members of each one's `margin_ranking` on the pairs that it learns from.

    better, worse: (B, K) scores by K members. seen: (B, K) bool, which of them learn from a pair; a member that learns from
    none of the batch adds 0.
    """
    lost = F.relu(better - worse + margin) * seen
    return (lost.sum(0) / seen.sum(0).clamp(min=1)).sum()


def ranker_loss(scores: torch.Tensor) -> torch.Tensor:
    """Sigmoid of the ranker's scores of enhanced images, mean over the batch (HiLLIE, Eq. 3). scores: (B,)."""
    return torch.sigmoid(scores).mean()
