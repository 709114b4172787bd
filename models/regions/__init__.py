"""Regions of a picture: what an aligner judges apart. `create(name, **options)` builds a registered segmenter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from models.core.registry import built
from models.regions.registry import REGIONS

if TYPE_CHECKING:
    from models.regions.base import Segmenter

__all__ = ["REGIONS", "UnknownSegmenter", "create"]


class UnknownSegmenter(ValueError):
    """No segmenter is registered under the name, or it does not take an option."""


def create(name: str, **options: Any) -> Segmenter:
    """Build the segmenter registered as `name` with its constructor's options.

    Raises `UnknownSegmenter` for an unknown name or option, or a value that it refuses.
    """
    segmenter: Segmenter = built("segmenter", name, REGIONS, options, UnknownSegmenter)
    return segmenter
