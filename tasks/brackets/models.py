"""Fusers, as the rounds use them; see `tasks.kinds.base.Models`."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
from torch import nn

from models.fusers.base import Fuser
from models.tiling import fuse_tiled
from pictures import read_uint8
from tasks.brackets.fusers import taught
from tasks.config import View
from tasks.kinds.fusers import Method, opened, store

__all__ = ["apply", "opened", "spec", "store", "untouched"]


def spec(params: View, weights: Path) -> Method:
    """The fuser of params.yaml with the weights in a file."""
    return taught(params, weights)


def apply(model: nn.Module, sources: tuple[str, ...], device: str = "cpu") -> np.ndarray:
    """The fused exposures, tile by tile."""
    return fuse_tiled(cast(Fuser, model), [read_uint8(path) for path in sources], device=device)


def untouched(sources: tuple[str, ...]) -> np.ndarray:
    """The plain average of the exposures."""
    return apply(opened(Method("average")), sources)
