"""Kinds of pictures, by name."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import cast

from tasks.kinds.base import Counts, Kind, Models, Origin, Page, RatedPicture, Spec, Words
from tasks.registry import KINDS

__all__ = ["Counts", "Kind", "Models", "Origin", "Page", "RatedPicture", "Spec", "Words", "every", "named"]


@cache
def named(name: str) -> Kind:
    """The kind of a name in `tasks.registry`. Raises KeyError."""
    return cast(Kind, import_module(KINDS[name]).KIND)


def every() -> list[Kind]:
    """All kinds, in the order of the registry."""
    return [named(name) for name in KINDS]
