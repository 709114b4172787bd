"""Fusers: several exposures -> one picture. `create(name, **options)` builds a registered one."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import TYPE_CHECKING, Any

from models.fusers.registry import FUSERS

if TYPE_CHECKING:
    from models.fusers.base import Fuser


class UnknownFuser(ValueError):
    """No fuser is registered under the name, or it does not take an option."""


def create(name: str, **options: Any) -> Fuser:
    """Build the fuser registered as `name` with its constructor's options, freshly initialised.

    Raises `UnknownFuser` for an unknown name or option.
    """
    if name not in FUSERS:
        raise UnknownFuser(f"no fuser is called {name!r}; known are {', '.join(sorted(FUSERS))}")
    module, function = FUSERS[name]
    build = getattr(import_module(module), function)
    known = inspect.signature(build).parameters
    unknown = [option for option in options if option not in known]
    if unknown:
        takes = ", ".join(known) or "no options"
        raise UnknownFuser(f"fuser {name!r} has no option {', '.join(unknown)}; it takes {takes}")
    fuser: Fuser = build(**options)
    return fuser
