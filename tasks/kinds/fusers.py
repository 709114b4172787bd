"""Fusers of kinds whose scenes have several pictures: said in a few words, opened once a process, and stored."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from torch import nn

from models.core.storage import load_weights, save_weights, version_of
from models.fusers import create
from models.fusers.base import Fuser
from models.fusers.searched import SearchedFuser, load, save
from models.fusers.visible_colour import VisibleColour

SEARCHED = "searched"
"""The fuser whose weights file says its architecture."""


@dataclass(frozen=True)
class Method:
    """A way to fuse: a fuser, its options as JSON, and where it is trained the file of its weights; fit to be sent around.

    visible_colour: of the sources, infrared and visible, only Y is fused, and the colour is the visible one's.
    """

    name: str
    weights: str = ""
    options: str = "{}"
    visible_colour: bool = False


def opened(spec: Method, device: str = "cpu") -> Fuser:
    """The fuser itself, frozen, in evaluation mode; loaded once a process, and again when its file is another.

    Raises `WeightsError`, `OwnModelError`.
    """
    return _opened(spec, device, version_of(Path(spec.weights)) if spec.weights else None)


@lru_cache(maxsize=16)
def _opened(spec: Method, device: str, version: tuple[int, ...] | None) -> Fuser:
    if spec.name == SEARCHED:
        fuser: Fuser = load(Path(spec.weights))
    else:
        fuser = create(spec.name, **json.loads(spec.options))
        if spec.weights:
            load_weights(fuser, Path(spec.weights))
    if spec.visible_colour:
        fuser = VisibleColour(fuser)
    return fuser.requires_grad_(False).eval().to(device)


def store(model: nn.Module, path: Path) -> None:
    """Its weights; of the searched network its architecture, too."""
    model = model.inner if isinstance(model, VisibleColour) else model
    if isinstance(model, SearchedFuser):
        save(model, path)
    else:
        save_weights(model, path)
