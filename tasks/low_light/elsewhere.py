"""Photos of another character than the dataset's, of which nothing learns: what carries over, and what does not.

`low_light.evaluate.elsewhere` asks for them. `sample`: new crops of the photographs that validate, darker, in other lights, of
warm colour, noisier and through JPEG. `photos`: a folder of the user's, without references.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from models.degradation import compressed, expose
from models.lighting import lighting
from pictures import ImageError, identifiers, quantise, read_json, read_noted, sha256_file, write_png
from tasks.config import View
from tasks.datasets.crops import crops_of, generator, in_turn, working_copy
from tasks.datasets.folders import photos_in, say_notes
from tasks.datasets.photos import PHOTOS
from tasks.datasets.subjects import Subject, subjects_of
from tasks.low_light.kind import KIND
from tasks.low_light.params import SampleElsewhere
from tasks.stage.places import Places

KEY = f"{KIND.name}.evaluate.elsewhere"
MAX_SIDE = 768
"""Of the working copy of a user's photo."""


def subjects(params: View, folder: Path) -> dict[str, list[Subject]]:
    """What `evaluate.elsewhere` asks for, by group, `sample` and `photos`, written below a folder; {} where it asks for nothing.

    Raises `ImageError`: a folder without photos that can be used; single ones that cannot are named and passed over.
    """
    asked = params.evaluate.elsewhere
    found: dict[str, list[Subject]] = {}
    if asked is None:
        return found
    if asked.sample is not None and read_json(Places(KIND.name).pictures / "summary.json")["source"] == "sample":
        found["sample"] = of_sample(asked.sample, params.seed, folder / "sample")
    if asked.photos is not None:
        found["photos"] = of_folder(asked.photos, asked.recursive, folder / "photos")
    return found


def of_sample(settings: SampleElsewhere, seed: int, folder: Path) -> list[Subject]:
    """New crops of the photographs that validate, the crop itself as reference."""
    validate, found = {one.photograph for one in subjects_of(KIND.name, "validation")}, []
    for photo in (photo for photo in PHOTOS if photo.name in validate):
        random = generator(seed, "elsewhere", photo.name)
        lights = in_turn(settings.lights, seed, photo.name)
        for name, crop in crops_of(photo, KEY, settings.crop, settings.crops_per_photo, random):
            stops = lighting(crop, next(lights), random.uniform(*settings.exposure_stops), random)
            warm = random.uniform(0, settings.warmth) * np.array([-0.5, 0, 0.5])  # stops by which R, G and B are darker
            seen = expose(crop, -stops[..., None] - warm, settings.shot_gain, settings.read_sigma, random)
            write_png(folder / f"{name}.png", compressed(quantise(seen, 8), settings.jpeg))
            write_png(folder / "reference" / f"{name}.png", crop)
            found.append(_subject(name, photo.name, folder, folder / "reference" / f"{name}.png"))
    return found


def of_folder(photos: str, recursive: bool, folder: Path) -> list[Subject]:
    """Working copies of a user's photos."""
    found, skipped, notes = list[Subject](), list[ImageError](), []
    for path, name in identifiers(photos_in(photos, recursive, f"{KEY}.recursive")).items():
        try:
            photo, said = read_noted(path)
            write_png(folder / f"{name}.png", working_copy(path, photo, MAX_SIDE))
        except ImageError as error:
            skipped.append(error)
            continue
        notes.append([(path, note) for note in said])
        found.append(_subject(name, name, folder))
    if not found:
        raise skipped[0]
    for refused in skipped:
        print(f"skipped: {refused}")
    say_notes(notes)
    return found


def _subject(name: str, photograph: str, folder: Path, reference: Path | None = None) -> Subject:
    path = folder / f"{name}.png"
    known = None if reference is None else str(reference)
    return Subject(name, photograph, "validation", (str(path),), (sha256_file(path),), known)
