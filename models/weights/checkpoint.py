"""A user's checkpoint: read as tensors only, so that nothing in it runs, or written as safetensors."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pictures import FileFault, check_regular

if TYPE_CHECKING:
    import torch

Fitted = Callable[["dict[str, torch.Tensor]"], "dict[str, torch.Tensor]"]

MAX_BYTES = 16 << 30
_PREFIX = "module."  # of torch's DataParallel


class CheckpointError(ValueError):
    """A checkpoint cannot be read, converted or used; the message says why."""


def convert(source: Path, target: Path | None = None, key: str | None = None, fitted: Fitted | None = None) -> str:
    """Write the weights of a checkpoint (.pth, .pt, .ckpt) as safetensors; returns what was found and written.

    target: SOURCE.safetensors by default; a file that is there is not replaced. key: of the state dict where the checkpoint
    holds several. fitted: gives the tensors the names that they are to have. Raises `CheckpointError`: not readable as
    tensors alone (weights_only, and no other way), no weights, several.
    """
    from models.core.storage import save_tensors

    target = target or source.with_suffix(".safetensors")
    if target.exists():
        raise CheckpointError(f"{target} is there already; delete it, or name another file")
    name, found = _weights(source, key)
    state = {each: tensor.clone() for each, tensor in (fitted(found) if fitted else found).items()}
    save_tensors(state, target)
    count = sum(tensor.numel() for tensor in state.values() if tensor.dtype.is_floating_point)
    names = list(state)
    shown = ", ".join(names[:3]) + (f", ..., {names[-1]}" if len(names) > 4 else "".join(f", {n}" for n in names[3:]))
    under = f" under {name!r}" if name else ""
    return f"{target}: {len(state)} tensors{under}, {count:,} numbers ({shown})"


def read(source: Path) -> dict[str, torch.Tensor]:
    """The weights by name, on the CPU, of a .safetensors or a checkpoint that holds one set of them. Raises `CheckpointError`."""
    from models.core.storage import WeightsError, load_tensors

    if source.suffix != ".safetensors":
        return _weights(source)[1]
    try:
        return load_tensors(source)
    except WeightsError as error:
        raise CheckpointError(str(error)) from error


def _weights(source: Path, key: str | None = None) -> tuple[str, dict[str, torch.Tensor]]:
    """The place of the weights in a checkpoint, and they by name. Raises `CheckpointError`, as `convert` says it."""
    import torch

    try:
        check_regular(source, MAX_BYTES)
        content = torch.load(source, map_location="cpu", weights_only=True)
    except FileFault as error:
        raise CheckpointError(str(error)) from error
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, AttributeError) as error:
        told = str(error).strip().splitlines()
        raise CheckpointError(
            f"{source} cannot be read as tensors alone ({told[0] if told else type(error).__name__}). A pickle can run code, so "
            "it is not opened in another way; where you trust it, save its state_dict() from the program that made it"
        ) from error
    found = _state_dicts(content, "")
    if not found:
        raise CheckpointError(f"{source} holds no weights: {_shape(content)}")
    if key is None and len(found) > 1:
        raise CheckpointError(
            f"{source} holds several sets of weights; `loupe weights convert` writes the one named by --key: {_list(found)}"
        )
    if key is not None and key not in found:
        raise CheckpointError(f"{source} has no weights under {key!r}; it has {_list(found)}")
    name = key if key is not None else next(iter(found))
    return name, {str(each).removeprefix(_PREFIX): tensor for each, tensor in found[name].items()}


def _state_dicts(content: Any, place: str, depth: int = 0) -> dict[str, Mapping[str, Any]]:
    """Place -> the mappings of tensors in a checkpoint, whose places are joined by dots; '' is the checkpoint itself."""
    import torch

    if not isinstance(content, Mapping) or depth > 4:
        return {}
    own = {key: value for key, value in content.items() if isinstance(value, torch.Tensor) and isinstance(key, str)}
    if own and len(own) == len(content):
        return {place: own}
    found: dict[str, Mapping[str, Any]] = {}
    for key, value in content.items():
        if "optim" not in str(key):  # an optimiser's state is no weights
            found |= _state_dicts(value, f"{place}.{key}".lstrip("."), depth + 1)
    return found


def _list(found: Mapping[str, Mapping[str, Any]]) -> str:
    return ", ".join(f"{name} ({len(state)} tensors)" for name, state in found.items())


def _shape(content: Any) -> str:
    if isinstance(content, Mapping):
        return f"a mapping of {', '.join(map(str, list(content)[:8]))}"
    return f"a {type(content).__name__}"
