"""Enhancers: image -> image. `create(name, **options)` builds a registered one."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from models.core.registry import built
from models.enhancers.registry import ENHANCERS, GROUP, PUBLISHED
from models.own import is_own

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.enhancers.base import Enhancer


class UnknownEnhancer(ValueError):
    """No enhancer is registered under the name, or it does not take an option."""


def create(name: str, **options: Any) -> Enhancer:
    """Build the enhancer registered as `name`, or a user's own (`models.own`), with its constructor's options.

    Raises `UnknownEnhancer` for an unknown name or option, `OwnModelError` for a model of the user's that cannot be used.
    """
    if name not in ENHANCERS and is_own(name, GROUP):
        from models.own.enhancers import own_enhancer

        return own_enhancer(name, options)
    enhancer: Enhancer = built("enhancer", name, ENHANCERS, options, UnknownEnhancer)
    return enhancer


def published(name: str) -> Callable[..., dict[str, Any]]:
    """What gives the tensors of an enhancer's published checkpoint the names that they have here: (tensors, renames, options)
    -> tensors.

    Raises `UnknownEnhancer` where none is known.
    """
    if name not in PUBLISHED:
        raise UnknownEnhancer(
            f"no published checkpoint of {name!r} is known; of {', '.join(sorted(PUBLISHED))} there is one"
        )
    module, _, function = PUBLISHED[name].partition(":")
    found: Callable[..., dict[str, Any]] = getattr(import_module(module), function)
    return found
