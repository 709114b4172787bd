"""`loupe enhance`: a user's photos through the aligned enhancer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from cli.batch import PLAIN, Batch, Note, Options, of_photo, run
from models.enhancers.base import Enhancer
from pictures import (
    Found,
    Receipts,
    Work,
    depth_of,
    digest,
    find_photos,
    read_photo,
    refuse_file_as_folder,
    refuse_names,
    save_like,
    written_name,
)
from tasks import kinds, loop
from tasks.config import Params, View, load_whole
from tasks.kinds import Kind, low_light
from tasks.runtime import device


class NothingTrained(FileNotFoundError):
    """There is no model of the round."""


def chosen_weights(params: Params, round_name: str | None, kind: Kind) -> Path:
    """Weights that a round's fine-tuning made; of the last round by default. kind: what they are wanted for.

    Raises `NothingTrained`, also where the rounds of params.yaml taught another kind's models.
    """
    if params.loop.task != kind.name:
        raise NothingTrained(
            f"loop.task in params.yaml is {params.loop.task!r}: the rounds taught no model for {kind.name!r}. Set it, run "
            f"`dvc repro`, or use `loupe {kinds.named(params.loop.task).command}`"
        )
    known = ["r00", *params.rounds]
    name = round_name or known[-1]
    if name not in known:
        raise NothingTrained(f"no round is called {name!r}; params.yaml has {', '.join(known)}")
    path = loop.weights_of(name)
    if not path.is_file():
        have = [entry for entry in known if loop.weights_of(entry).is_file()]
        way = f"--round takes {', '.join(have)}" if have else "`dvc repro` trains it, `dvc pull` fetches it"
        raise NothingTrained(f"{path} is missing: round {name} is not trained yet; {way}")
    return path


def find_work(photos: Sequence[Path], out: Path, recursive: bool = False) -> tuple[list[Work], Found]:
    """Each photo with the file it is written to, and what else was found; folders are opened, sub-folders mirrored.

    Raises `ImageError`: `out` is a file, a folder without photos, a name that cannot be (see `refuse_names`).
    """
    refuse_file_as_folder(out)
    found = find_photos(photos, out, recursive)
    work = [Work((photo,), out / written_name(place, depth_of(photo) == 16)) for photo, place in found.photos]
    refuse_names(work)
    return work, found


def enhance_photos(
    photos: Sequence[Path], out: Path, round_name: str | None, tile: int, options: Options = PLAIN
) -> int:
    """Enhance photos and folders of photos into `out`; those that fail are named and passed over. Returns the exit code."""
    params = load_whole()
    weights = chosen_weights(params, round_name, low_light.KIND)
    work, found = find_work(photos, out, options.recursive)
    view = View(params, ("loop", "enhancer"))
    to = device(view)
    enhancer = cast(Enhancer, loop.load(view, weights, to))
    recipe = {
        "command": "enhance",
        "model": digest(weights),
        "network": params.enhancer.model_dump(mode="json"),
        "page": options.page,
    }

    def make(item: Work, target: Path) -> Sequence[Note]:
        from models.tiling import enhance_tiled

        photo = read_photo(item.sources[0], options.page)
        lost = save_like(target, enhance_tiled(enhancer, photo.pixels, tile, to), photo)
        return of_photo(item, (*photo.notes, *lost))

    words = f"enhanced with {weights} into {out}"
    return run(
        Batch(
            work,
            Receipts(out),
            recipe,
            "photos",
            words,
            options,
            failed=found.failed,
            said=found.said,
            unread=found.unread,
        ),
        make,
    )
