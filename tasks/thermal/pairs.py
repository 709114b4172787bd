"""One pair of pictures: made of a sample photograph, or read from a user's files and checked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.degradation import darken
from pictures import ImageError, Photo, Shift, read_noted, read_photo, refuse_sizes, shift_between, shifted, write_png
from tasks.datasets import photos
from tasks.datasets.crops import crops_of, generator, working_copy
from tasks.thermal import synthetic
from tasks.thermal.depth import Levels, histogram, levels, spread
from tasks.thermal.params import FolderThermal, SampleThermal

FLAT = 2 / 255
"""A picture whose values deviate less shows nothing."""
ALL_HOT = 0.99
"""So does one of which more than this share has the highest or the lowest value."""
FALSE_COLOUR = 0.05
"""Mean spread of a pixel's channels, from which on infrared is a palette's and not grey."""
UNREGISTERED = 2.0
"""Pixels; a pair that is off by more is named."""


@dataclass(frozen=True)
class Files:
    """A user's files of one scene; name: its id, original: the name of the infrared file."""

    infrared: Path
    visible: Path
    name: str
    original: str


def sample_pairs(photo: photos.Photo, settings: SampleThermal, seed: int, folder: str) -> list[dict[str, Any]]:
    """Crops of one photograph in less light, each beside a synthetic thermal channel; rows without split and hashes."""
    random = generator(seed, "thermal", photo.name)
    rows = []
    for name, crop in crops_of(photo, "thermal.dataset", settings.crop, settings.crops_per_photo, random):
        warm = synthetic.targets(int(random.integers(0, settings.targets + 1)), random)
        heat = synthetic.infrared(crop, warm, settings.noise, random)
        stops = random.uniform(*settings.stops)
        dark = darken(synthetic.hidden(crop, warm), stops, 3e-4, 1e-3, random)
        write(Path(folder), name, np.repeat(heat[..., None], 3, 2), dark)
        rows.append(row(name, photo.name, crop, f"{photo.package}/{photo.file}"))
    return rows


def folder_pair(files: Files, settings: FolderThermal, levels_of_set: Levels | None, folder: str) -> dict[str, Any]:
    """Working copies of a user's pair, as 8-bit PNG; returns its row, and `said`: what was found out and done.

    said: `notes` of reading; `levels` that infrared of 16 bits was spread by, else None; `shift` of the pair as it came;
    `palette`, whether infrared is in false colours.
    Raises `ImageError` for one that cannot be used: broken, of unequal sizes, flat or all hot infrared, a flat visible picture.
    """
    visible, notes = read_noted(files.visible)
    photo = read_photo(files.infrared)
    heat, palette, found = heat_of(photo, settings, levels_of_set)
    refuse_sizes(files.infrared, heat, files.visible, visible)
    for path, picture in ((files.infrared, heat), (files.visible, visible)):
        if reason := empty(picture):
            raise ImageError(path, f"{reason}: nothing is to be seen in it; take the pair out")
    shift = shift_between(heat, visible)
    if settings.align and shift.certain:
        heat, visible = brought_together(heat, visible, shift)
    heat = working_copy(files.infrared, heat, settings.max_side)
    visible = working_copy(files.visible, visible, settings.max_side)
    write(Path(folder), files.name, heat, visible)
    said = {
        "notes": [(files.visible, note) for note in notes] + [(files.infrared, note) for note in photo.notes],
        "levels": found,
        "shift": shift,
        "palette": palette,
    }
    return row(files.name, files.name, visible, files.original) | {"said": said}


def brought_together(heat: np.ndarray, visible: np.ndarray, shift: Shift) -> tuple[np.ndarray, np.ndarray]:
    """Infrared moved over the visible picture, and of both what the two have in common."""
    heat = shifted(heat, shift)
    height, width = heat.shape[:2]
    # The pixel at x is taken from x + shift: of a shift to the right the last columns come from outside.
    # A quarter of a pixel beyond the border is the border.
    rows = slice(max(0, math.ceil(-shift.y - 0.25)), height - max(0, math.ceil(shift.y - 0.25)))
    columns = slice(max(0, math.ceil(-shift.x - 0.25)), width - max(0, math.ceil(shift.x - 0.25)))
    return heat[rows, columns], visible[rows, columns]


def heat_of(
    photo: Photo, settings: FolderThermal, levels_of_set: Levels | None
) -> tuple[np.ndarray, bool, Levels | None]:
    """Infrared (H, W, 3), float in [0, 1], hot is bright; whether it came in false colours; the levels it was spread by.

    Infrared of 8 bits stays as it is: its camera has chosen the range.
    """
    pixels = photo.pixels
    palette = float(np.ptp(pixels.astype(np.float32), axis=2).mean()) > FALSE_COLOUR * np.iinfo(pixels.dtype).max
    grey = pixels[..., 0] if (pixels[..., :1] == pixels).all() else _luma(pixels)
    found = None
    if grey.dtype == np.uint16:
        found = levels_of_set or levels(histogram(grey), settings.percentiles)
        heat = spread(grey, found)
    else:
        heat = grey.astype(np.float32) / 255
    heat = 1 - heat if settings.hot == "black" else heat
    return np.repeat(heat[..., None], 3, 2), palette, found


def histogram_of(path: Path) -> np.ndarray | None:
    """Of infrared of 16 bits; None for one of 8. Raises `ImageError`."""
    pixels = read_photo(path).pixels
    return histogram(_luma(pixels)) if pixels.dtype == np.uint16 else None


def _luma(pixels: np.ndarray) -> np.ndarray:
    """Y (H, W) of RGB, of its type."""
    return np.rint(pixels.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)).astype(pixels.dtype)


def empty(picture: np.ndarray) -> str | None:
    """Why a picture, float in [0, 1], has nothing to give; None for one that has."""
    if float(picture.std()) < FLAT:
        return "it is flat"
    for value, word in ((picture.max(), "highest"), (picture.min(), "lowest")):
        share = float((picture == value).mean())
        if share > ALL_HOT:
            return f"{100 * share:.3g} % of it has its {word} value"
    return None


def write(folder: Path, name: str, infrared: np.ndarray, visible: np.ndarray) -> None:
    """Both pictures of a pair where its row says they lie."""
    for part, picture in (("infrared", infrared), ("visible", visible)):
        write_png(folder / part / f"{name}.png", picture)


def row(name: str, photograph: str, picture: np.ndarray, original: str) -> dict[str, Any]:
    height, width = picture.shape[:2]
    return {"id": name, "photograph": photograph, "width": width, "height": height, "original": original}


def lines_of(rows: Sequence[Mapping[str, Any]], aligned: bool) -> dict[str, list[str]]:
    """What the stage says of the pairs, for its summary: how infrared was spread, which pairs are off, and by how much."""
    found: dict[str, list[str]] = {"spread": [], "shifted": [], "unregistered": [], "false_colour": []}
    for entry in rows:
        name, said = entry["id"], entry["said"]
        shift: Shift = said["shift"]
        if (levels_found := said["levels"]) is not None:
            at = levels_found
            found["spread"].append(f"{name}: {at.lowest} .. {at.low} .. {at.high} .. {at.highest}")
        if shift.certain and shift.length > UNREGISTERED:
            found["shifted" if aligned else "unregistered"].append(f"{name}: {shift}")
        if said["palette"]:
            found["false_colour"].append(name)
    return found
