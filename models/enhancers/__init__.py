"""Enhancers: image -> image. `create(name, **options)` builds a registered one."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from models.enhancers.registry import ENHANCERS

if TYPE_CHECKING:
    from models.enhancers.base import Enhancer


class UnknownEnhancer(ValueError):
    """No enhancer is registered under the name, or it does not take an option."""


def create(name: str, **options: int | float | str | bool) -> Enhancer:
    """Build the enhancer registered as `name` with its constructor's options, freshly initialised.

    Raises `UnknownEnhancer` for an unknown name or option.
    """
    if name not in ENHANCERS:
        raise UnknownEnhancer(f"no enhancer is called {name!r}; known are {', '.join(sorted(ENHANCERS))}")
    try:
        return import_module(ENHANCERS[name]).build(**options)
    except TypeError as error:
        raise UnknownEnhancer(f"enhancer {name!r} with options {options}: {error}") from error
