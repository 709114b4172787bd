"""One pair of `loupe fuse --kind thermal`: infrared in the range that is fused, over the visible picture where that is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pictures import ImageError, Photo, quantise, refuse_sizes, shift_between, shifted
from tasks.kinds.fusers import Method
from tasks.thermal import models
from tasks.thermal.kind import KIND
from tasks.thermal.pairs import UNREGISTERED, empty, heat_of
from tasks.thermal.params import FolderThermal

LIKE = 1
"""Which of the files named the fused picture takes its metadata and colours from: the visible one."""
ALIGN = False
"""Whether infrared is moved over the visible picture where nobody says."""
DEPTH = LIKE
"""Infrared's 16 bits are mostly empty."""
MOST = 2
"""Infrared and visible."""


def method(name: str | None) -> Method:
    """A registered fuser, or the user's own, by name; None: where params.yaml has no section, what needs no training."""
    return models.method(name or "pyramid")


def _settings(section: Any) -> FolderThermal:
    return FolderThermal() if section is None else section.dataset.folder


def recipe(section: Any) -> Mapping[str, object]:
    """That it is this kind, and how infrared is read."""
    settings = _settings(section)
    return {"kind": KIND.name, "hot": settings.hot, "percentiles": list(settings.percentiles)}


def brought(photos: Sequence[Photo], section: Any, align: bool) -> list[np.ndarray]:
    """Infrared and visible, (H, W, 3) of the visible picture's type.

    The section's dataset.folder says how infrared is read; here each picture is spread by its own percentiles, as there is no
    set. Raises `ImageError`: of unequal sizes, one that shows nothing.
    """
    settings = _settings(section)
    infrared, visible = photos
    heat, palette, _ = heat_of(infrared, settings, None)
    light = visible.pixels.astype(np.float32) / np.float32(np.iinfo(visible.pixels.dtype).max)
    refuse_sizes(infrared.path, heat, visible.path, light)
    for photo, picture in ((infrared, heat), (visible, light)):
        if reason := empty(picture):
            raise ImageError(photo.path, f"{reason}: nothing is to be seen in it")
    if palette:
        print(
            f"{infrared.path}: in false colours, of which brightness alone is taken; export it white-hot or black-hot"
        )
    shift = shift_between(heat, light)
    if shift.certain and align:
        heat = shifted(heat, shift)
        print(f"{infrared.path}: moved over {visible.path}, it was off by {shift}")
    elif shift.certain and shift.length > UNREGISTERED:
        print(f"{infrared.path}: looks off from {visible.path} by {shift}; --align moves it")
    return [quantise(heat, 8 * visible.pixels.dtype.itemsize), visible.pixels]
