"""Aligners: model and judge -> a model that the judge likes better. `create(name, **options)` builds a registered one."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from models.aligners.registry import ALIGNERS
from models.own import faults_of_options

if TYPE_CHECKING:
    from models.aligners.base import Aligner

__all__ = ["ALIGNERS", "UnknownAligner", "create"]


class UnknownAligner(ValueError):
    """No aligner is registered under the name, or it does not take an option."""


def create(name: str, **options: Any) -> Aligner:
    """Build the aligner registered as `name` with its constructor's options.

    Raises `UnknownAligner` for an unknown name or option, or a value that it refuses.
    """
    if name not in ALIGNERS:
        raise UnknownAligner(f"no aligner is called {name!r}; known are {', '.join(sorted(ALIGNERS))}")
    module, _, builder = ALIGNERS[name].partition(":")
    build = getattr(import_module(module), builder)
    if faults := faults_of_options(f"aligner {name!r}", build, options):
        raise UnknownAligner("; ".join(faults))
    try:
        aligner: Aligner = build(**options)
    except ValueError as error:
        raise UnknownAligner(f"aligner {name!r}: {error}") from error
    return aligner
