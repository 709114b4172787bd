"""`loupe fuse`: a user's bracketed photos through the searched fuser, or through a classical method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import numpy as np

from cli.batch import PLAIN, Batch, Options, run
from cli.enhancing import NothingTrained, chosen_weights
from cli.scenes import find_scenes
from models.fusers.base import Fuser
from models.fusers.many import Rule, brightness, exposure_order
from models.storage import WeightsError, read_architecture
from models.tiling import fuse_tiled
from pictures import By, ImageError, Work, digest, read_photo, refuse_suffix, save_like
from tasks import fusers, loop
from tasks.config import Params, View, load_whole
from tasks.fusers import Method
from tasks.runtime import device


@dataclass(frozen=True)
class Job:
    """The exposures of one scene as they were named, the file to write, and the page to read of files with several."""

    exposures: tuple[Path, ...]
    target: Path
    page: int = 1


def fuse_photos(
    exposures: Sequence[Path],
    out: Path,
    method: str,
    rule: Rule,
    tile: int,
    round_name: str | None = None,
    *,
    by: By = "name",
    in_bursts: bool = False,
    options: Options = PLAIN,
) -> int:
    """Fuse the exposures of one scene into the file `out`, or those of many (see `find_scenes`) into the folder `out`.

    Two exposures are the under- and the over-exposed one, and are put right where they are swapped; more are taken from the
    darkest to the brightest. Scenes that cannot be fused are named and passed over. Returns the exit code.
    """
    found = find_scenes(exposures, out, by, in_bursts, options.recursive)
    params = load_whole()
    to = device(View(params, ()))
    spec = chosen(method, params, round_name)
    fuser = fusers.opened(spec, to)
    recipe = {
        "command": "fuse",
        "method": method,
        "model": digest(Path(spec.weights)) if spec.weights else None,
        "rule": rule,
        "page": options.page,
    }

    def make(item: Work, target: Path) -> Sequence[str]:
        return fuse_one(Job(item.sources, target, options.page), fuser, rule, tile, to)

    words = f"fused by {method} into {out}"
    batch = Batch(
        found.work,
        found.receipts,
        recipe,
        "scenes",
        words,
        options,
        alone=found.failed,
        said=found.said,
        unread=found.unread,
    )
    return run(batch, make)


def chosen(method: str, params: Params, round_name: str | None) -> Method:
    """A method; the searched one with what the rounds made of it, where they taught it.

    round_name: whose fine-tuning; the last round's by default, or that of the train_fuser stage where there is none.
    Raises `NothingTrained`.
    """
    if method != fusers.SEARCHED:
        return fusers.method(method)
    weights = fusers.WEIGHTS
    if round_name is not None:
        weights = chosen_weights(params, round_name, "brackets")
    elif params.loop.task == "brackets" and holds_fuser(loop.weights_of(params.last_round)):
        weights = loop.weights_of(params.last_round)
    if not weights.is_file():
        raise NothingTrained(
            f"{weights} is missing: `dvc repro train_fuser` searches and trains it, `dvc pull` fetches it; "
            "--method mertens needs no training"
        )
    print(f"fusing with {weights}")
    return fusers.searched(weights)


def holds_fuser(weights: Path) -> bool:
    """Whether a file is there and a fuser's: rounds of the other task leave an enhancer in the same place."""
    try:
        read_architecture(weights)
    except WeightsError:
        return False
    return True


def fuse_one(job: Job, fuser: Fuser, rule: Rule, tile: int, to: str) -> tuple[str, ...]:
    """Read, check, order and fuse one scene, and write it with the metadata of the first exposure named.

    Returns what was done to the photos on reading and writing, a sentence each. Raises `ImageError`: broken, of unequal sizes,
    twice the same, 16 bits that the file to write has no place for.
    """
    read = [read_photo(path, job.page) for path in job.exposures]
    photos = same_depth([photo.pixels for photo in read])
    refuse_suffix(job.target, photos[0].dtype == np.uint16)
    first, path = photos[0], job.exposures[0]
    for photo, other in zip(photos[1:], job.exposures[1:], strict=True):
        if photo.shape != first.shape:
            sizes = f"{first.shape[1]} x {first.shape[0]} and {photo.shape[1]} x {photo.shape[0]}"
            raise ImageError(path, f"differs in size from {other} ({sizes}); export all exposures at one size")
    for (one, name), (another, twin) in combinations(zip(photos, job.exposures, strict=True), 2):
        if np.array_equal(one, another):
            raise ImageError(name, f"is the same picture as {twin}; name each exposure once")
    order = exposure_order(photos)
    if len(photos) == 2 and order == [1, 0]:
        dark, light = (brightness(photo) for photo in photos)
        print(
            f"{path} is brighter than {job.exposures[1]} ({dark:.2f} and {light:.2f} of 1): taken as the over-exposed one"
        )
    fused = fuse_tiled(fuser, [photos[place] for place in order], tile, to, rule)
    like = replace(read[0], grey=all(photo.grey for photo in read))
    return tuple(note for photo in read for note in photo.notes) + save_like(job.target, fused, like)


def same_depth(photos: Sequence[np.ndarray]) -> list[np.ndarray]:
    """All in 16 bits where one is (255 becomes 65535), else as they are."""
    if len({photo.dtype for photo in photos}) == 1:
        return list(photos)
    return [photo if photo.dtype == np.uint16 else photo.astype(np.uint16) * np.uint16(257) for photo in photos]
