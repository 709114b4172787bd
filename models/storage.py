"""Weights on disk: safetensors only, written whole or not at all, read with every name and shape checked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from pictures import atomic_path

MAX_BYTES = 8 * 2**30
_ARCHITECTURE = "architecture"


class WeightsError(ValueError):
    """A weights file is absent, no safetensors file, too large, or of another network."""


def save_weights(module: nn.Module, path: Path, architecture: str | None = None) -> None:
    """Write a module's parameters and buffers to `path` as safetensors, from any device.

    architecture: what the module has to be built from, kept in the file's header (`read_architecture`).
    """
    save_tensors(module.state_dict(), path, architecture)


def save_tensors(tensors: Mapping[str, torch.Tensor], path: Path, architecture: str | None = None) -> None:
    """Write named tensors to `path` as safetensors."""
    # One entry only: safetensors keeps no order of several, and the same weights are to be the same bytes.
    metadata = None if architecture is None else {_ARCHITECTURE: architecture}
    with atomic_path(path) as temporary:
        whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        save_file(whole, temporary, metadata=metadata)


def load_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Read named tensors from a safetensors file. Raises `WeightsError`; a pickle is never opened."""
    _check(path)
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def read_architecture(path: Path) -> str:
    """What `save_weights` was told of the module's architecture. Raises `WeightsError`, also where the file says nothing."""
    _check(path)
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except (SafetensorError, OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    if _ARCHITECTURE not in metadata:
        raise WeightsError(f"{path} does not say which network it holds; `dvc repro` writes it anew")
    return metadata[_ARCHITECTURE]


def _check(path: Path) -> None:
    """Raise `WeightsError` for a file that is absent, of another kind, or too large."""
    if not path.is_file():
        raise WeightsError(f"{path} is missing; `dvc repro` makes it")
    if path.suffix != ".safetensors":
        raise WeightsError(
            f"{path} is no .safetensors file. Pickled checkpoints (.pt, .pth, .ckpt) can run code when opened and are "
            "refused; convert it once, where you trust it: "
            "safetensors.torch.save_file(torch.load(path, weights_only=True), 'model.safetensors')"
        )
    if path.stat().st_size > MAX_BYTES:
        raise WeightsError(f"{path} is larger than {MAX_BYTES >> 30} GiB: not a model of this project")


def _unreadable(path: Path, error: Exception) -> WeightsError:
    return WeightsError(f"{path} is not a readable safetensors file ({error}); delete it and run `dvc repro`")


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
