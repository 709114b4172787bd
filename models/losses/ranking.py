"""Losses between a ranker and its labels, and between an enhancer and a ranker (HiLLIE, Eq. 2 and 3)."""

from __future__ import annotations

import torch
from torch.nn import functional as F


def margin_ranking(better: torch.Tensor, worse: torch.Tensor, margin: float = 0.5) -> torch.Tensor:
    """max(0, better - worse + margin), mean over pairs (HiLLIE, Eq. 2; scores are lower for better images).

    better, worse: (B,) scores of the preferred and the other image of each pair.
    """
    return F.relu(better - worse + margin).mean()


def ranker_loss(scores: torch.Tensor) -> torch.Tensor:
    """Sigmoid of the ranker's scores of enhanced images, mean over the batch (HiLLIE, Eq. 3). scores: (B,)."""
    return torch.sigmoid(scores).mean()
