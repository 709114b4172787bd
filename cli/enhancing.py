"""`loupe enhance`: a user's photos through the aligned enhancer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from cli.batch import PLAIN, Batch, Note, Options, of_photo, run
from cli.best import rounds_of, weights_by_default
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
from tasks.config import Params, View, load_whole
from tasks.kinds import Kind
from tasks.low_light import kind as low_light
from tasks.rounds import loop
from tasks.stage.runtime import device


class NothingTrained(FileNotFoundError):
    """There is no model of the round."""


def chosen_weights(params: Params, round_name: str | None, kind: Kind) -> Path:
    """Weights that a round's alignment made; by default the best by the votes on validation pictures, without any the last's.

    kind: of pictures, whose rounds are meant. What is taken by votes is said, and why.

    Raises `NothingTrained`, also where params.yaml has no rounds of the kind.
    """
    if kind.name not in params.kinds:
        raise NothingTrained(
            f"`kinds` of params.yaml does not name {kind.name!r}, so there is no model of its rounds; add it, and its rounds"
        )
    known = rounds_of(params, kind)
    name = round_name or known[-1]
    if name not in known:
        raise NothingTrained(f"no round is called {name!r}; params.yaml has {', '.join(known)}")
    path = weights_by_default(params, kind) if round_name is None else loop.weights_of(kind.name, name)
    if not path.is_file():
        have = [entry for entry in known if loop.weights_of(kind.name, entry).is_file()]
        target = f"report@{kind.name}"
        way = f"--round takes {', '.join(have)}" if have else f"`dvc repro {target}` trains it, `dvc pull` fetches it"
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
    view = View(params, ("{kind}.model",), low_light.KIND.name)
    to = device(view)
    enhancer = cast(Enhancer, loop.load(view, weights, to))
    recipe = {
        "command": "enhance",
        "model": digest(weights),
        "network": view.model.model_dump(mode="json"),
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
