"""One scene of `loupe fuse`: what its exposures show is checked, and they are brought over one another."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import numpy as np

from models.fusers.many import brightness, empty, exposure_order
from pictures import GHOSTS, ImageError, Photo, RegistrationError, disagreement, moved, register_all
from tasks.brackets import fusers
from tasks.kinds.fusers import Method


@dataclass(frozen=True)
class Exposure:
    """One exposure: its file and its pixels (H, W, 3), uint8 or uint16."""

    path: Path
    pixels: np.ndarray


LIKE = 0
"""Which of the files named the fused photo takes its metadata and colours from."""
ALIGN = True
"""Whether exposures are brought over one another where nobody says."""
DEPTH = None
"""The deepest exposure says how deep the fused photo is."""
MOST = None
"""A scene has any number of exposures."""


def method(name: str | None) -> Method:
    """A registered fuser, or the user's own, by name; None: the searched one, where params.yaml has no section."""
    return fusers.method(fusers.SEARCHED if name is None else name)


def recipe(section: Any) -> Mapping[str, object]:
    """Nothing: exposures are fused as they are."""
    return {}


def brought(photos: Sequence[Photo], section: Any, align: bool) -> list[np.ndarray]:
    """The exposures of one scene as they are fused, darkest first, (H, W, 3) of one type: checked, ordered, aligned.

    Exposures that show nothing (black or white all over), and of more than two those that cannot be aligned, are left out
    and named. Raises `ImageError`: of unequal sizes, twice the same, fewer than two that can be used.
    """
    pixels = same_depth([photo.pixels for photo in photos])
    exposures = [Exposure(photo.path, found) for photo, found in zip(photos, pixels, strict=True)]
    check(exposures)
    exposures = in_order(without_empty(exposures))
    exposures = aligned(exposures, photos[0].path) if align else exposures
    say_ghosts(exposures)
    return [exposure.pixels for exposure in exposures]


def check(exposures: Sequence[Exposure]) -> None:
    """Raises `ImageError` where two exposures differ in size, or are the same picture and not an empty one."""
    first = exposures[0]
    for other in exposures[1:]:
        if other.pixels.shape != first.pixels.shape:
            sizes = " and ".join(f"{e.pixels.shape[1]} x {e.pixels.shape[0]}" for e in (first, other))
            raise ImageError(
                first.path, f"differs in size from {other.path} ({sizes}); export all exposures at one size"
            )
    for one, other in combinations(exposures, 2):
        if np.array_equal(one.pixels, other.pixels) and empty(one.pixels) is None:
            raise ImageError(one.path, f"is the same picture as {other.path}; name each exposure once")


def without_empty(exposures: Sequence[Exposure]) -> list[Exposure]:
    """Those that show something; the others are named. Raises `ImageError` where fewer than two are left."""
    reasons = {exposure.path: empty(exposure.pixels) for exposure in exposures}
    kept = [exposure for exposure in exposures if reasons[exposure.path] is None]
    left_out = [f"{path} ({reason})" for path, reason in reasons.items() if reason is not None]
    if len(kept) < 2:
        raise ImageError(
            exposures[0].path,
            f"is of a scene with {len(kept) or 'no'} usable exposure{'' if len(kept) == 1 else 's'} of {len(exposures)}; "
            f"nothing is to be seen in {', '.join(left_out)}. Fusion takes two at least",
        )
    for line in left_out:
        print(f"left out: {line}: nothing is to be seen in it")
    return kept


def in_order(exposures: Sequence[Exposure]) -> list[Exposure]:
    """From the darkest to the brightest; two that were named the other way round are said."""
    order = exposure_order([exposure.pixels for exposure in exposures])
    if order == [1, 0]:
        one, other = exposures
        light, dark = brightness(one.pixels), brightness(other.pixels)
        print(
            f"{one.path} is brighter than {other.path} ({light:.2f} and {dark:.2f} of 1): taken as the over-exposed one"
        )
    return [exposures[place] for place in order]


def aligned(exposures: Sequence[Exposure], first: Path) -> list[Exposure]:
    """Exposures, darkest first, brought over the middle one, of two over the one named `first`; every motion is said.

    Raises `ImageError` where fewer than two are left.
    """
    names = [exposure.path for exposure in exposures]
    reference = names.index(first) if len(exposures) == 2 and first in names else (len(exposures) - 1) // 2
    still = exposures[reference]
    kept = []
    for exposure, found in zip(exposures, register_all([e.pixels for e in exposures], reference), strict=True):
        if isinstance(found, RegistrationError):
            reason = f"cannot be aligned with {still.path}: {found}; --no-align takes it as it is"
            if len(exposures) == 2:
                raise ImageError(exposure.path, reason) from found
            print(f"left out: {exposure.path}: {reason}")
            continue
        if not found.still:
            print(f"{exposure.path}: aligned with {still.path}, it was off by {found}")
        elif math.isnan(found.score):
            print(f"{exposure.path}: shows too little in common with {still.path} to be aligned; taken as it is")
        kept.append(Exposure(exposure.path, moved(exposure.pixels, still.pixels, found)))
    if len(kept) < 2:
        raise ImageError(still.path, "no other exposure of its scene can be aligned with it; --no-align fuses them all")
    return kept


def say_ghosts(exposures: Sequence[Exposure]) -> None:
    """Say how much of the picture neighbouring exposures disagree on."""
    for one, other in pairwise(exposures):
        share = disagreement(one.pixels, other.pixels)
        if share >= GHOSTS:
            print(
                f"{one.path} and {other.path} show different things on {100 * share:.1f} % of the picture at least: "
                "something moved, expect ghosts"
            )


def same_depth(photos: Sequence[np.ndarray]) -> list[np.ndarray]:
    """All in 16 bits where one is (255 becomes 65535), else as they are."""
    if len({photo.dtype for photo in photos}) == 1:
        return list(photos)
    return [photo if photo.dtype == np.uint16 else photo.astype(np.uint16) * np.uint16(257) for photo in photos]
