"""Where the models of the rounds lie, and how they are opened: the kind of the stage says which models they are.

Stages of the rounds ask here for weights, and the kind for everything that differs between kinds. The model that the rounds
of a kind start with lies in data/KIND/start.
"""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

from torch import nn

from tasks import kinds
from tasks.config import View
from tasks.stage.places import MODEL, Places, previous


def models(params: View) -> kinds.Models:
    """The models of the kind that the rounds work on."""
    return kinds.named(params.kind).models


def load(params: View, weights: Path, device: str = "cpu") -> nn.Module:
    """The kind's model with trained weights, frozen, in evaluation mode, on a device; a copy of its own."""
    own = models(params)
    return deepcopy(own.opened(own.spec(params, weights))).to(device)


def first_weights(kind: str) -> Path:
    """Weights of f0."""
    return Places(kind).start / MODEL


def checkpoints(kind: str) -> list[Path]:
    """Weights that the training of f0 left on its way."""
    return sorted((Places(kind).start / "checkpoints").glob("*.safetensors"))


def weights_of(kind: str, round_name: str) -> Path:
    """Weights that a round's alignment made: r00 -> f1, r01 -> f2, ..."""
    return Places(kind).model(round_name) / MODEL


def weights_before(kind: str, round_name: str) -> Path:
    """Weights of f(n) at the start of round n: those of f0 for r00, else those of the round before."""
    return first_weights(kind) if int(round_name[1:]) == 0 else weights_of(kind, previous(round_name))


def model_name(round_name: str) -> str:
    """The name of the model that a round starts with: r00 -> f0, r01 -> f1, ..."""
    return f"f{int(round_name[1:])}"
