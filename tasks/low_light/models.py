"""Enhancers, as the rounds use them; see `tasks.kinds.base.Models`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from models.core.storage import save_weights
from models.core.tensors import picture_of, tensor
from pictures import read_uint8
from tasks.config import View
from tasks.low_light.enhancers import Trained, opened, trained

__all__ = ["apply", "opened", "spec", "store", "untouched"]


def spec(params: View, weights: Path) -> Trained:
    """The enhancer of params.yaml with the weights in a file."""
    return trained(params, weights)


def apply(model: nn.Module, sources: tuple[str, ...], device: str = "cpu") -> np.ndarray:
    """The enhanced photo."""
    with torch.no_grad():
        return picture_of(model(*(tensor(read_uint8(path)).to(device) for path in sources)))


def untouched(sources: tuple[str, ...]) -> np.ndarray:
    """The photo."""
    return read_uint8(sources[0])


def store(model: nn.Module, path: Path) -> None:
    """Its weights alone: params.yaml says what it is made of."""
    save_weights(model, path)
