"""f(0) that comes with its weights: it is kept as it is, with versions of it for the first judge to tell apart."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import torch
from torch import nn

from models.core.training import step_generator
from models.own import OwnModelError
from pictures import fresh_folder, write_json
from tasks.stage.places import MODEL, Places

# Of a tensor's own spread, the noise of the most disturbed version of a model that is not trained here.
NOISE = 0.3


def keep_given(
    model: nn.Module, store: Callable[[nn.Module, Path], None], at: Places, *, name: str, seed: int, versions: int
) -> None:
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
