"""Aligners: model and judge -> a model that the judge likes better. `create(name, **options)` builds a registered one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from models.aligners.registry import ALIGNERS
from models.core.registry import built

if TYPE_CHECKING:
    from models.aligners.base import Aligner

__all__ = ["ALIGNERS", "UnknownAligner", "create"]


class UnknownAligner(ValueError):
    """No aligner is registered under the name, or it does not take an option."""


def create(name: str, **options: Any) -> Aligner:
    """Build the aligner registered as `name` with its constructor's options.

    Raises `UnknownAligner` for an unknown name or option, or a value that it refuses.
    """
    aligner: Aligner = built("aligner", name, ALIGNERS, options, UnknownAligner)
    return aligner
