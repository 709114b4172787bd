"""Weights on disk: safetensors only, written whole or not at all, read with every name, shape, type and value checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from pictures import AbsentFile, FileFault, atomic_path, check_regular, mended

MAX_BYTES = 8 * 2**30
MAX_ARCHITECTURE = 100_000
"""Characters; fifteen nodes of eleven operations take 5,000."""
_ARCHITECTURE = "architecture"
_FLOATS = ("F32", "F16", "BF16", "F64")
_OTHERS = {
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}


class WeightsError(ValueError):
    """A weights file is absent, no safetensors file, too large, broken, or of another network."""


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
    """Read named tensors from a safetensors file. Raises `WeightsError`, also for values that are not finite.

    A pickle is never opened.
    """
    tensors = {}
    with _opened(path) as file:
        for name in sorted(file.keys()):
            tensors[name] = _finite(path, name, file.get_tensor(name))
    return tensors


def read_architecture(path: Path) -> str:
    """What `save_weights` was told of the module's architecture. Raises `WeightsError`, also where the file says nothing."""
    with _opened(path) as file:
        metadata = file.metadata() or {}
    if _ARCHITECTURE not in metadata:
        raise WeightsError(f"{path} does not say which network it holds; `dvc repro` writes it anew")
    text: str = metadata[_ARCHITECTURE]
    if len(text) > MAX_ARCHITECTURE:
        raise WeightsError(f"{path} describes its network in {len(text)} characters: not a model of this project")
    return text


def load_weights(module: nn.Module, path: Path) -> None:
    """Load `path` into `module`. Raises `WeightsError`; `module` then is as it was.

    The message names what is missing, left over, of another shape, of a type that the network has not (any of float16,
    bfloat16, float32 and float64 serves a network of floats), or not finite.
    """
    wanted = module.state_dict()
    with _opened(path) as file:
        _compare(file, wanted, path)
        tensors = {name: _finite(path, name, file.get_tensor(name).to(wanted[name].dtype)) for name in wanted}
    module.load_state_dict(tensors)


def check_weights(module: nn.Module, path: Path) -> None:
    """Raise `WeightsError` where `load_weights` would for names, shapes or types. Reads the file's header alone.

    module: may be on the device "meta", where a network of any size costs nothing.
    """
    with _opened(path) as file:
        _compare(file, module.state_dict(), path)


def version_of(path: Path) -> tuple[int, ...] | None:
    """What changes when a file is written anew, for those that keep what they loaded; None where there is no file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """A safetensors file, nothing of which is read before it is asked for. Raises `WeightsError`."""
    if path.suffix != ".safetensors" and path.exists():
        raise WeightsError(
            f"{path} is no .safetensors file. Pickled checkpoints (.pt, .pth, .ckpt) can run code when opened and are "
            "refused; convert it once, where you trust it: "
            "safetensors.torch.save_file(torch.load(path, weights_only=True), 'model.safetensors')"
        )
    try:
        check_regular(path, MAX_BYTES)
    except AbsentFile:
        raise WeightsError(f"{path} is missing; `dvc repro` makes it") from None
    except FileFault as error:
        raise WeightsError(str(error)) from error
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except WeightsError:
        raise
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsError(f"{path} is not a readable safetensors file ({error}); {mended(path)}") from error


def _compare(file: Any, wanted: Mapping[str, torch.Tensor], path: Path) -> None:
    names = set(file.keys())
    faults = [f"missing {name}" for name in wanted if name not in names]
    faults += [f"unknown {name:.80}" for name in sorted(names.difference(wanted))]
    for name in wanted:
        if name not in names:
            continue
        part = file.get_slice(name)
        shape, kind = tuple(part.get_shape()), part.get_dtype()
        if shape != tuple(wanted[name].shape):
            faults.append(f"{name} is {shape}, the network has {tuple(wanted[name].shape)}")
        elif kind not in _types(wanted[name].dtype):
            faults.append(f"{name} is of type {kind}, the network has {wanted[name].dtype}".replace("torch.", ""))
    if faults:
        more = f" and {len(faults) - 3} more" if len(faults) > 3 else ""
        raise WeightsError(f"{path} holds another network: {'; '.join(faults[:3])}{more}. Do the params fit the file?")


def _types(dtype: torch.dtype) -> tuple[str, ...]:
    """What safetensors calls the types that a tensor of `dtype` may be kept as: for floats any float, else itself."""
    return _FLOATS if dtype.is_floating_point else (_OTHERS.get(dtype, ""),)


def _finite(path: Path, name: str, tensor: torch.Tensor) -> torch.Tensor:
    if tensor.dtype.is_floating_point and not bool(torch.isfinite(tensor).all()):
        raise WeightsError(f"{path} is broken: the tensor {name:.80} holds values that are not finite; {mended(path)}")
    return tensor
