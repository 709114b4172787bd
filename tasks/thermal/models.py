"""Fusers of infrared and visible, as the rounds use them; see `tasks.kinds.base.Models`.

Every fuser fuses Y alone here; the colour is the visible picture's.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import nn

from models.core.training import make_deterministic, step_seed
from models.fusers import create
from models.fusers.base import Fuser
from models.fusers.visible_colour import VisibleColour
from models.tiling import fuse_tiled
from pictures import read_uint8
from tasks.config import View
from tasks.kinds.fusers import Method, opened, store

__all__ = ["apply", "fresh", "method", "opened", "spec", "store", "untouched"]


def spec(params: View, weights: Path) -> Method:
    """The fuser of params.yaml with the weights in a file."""
    options = json.dumps(params.model.options, sort_keys=True)
    return Method(params.model.name, str(weights), options, visible_colour=True)


def method(name: str) -> Method:
    """A registered fuser as it is built, or the user's own."""
    return Method(name, visible_colour=True)


def fresh(params: View) -> VisibleColour:
    """The fuser of params.yaml, initialised from the seed. Raises `UnknownFuser`, `OwnModelError`."""
    make_deterministic()
    torch.manual_seed(step_seed(params.seed, 0, "fuser"))
    return VisibleColour(create(params.model.name, **params.model.options))


def apply(model: nn.Module, sources: tuple[str, ...], device: str = "cpu") -> np.ndarray:
    """The fused picture, tile by tile where the fuser allows it."""
    return fuse_tiled(cast(Fuser, model), [read_uint8(path) for path in sources], device=device)


def untouched(sources: tuple[str, ...]) -> np.ndarray:
    """The mean of both Y, with the visible colour."""
    return apply(opened(method("average")), sources)
