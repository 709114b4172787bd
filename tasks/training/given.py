"""f(0) as its stage leaves it, with versions of it for the first judge: trained there, or as it came with its weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from torch import nn

from models.core.storage import load_weights
from models.core.training import Outcome, step_generator
from models.own import OwnModelError
from pictures import fresh_folder, write_json
from tasks.stage.places import MODEL, Places

Store = Callable[[nn.Module, Path], None]
# Of a tensor's own spread, the noise of the most disturbed version of a model that is not trained here.
NOISE = 0.3


def keep_trained(
    model: nn.Module,
    outcome: Outcome,
    steps: Sequence[int],
    store: Store,
    at: Places,
    beside: Mapping[str, Any] | None = None,
) -> None:
    """Write f0, and what its training left on its way after `steps`, to data/KIND/start; the resumable state goes then.

    beside: more to keep with the checkpoints, file name -> what is written as JSON.
    """
    version = deepcopy(model)
    with fresh_folder(at.start / "checkpoints") as folder:
        for step, snapshot in zip(steps, outcome.snapshots, strict=True):
            load_weights(version, snapshot)
            store(version, folder / f"{step:06d}.safetensors")
        for name, content in (beside or {}).items():
            write_json(folder / name, content)
    store(model, at.start / MODEL)
    outcome.discard_state()


def keep_given(model: nn.Module, store: Store, at: Places, *, name: str, seed: int, versions: int) -> None:
    """Write f0 as the user gave it to data/KIND/start, and versions of it that are worse the more noise their weights have.

    Raises `OwnModelError` for a model without weights.
    """
    if not any(parameter.dtype.is_floating_point for parameter in model.parameters()):
        raise OwnModelError(f"{name} cannot be aligned: it has no parameters")
    with fresh_folder(at.start / "checkpoints") as folder:
        for number in range(1, versions + 1):
            version = deepcopy(model)
            disturb(version, NOISE * (1 - number / versions), step_generator(seed, number, "versions"))
            store(version, folder / f"{number:06d}.safetensors")
    store(model, at.start / MODEL)
    write_json(at.start / "live" / "metrics.json", {"versions": versions})
    (at.start / "live" / "plots").mkdir(parents=True, exist_ok=True)
    print(f"{name} is f0 as it is; the first judge learns from {versions} versions with noise in their weights")


@torch.no_grad()
def disturb(model: nn.Module, noise: float, generator: torch.Generator) -> None:
    """Add Gaussian noise to every weight, in parts of its tensor's standard deviation."""
    for tensor in model.parameters():
        if tensor.dtype.is_floating_point and tensor.numel() > 1:
            tensor.add_(torch.randn(tensor.shape, generator=generator) * tensor.std() * noise)
