"""`loupe enhance`: a user's photos through the aligned enhancer."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from models.enhancers.base import Enhancer
from pictures import ImageError, list_photos, read_array, save_like
from tasks import loop
from tasks.config import Params, View, load_whole
from tasks.runtime import device


class NothingTrained(FileNotFoundError):
    """There is no model of the round."""


def chosen_weights(params: Params, round_name: str | None, task: str) -> Path:
    """Weights that a round's fine-tuning made; of the last round by default. task: what they are wanted for.

    Raises `NothingTrained`, also where the rounds of params.yaml taught the other task's models.
    """
    if params.loop.task != task:
        raise NothingTrained(
            f"loop.task in params.yaml is {params.loop.task!r}: the rounds taught no model for {task!r}. Set it, run "
            f"`dvc repro`, or use `loupe {'fuse' if task == 'low_light' else 'enhance'}`"
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


def destinations(photos: Sequence[Path], out: Path) -> list[tuple[Path, Path]]:
    """(source, target) of every photo; folders are opened.

    Raises `ImageError` where two would get one name, one would be overwritten, or `out` is no folder.
    """
    if out.exists() and not out.is_dir():
        raise ImageError(out, "a file, not a folder; choose another --out")
    sources: list[Path] = []
    for photo in photos:
        sources += list_photos(photo) if photo.is_dir() else [photo]
    targets: dict[Path, Path] = {}
    for source in sources:
        target = out / source.name
        if target in targets and targets[target].resolve() != source.resolve():
            raise ImageError(source, f"has the same name as {targets[target]}; enhance them into different folders")
        if target.resolve() == source.resolve():
            raise ImageError(source, f"would be overwritten; choose another folder than {out}")
        targets[target] = source
    return [(source, target) for target, source in targets.items()]


def enhance_photos(photos: Sequence[Path], out: Path, round_name: str | None, tile: int) -> int:
    """Enhance photos and folders of photos into `out`; broken ones are named and skipped. Returns 1 if any was, else 0."""
    params = load_whole()
    weights = chosen_weights(params, round_name, "low_light")
    work = destinations(photos, out)
    from rich.progress import track

    from models.tiling import enhance_tiled

    view = View(params, ("loop", "enhancer"))
    to = device(view)
    enhancer = cast(Enhancer, loop.load(view, weights, to))
    failed = []
    for source, target in track(work, description="enhancing", disable=not sys.stderr.isatty()):
        try:
            save_like(target, enhance_tiled(enhancer, read_array(source), tile, to), source)
        except ImageError as error:
            failed.append(error)
    for failure in failed:
        print(f"skipped: {failure}", file=sys.stderr)
    print(f"{len(work) - len(failed)} of {len(work)} photos enhanced with {weights} into {out}")
    return 1 if failed else 0
