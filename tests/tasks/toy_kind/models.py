"""Stretchers, as the rounds use them; see `tasks.kinds.base.Models`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import nn

from models.core.storage import load_weights, save_weights
from models.core.tensors import picture_of, tensor
from pictures import read_uint8
from tasks.config import View


class Stretcher(nn.Module):
    """Contrast and light by two learnt numbers; untaught, it leaves a picture (B, 3, H, W) as it is."""

    def __init__(self, limit: float) -> None:
        super().__init__()
        self.limit = limit
        self.contrast = nn.Parameter(torch.zeros(1))
        self.light = nn.Parameter(torch.zeros(1))

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        stretched = 0.5 + (picture - 0.5) * (1 + self.limit * torch.tanh(self.contrast))
        return (stretched + torch.tanh(self.light)).clamp(0, 1)


@dataclass(frozen=True)
class Trained:
    """A stretcher by what it is made of."""

    limit: float
    weights: str


def spec(params: View, weights: Path) -> Trained:
    return Trained(params.model.limit, str(weights))


@lru_cache(maxsize=64)
def opened(spec: Trained) -> Stretcher:
    model = Stretcher(spec.limit)
    load_weights(model, Path(spec.weights))
    return model.requires_grad_(False).eval()


def apply(model: nn.Module, sources: tuple[str, ...], device: str = "cpu") -> np.ndarray:
    with torch.no_grad():
        return picture_of(model(tensor(read_uint8(sources[0])).to(device)))


def untouched(sources: tuple[str, ...]) -> np.ndarray:
    return read_uint8(sources[0])


def store(model: nn.Module, path: Path) -> None:
    save_weights(model, path)
