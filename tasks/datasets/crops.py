"""Crops of sample photographs, working copies of a user's, and the split into training and validation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path

import numpy as np

from pictures import ImageError, read_image, reduce_to
from tasks.datasets.folders import MIN_SIDE
from tasks.datasets.photos import Photo, locate

# A crop shows about half of a scene's width, not a flat patch of it.
CROPS_ACROSS = 1.8


class DatasetError(ValueError):
    """The dataset cannot be built from what params.yaml names."""


def generator(seed: int, *names: object) -> np.random.Generator:
    """A generator of its own for each name: one photo more does not change the others."""
    text = "/".join(str(name) for name in (seed, *names))
    return np.random.default_rng(list(text.encode()))


def validation_names(names: list[str], count: int, seed: int) -> set[str]:
    """`count` of the names, drawn with the seed; at least one stays for training."""
    order, ascending = generator(seed, "split").permutation(len(names)), sorted(names)
    return {ascending[place] for place in order[: min(count, len(names) - 1)]}


def crop_places(height: int, width: int, crop: int, count: int, random: np.random.Generator) -> list[tuple[int, int]]:
    """`count` places (top, left) of square crops, each the one of 20 draws that lies farthest from those before."""
    places: list[tuple[int, int]] = []

    def distance(place: tuple[int, int]) -> int:
        return min(((place[0] - other[0]) ** 2 + (place[1] - other[1]) ** 2 for other in places), default=0)

    for _ in range(count):
        drawn = [
            (int(random.integers(0, height - crop + 1)), int(random.integers(0, width - crop + 1))) for _ in range(20)
        ]
        places.append(max(drawn, key=distance))
    return places


def crops_of(
    photo: Photo, section: str, crop: int, count: int, random: np.random.Generator
) -> list[tuple[str, np.ndarray]]:
    """Named crops (crop, crop, 3), float in [0, 1], of a sample photograph that is reduced to a few crops across.

    section: of params.yaml, for the error. Raises `DatasetError`: the photograph is smaller than a crop.
    """
    source = read_image(locate(photo))
    shortest = min(source.shape[:2])
    if shortest < crop:
        raise DatasetError(
            f"{section}.sample.crop is {crop}, and the sample photograph {photo.name} has only {shortest} pixels "
            f"a side; take a crop of at most {shortest}"
        )
    source = reduce_to(source, max(crop / shortest, CROPS_ACROSS * crop / max(source.shape[:2])))
    return [
        (f"{photo.name}_{number}", source[top : top + crop, left : left + crop])
        for number, (top, left) in enumerate(crop_places(source.shape[0], source.shape[1], crop, count, random))
    ]


def in_turn(names: Sequence[str], seed: int, photo: str) -> Iterator[str]:
    """Names in an order of the photograph's own, again and again."""
    return cycle(names[place] for place in generator(seed, "lights", photo).permutation(len(names)))


def working_copy(path: Path, photo: np.ndarray, max_side: int | None) -> np.ndarray:
    """The photo with at most `max_side` pixels a side. Raises `ImageError` for one that is too small to learn from."""
    longest = max(photo.shape[:2])
    if max_side is not None and longest > max_side:
        photo = reduce_to(photo, max_side / longest)
    if min(photo.shape[:2]) < MIN_SIDE:
        height, width = photo.shape[:2]
        raise ImageError(path, f"{width} x {height} pixels, smaller than {MIN_SIDE} on a side; too small to learn from")
    return photo
