"""Weights on disk: safetensors only, written whole or not at all, read with every name and shape checked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from models.atomic import atomic_path

MAX_BYTES = 8 * 2**30


class WeightsError(ValueError):
    """A weights file is absent, no safetensors file, too large, or of another network."""


def save_weights(module: nn.Module, path: Path) -> None:
    """Write a module's parameters and buffers to `path` as safetensors, from any device."""
    save_tensors(module.state_dict(), path)


def save_tensors(tensors: Mapping[str, torch.Tensor], path: Path) -> None:
    """Write named tensors to `path` as safetensors."""
    with atomic_path(path) as temporary:
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, temporary)


def load_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Read named tensors from a safetensors file. Raises `WeightsError`; a pickle is never opened."""
    if not path.is_file():
        raise WeightsError(f"{path} is missing")
    if path.suffix != ".safetensors":
        raise WeightsError(
            f"{path} is no .safetensors file. Pickled checkpoints (.pt, .pth, .ckpt) can run code when opened and are "
            "refused; convert it once, where you trust it: "
            "safetensors.torch.save_file(torch.load(path, weights_only=True), 'model.safetensors')"
        )
    if path.stat().st_size > MAX_BYTES:
        raise WeightsError(f"{path} is larger than {MAX_BYTES >> 30} GiB: not a model of this project")
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsError(
            f"{path} is not a readable safetensors file ({error}); delete it and run `dvc repro`"
        ) from error


def load_weights(module: nn.Module, path: Path) -> None:
    """Load `path` into `module`. Raises `WeightsError` that names what is missing, left over or of another shape."""
    tensors = load_tensors(path)
    wanted = module.state_dict()
    faults = [f"missing {name}" for name in wanted if name not in tensors]
    faults += [f"unknown {name}" for name in tensors if name not in wanted]
    faults += [
        f"{name} is {tuple(tensors[name].shape)}, the network has {tuple(wanted[name].shape)}"
        for name in wanted
        if name in tensors and tensors[name].shape != wanted[name].shape
    ]
    if faults:
        more = f" and {len(faults) - 3} more" if len(faults) > 3 else ""
        raise WeightsError(f"{path} holds another network: {'; '.join(faults[:3])}{more}. Do the params fit the file?")
    module.load_state_dict(tensors)
