"""A judge in a file: how much a learnt colour is in the picture, and how near it is to what it was made of."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from models.judges.base import Judge


class Colour(Judge):
    """Higher is better. Learns from pairs: the colour, and what a departure from the first source costs."""

    higher_is_better = True
    uses_sources = True

    def __init__(self, departure: float = 0.1) -> None:
        super().__init__()
        self.colour = nn.Parameter(torch.zeros(3))
        self.departure = nn.Parameter(torch.tensor(departure))

    def scores(self, pictures: torch.Tensor, sources: Sequence[torch.Tensor] = ()) -> torch.Tensor:
        apart = (pictures - sources[0]).square().mean((1, 2, 3))
        return pictures.mean((2, 3)) @ self.colour - self.departure * apart
