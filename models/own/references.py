"""Finding what a name stands for: a callable of the user's, or a file. Imports no torch; the user's module may."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from models.own.errors import OwnModelError

TORCHSCRIPT, ONNX = (".pt", ".ts", ".torchscript"), (".onnx",)
_PICKLED = (".pth", ".ckpt", ".pkl")


def is_own(name: str, group: str) -> bool:
    """Whether a name that no registry of ours has is a reference: `module:function`, a file, or an installed entry point."""
    return ":" in name or Path(name).suffix in (*TORCHSCRIPT, *ONNX, *_PICKLED) or bool(_installed(name, group))


def is_file(name: str) -> bool:
    """Whether a reference is to a TorchScript or ONNX file, and not to a callable."""
    return ":" not in name and Path(name).suffix in (*TORCHSCRIPT, *ONNX)


def known_names(group: str) -> list[str]:
    """The names of installed entry points of a group, such as `loupe.enhancers`."""
    return sorted({point.name for point in entry_points(group=group)})


def shadowed(registered: Collection[str], group: str) -> list[EntryPoint]:
    """Installed entry points of a group that have the name of one of ours, which is used in their place."""
    return sorted({point for point in entry_points(group=group) if point.name in registered})


def locate(name: str, group: str) -> Callable[..., Any] | Path:
    """The callable that builds the model, or the file that holds it.

    name: `module:function`, importable from the project's folder or installed; a TorchScript or ONNX file; the name of an entry
    point of `group`. Raises `OwnModelError`.
    """
    suffix = Path(name).suffix
    if suffix in _PICKLED:
        raise OwnModelError(
            f"{name}: a pickled checkpoint is no model, and opening one can run code. `loupe weights convert {name}` makes "
            "safetensors of it, for model.weights; the model itself is named as module:function"
        )
    if suffix in (*TORCHSCRIPT, *ONNX):
        path = Path(name).expanduser()
        if not path.is_file():
            raise OwnModelError(f"{name}: there is no such file in {Path.cwd()}")
        return path
    if ":" in name:
        return _imported(name)
    found = _installed(name, group)
    if not found:
        raise OwnModelError(f"no model is called {name!r}, and no installed package has one (entry points of {group})")
    if len(found) > 1:
        places = ", ".join(sorted({point.value for point in found}))
        raise OwnModelError(f"several packages have a model called {name!r} ({places}); name one as module:function")
    try:
        loaded = found[0].load()
    except Exception as error:
        raise OwnModelError(f"entry point {name!r} ({found[0].value}) cannot be imported: {_told(error)}") from error
    return _callable(name, loaded)


def faults_of_options(name: str, build: Callable[..., Any], options: Mapping[str, Any]) -> list[str]:
    """What is wrong with the options of a callable, by its signature alone: unknown ones, missing ones; nothing is called."""
    try:
        signature = inspect.signature(build)
    except (TypeError, ValueError):  # built in C: it says itself when it is called
        return []
    taken = {
        key: parameter
        for key, parameter in signature.parameters.items()
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    }
    open_ended = any(parameter.kind is parameter.VAR_KEYWORD for parameter in signature.parameters.values())
    takes = ", ".join(taken) or "no options"
    faults = [
        f"{name} has no option {key!r}; it takes {takes}" for key in options if key not in taken and not open_ended
    ]
    faults += [
        f"{name} needs the option {key!r}"
        for key, parameter in taken.items()
        if parameter.default is parameter.empty and key not in options
    ]
    return faults


def _installed(name: str, group: str) -> list[EntryPoint]:
    return list({point.value: point for point in entry_points(group=group) if point.name == name}.values())


def _imported(name: str) -> Callable[..., Any]:
    module, _, function = name.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:  # a command installed by pip does not look in the working folder
        sys.path.insert(0, here)
    try:
        found = import_module(module)
    except Exception as error:
        raise OwnModelError(
            f"{name}: the module {module!r} cannot be imported from {here} or from what is installed: {_told(error)}"
        ) from error
    for part in function.split("."):
        if not hasattr(found, part):
            raise OwnModelError(f"{name}: {module} has no {function!r}")
        found = getattr(found, part)
    return _callable(name, found)


def _callable(name: str, found: object) -> Callable[..., Any]:
    if not callable(found):
        raise OwnModelError(
            f"{name} is a {type(found).__name__}; it should be a function or a class that makes the model"
        )
    return found


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no message'}"
