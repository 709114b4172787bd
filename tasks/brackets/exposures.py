"""One scene's exposures: made of a sample photograph, or read from a user's files and checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.degradation import expose
from models.fusers.many import brightness, empty
from models.lighting import lighting
from pictures import (
    By,
    ImageError,
    Joined,
    Listing,
    Photos,
    RegistrationError,
    bursts,
    identifiers,
    join,
    moved,
    name_key,
    read_noted,
    register,
    stems,
    write_png,
)
from tasks.brackets.params import FolderBrackets, SampleBrackets
from tasks.datasets.crops import crops_of, generator, in_turn, working_copy
from tasks.datasets.folders import original
from tasks.datasets.photos import Photo


@dataclass(frozen=True)
class Files:
    """A user's files of one scene; name: its id, original: the name of the under-exposed file."""

    under: Path
    over: Path
    reference: Path | None = None
    name: str = ""
    original: str = ""


def sample_scenes(photo: Photo, settings: SampleBrackets, seed: int, folder: str) -> list[dict[str, Any]]:
    """Crops of one photograph, in a light of their own, exposed shorter and longer, the crop itself as reference; rows without
    split and hashes.
    """
    random, falls = generator(seed, "brackets", photo.name), generator(seed, "contrast", photo.name)
    lights = in_turn(settings.lights, seed, photo.name)
    rows = []
    for name, crop in crops_of(photo, "brackets.dataset", settings.crop, settings.crops_per_photo, random):
        shorter, longer = random.uniform(*settings.under_stops), random.uniform(*settings.over_stops)
        light = -lighting(crop, next(lights), falls.uniform(*settings.contrast_stops), falls)
        metered = light - light.mean()
        for part, stops in (("under", -shorter), ("over", longer)):
            exposed = expose(crop, metered + stops, settings.shot_gain, settings.read_sigma, random)
            write_png(Path(folder) / part / f"{name}.png", exposed)
        write_png(Path(folder) / "reference" / f"{name}.png", crop)
        rows.append(row(name, photo.name, crop, f"{photo.package}/{photo.file}", has_reference=True))
    return rows


def folder_scene(files: Files, settings: FolderBrackets, folder: str) -> dict[str, Any]:
    """Working copies of a user's scene, as 8-bit PNG; returns its row, with `swapped`: whether it was put right, `aligned`:
    what was said about exposures that were brought over the reference, or the brighter one over the darker, and `notes`: what was
    done to which file on reading.

    Raises `ImageError` for one that cannot be used: broken, of unequal sizes, twice the same, black or white all over, swapped
    where that is refused, exposures that cannot be aligned.
    """
    notes: list[tuple[Path, str]] = []

    def read(path: Path) -> np.ndarray:
        picture, said = read_noted(path)
        notes.extend((path, note) for note in said)
        return picture

    under, over = read(files.under), read(files.over)
    same_size(files.under, under, files.over, over)
    reference = None if files.reference is None else read(files.reference)
    if reference is not None and files.reference is not None:
        same_size(files.under, under, files.reference, reference)
    swapped = exposures_fault(files, under, over, settings.swapped == "refuse")
    paths = [files.under, files.over]
    if swapped:
        under, over = over, under
        paths.reverse()
    aligned: list[str] = []
    if settings.align:
        under, over, aligned = brought_together(paths, under, over, files.reference, reference)
    name = files.name
    written = {"under": under, "over": over} | ({} if reference is None else {"reference": reference})
    for part, picture in written.items():
        written[part] = working_copy(files.under, picture, settings.max_side)
        write_png(Path(folder) / part / f"{name}.png", written[part])
    found = row(name, name, written["under"], files.original, has_reference=reference is not None)
    return found | {"swapped": swapped, "aligned": aligned, "notes": notes}


