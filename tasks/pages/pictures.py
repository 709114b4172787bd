"""The report's pictures: which validation photos are shown, and each of their versions as a small embedded JPEG."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from PIL import Image

from pictures import read_uint8

BUDGET = 11_000_000
"""Characters that all embedded pictures together may take; a page of 15 MB still opens on a phone."""
# Long side in pixels and JPEG quality, tried in turn until the pictures fit the budget.
SIZES = ((640, 85), (512, 82), (400, 80), (320, 75))


@dataclass(frozen=True)
class Version:
    """One picture of a photo: its key ('input', 'f0', ..., 'reference') and a data URI."""

    key: str
    uri: str


@dataclass(frozen=True)
class Photo:
    """A validation photo with all its versions and the size they are shown at, in pixels."""

    image: str
    photograph: str
    width: int
    height: int
    versions: tuple[Version, ...]


def choose(images: pd.DataFrame, wanted: int) -> list[str]:
    """At most `wanted` image ids, spread evenly: over photographs first, then over the crops of each."""
    by_photograph: dict[str, list[str]] = {}
    for image, photograph in sorted(zip(images.id, images.photograph, strict=True)):
        by_photograph.setdefault(photograph, []).append(image)
    groups = [by_photograph[photograph] for photograph in sorted(by_photograph)]
    if wanted < len(groups):
        return [groups[place * len(groups) // wanted][0] for place in range(wanted)]
    taken = [0] * len(groups)
    for _ in range(min(wanted, len(images))):
        open_groups = [place for place, group in enumerate(groups) if taken[place] < len(group)]
        taken[min(open_groups, key=lambda place: taken[place])] += 1
    return [
        group[index * len(group) // number]
        for group, number in zip(groups, taken, strict=True)
        for index in range(number)
    ]


def embed(
    images: pd.DataFrame, enhanced: pd.DataFrame, models: Sequence[str], wanted: int, budget: int | None = None
) -> list[Photo]:
    """The chosen photos with the versions `models` and, where there is one, the reference; smaller where many are asked for.

    images, enhanced: the tables of those names, of the validation split. budget: characters that they may take together. Fewer
    photos than wanted come back where even the smallest size would make the page too large. Raises `ImageError` for a picture
    that is absent or damaged.
    """
    while True:
        chosen = choose(images, wanted)
        for side, quality in SIZES:
            photos = _photos(images, enhanced, models, chosen, (side, quality), budget or BUDGET)
            if photos is not None:
                return photos
        wanted = max(1, len(chosen) // 2)
        if len(chosen) == 1:
            return []


def _photos(
    images: pd.DataFrame,
    enhanced: pd.DataFrame,
    models: Sequence[str],
    chosen: Sequence[str],
    size_and_quality: tuple[int, int],
    budget: int,
) -> list[Photo] | None:
    """The photos at one size; None as soon as they exceed the budget."""
    paths = {(row.image, row.model): row.path for row in enhanced.itertuples(index=False)}
    facts = images.set_index("id")
    photos, spent = [], 0
    for image in chosen:
        files = [(model, paths[image, model]) for model in models if (image, model) in paths]
        if isinstance(facts.reference[image], str):
            files.append(("reference", facts.reference[image]))
        versions, size = [], (1, 1)
        for key, path in files:
            uri, size = jpeg(str(path), *size_and_quality)
            versions.append(Version(key, uri))
            spent += len(uri)
            if spent > budget:
                return None
        photos.append(Photo(image, str(facts.photograph[image]), size[0], size[1], tuple(versions)))
    return photos


def jpeg(path: str, side: int, quality: int) -> tuple[str, tuple[int, int]]:
    """A picture of a file; see `encoded`."""
    return encoded(read_uint8(path), side, quality)


def encoded(pixels: np.ndarray, side: int, quality: int) -> tuple[str, tuple[int, int]]:
    """A picture (H, W, 3) uint8 as a JPEG data URI with at most `side` pixels a side, and its (width, height)."""
    picture = Image.fromarray(pixels, "RGB")
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    # Without optimize: with it Pillow fails on a very noisy picture, whose JPEG outgrows the buffer it sets aside.
    picture.save(buffer, "JPEG", quality=quality, subsampling=0)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode(), picture.size
