"""Fusers: several exposures -> one picture. `create(name, **options)` builds a registered one."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from models.fusers.registry import FUSERS, GROUP
from models.own import faults_of_options, is_own

if TYPE_CHECKING:
    from models.fusers.base import Fuser


class UnknownFuser(ValueError):
    """No fuser is registered under the name, or it does not take an option."""


def create(name: str, **options: Any) -> Fuser:
    """Build the fuser registered as `name`, or a user's own (`models.own`), with its options, freshly initialised.

    Raises `UnknownFuser` for an unknown name or option, `OwnModelError` for a fuser of the user's that cannot be used.
    """
    if name not in FUSERS:
        if is_own(name, GROUP):
            from models.own.fusers import own_fuser

            return own_fuser(name, options)
        raise UnknownFuser(f"no fuser is called {name!r}; known are {', '.join(sorted(FUSERS))}")
    module, function = FUSERS[name]
    build = getattr(import_module(module), function)
    if faults := faults_of_options(f"fuser {name!r}", build, options):
        raise UnknownFuser("; ".join(faults))
    fuser: Fuser = build(**options)
    return fuser