def brought_together(
    paths: Sequence[Path],
    under: np.ndarray,
    over: np.ndarray,
    reference_path: Path | None,
    reference: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Both exposures over the reference, or `over` over `under` where there is none, and a line for each that was off.

    Raises `ImageError` where an exposure cannot be aligned.
    """
    still = under if reference is None else reference
    over_what = paths[0] if reference_path is None else reference_path
    found, lines = [under], []
    for path, picture in [*([] if reference is None else [(paths[0], under)]), (paths[1], over)]:
        try:
            motion = register(picture, still)
        except RegistrationError as error:
            way = "set brackets.dataset.folder.align to false to take the scene as it is"
            raise ImageError(path, f"cannot be aligned with {over_what}: {error}; {way}") from error
        if not motion.still:
            lines.append(f"{path} with {over_what}, off by {motion}")
        found.append(moved(picture, still, motion))
    return found[-2], found[-1], lines


def row(name: str, photograph: str, picture: np.ndarray, original: str, has_reference: bool) -> dict[str, Any]:
    height, width = picture.shape[:2]
    return {
        "id": name, "photograph": photograph, "has_reference": has_reference, "width": width, "height": height,
        "original": original,
    }  # fmt: skip


def same_size(path: Path, picture: np.ndarray, other_path: Path, other: np.ndarray) -> None:
    """Raises `ImageError` naming both files where their sizes differ."""
    if picture.shape[:2] != other.shape[:2]:
        sizes = f"{picture.shape[1]} x {picture.shape[0]} and {other.shape[1]} x {other.shape[0]}"
        raise ImageError(path, f"differs in size from {other_path} ({sizes}); export both at one size")


def exposures_fault(files: Files, under: np.ndarray, over: np.ndarray, refuse_swapped: bool) -> bool:
    """Whether the exposures are swapped: `under`, float in [0, 1], is the brighter by mean Y.

    Raises `ImageError`: the same picture twice; one that is black or white all over; swapped, where that is refused.
    """
    if np.array_equal(under, over):
        raise ImageError(files.under, f"is the same picture as {files.over}; there is nothing to fuse")
    for path, picture in ((files.under, under), (files.over, over)):
        if (reason := empty(picture)) is not None:
            raise ImageError(path, f"{reason}: nothing is to be seen in it; take the scene out, or another exposure")
    dark, light = brightness(under), brightness(over)
    if dark > light and refuse_swapped:
        raise ImageError(
            files.under,
            f"is brighter than {files.over} ({dark:.2f} and {light:.2f} of 1): under and over look swapped; exchange them, or "
            "set brackets.dataset.folder.swapped to fix",
        )
    return dark > light


def joined(under: Photos, over: Photos, reference: Photos | None, by: By = "name") -> tuple[list[Files], Joined]:
    """Scenes in the order of `under`, and how the folders joined: who has no partner, or is the reference of no scene.

    Raises `ImageError` as `pictures.join` does.
    """
    names = identifiers(under)
    found = join([under, over, *([] if reference is None else [reference])], by, optional={2})
    scenes = []
    for dark, light, *rest in found.scenes:
        if dark is not None and light is not None:
            scenes.append(Files(dark, light, rest[0] if rest else None, names[dark], original(dark, under)))
    return scenes, found


def of_bursts(photos: Listing, reference: Listing | None) -> tuple[list[Files], list[ImageError]]:
    """Scenes of the darkest and the brightest photo of each burst, under the name of the darkest; and who is in none.

    A reference belongs to the burst that a photo of its name is in. Raises `ImageError` as `pictures.bursts` does.
    """
    found = bursts(photos)
    names = identifiers(photos)
    references = {} if reference is None else stems(reference.photos, reference.folder)
    scenes, used = [], set()
    for burst in found.scenes:
        keys = [name_key(path, photos.folder) for path in burst.photos]
        own = next((key for key in keys if key in references), None)
        used.add(own)
        dark = burst.photos[0]
        fitting = None if own is None else references[own]
        scenes.append(Files(dark, burst.photos[-1], fitting, names[dark], original(dark, photos)))
    lonely = [
        ImageError(path, f"no burst has a photo of the stem {path.stem!r}, or another reference is taken for it")
        for key, path in references.items()
        if key not in used
    ]
    if reference is not None and len(lonely) == len(references):
        raise ImageError(reference.folder, f"no reference here has the stem of a photo of a burst in {photos.folder}")
    return scenes, found.lonely + lonely
