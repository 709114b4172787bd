"""A project folder with the outputs of methods, for the tests of studies, import and export."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from labelling.store.records import PairImages, Trial, Vote
from pictures import write_png

METHODS = ("ours", "theirs", "old")
PHOTOS = ("bridge", "cat", "lamp")


def picture(method: str, photo: str, size: tuple[int, int] = (12, 16)) -> np.ndarray:
    """A small picture that only this method makes of this photo."""
    seed = int.from_bytes(hashlib.sha256(f"{method}/{photo}".encode()).digest()[:4], "big")
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def write_outputs(root: Path, methods: tuple[str, ...] = METHODS, photos: tuple[str, ...] = PHOTOS) -> dict[str, Path]:
    """ROOT/METHOD/PHOTO.png for all of them; returns method -> folder."""
    for method in methods:
        for photo in photos:
            write_png(root / method / f"{photo}.png", picture(method, photo))
    return {method: root / method for method in methods}


def sides(pair: PairImages) -> dict[str, str]:
    """low and high -> sha256, and the words for no preference."""
    low, high = sorted((pair.first_sha256, pair.second_sha256))
    return {"low": low, "high": high, "tie": "tie", "unsure": "unsure"}


def answer(
    pair: PairImages, observer: str, choice: str, left: str = "low", *, purpose: str = "vote", **changes: Any
) -> Any:
    """A Vote, or a Trial where `purpose` is repeat or training; choice and left are low, high, tie or unsure."""
    known = sides(pair)
    values: dict[str, Any] = {
        "id": f"{purpose}-{observer}-{pair.key[:16]}", "key": pair.key, "observer": observer, "kind": "people",
        "preferred": known[choice], "left": known[left], "round": "r01", "seconds": 2.0, **changes,
    }  # fmt: skip
    return Vote(**values) if purpose == "vote" else Trial(purpose=purpose, **values)
