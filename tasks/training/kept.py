"""The losses that an alignment keeps beside the judge (`align.keep`)."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from models.aligners.base import Kept
from tasks import kinds


class UnknownLoss(ValueError):
    """A kind of pictures has no such loss."""


def kept_losses(kind: str, weights: Mapping[str, float]) -> Kept | None:
    """The sum of a kind's losses by their weights; None where no weight is above 0. Raises `UnknownLoss`."""
    known = kinds.named(kind).losses
    if unknown := sorted(set(weights) - set(known)):
        raise UnknownLoss(
            f"{kind}.align.keep: no loss of {kind} is called {', '.join(unknown)}; known are {', '.join(known) or 'none'}"
        )
    chosen = {name: weight for name, weight in weights.items() if weight}
    if not chosen:
        return None
    return lambda made, sources: torch.stack(
        [weight * known[name](made, sources) for name, weight in chosen.items()]
    ).sum()
