"""A page of photos before and after: one file that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from tasks.pages.page import render
from tasks.pages.pictures import encoded

SIDE, QUALITY = 1400, 88
MOST_BYTES = 80_000_000
"""Of a page: more a browser opens slowly."""
MARK = "<title>Loupe: before and after</title>"
"""What a page of ours has in it."""


@dataclass(frozen=True)
class Compared:
    """A photo's name, its two pictures as data URIs, and their size in pixels."""

    name: str
    before: str
    after: str
    width: int
    height: int


def page(photos: Iterable[tuple[str, np.ndarray, np.ndarray]], by: str) -> str:
    """The page of photos (name, before, after): (H, W, 3) of 8 or 16 bits. Photos that would make it too large are counted.

    by: what enhanced them, in words.
    """
    shown: list[Compared] = []
    size = left_out = 0
    for name, before, after in photos:
        if size >= MOST_BYTES:
            left_out += 1
            continue
        (first, _), (second, (width, height)) = (encoded(_eight_bits(one), SIDE, QUALITY) for one in (before, after))
        shown.append(Compared(name, first, second, width, height))
        size += len(first) + len(second)
    return render("compare.html", photos=shown, by=by, left_out=left_out)


def _eight_bits(picture: np.ndarray) -> np.ndarray:
    return picture if picture.dtype == np.uint8 else (picture // 257).astype(np.uint8)
