"""`loupe fuse`: a user's bracketed photos through the searched fuser, or through a classical method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cli.batch import PLAIN, Batch, Note, Options, run
from cli.enhancing import NothingTrained, chosen_weights
from cli.fuse_scene import fuse_one
from cli.scenes import find_scenes
from models.fusers.many import Rule
from pictures import By, Work, digest
from tasks.brackets import fusers
from tasks.brackets import kind as brackets
from tasks.brackets.fusers import Method
from tasks.config import Params, View, load_whole
from tasks.rounds import loop
from tasks.stage.runtime import device


@dataclass(frozen=True)
class Job:
    """The exposures of one scene as they were named, the file to write, and the page to read of files with several."""

    exposures: tuple[Path, ...]
    target: Path
    page: int = 1


def fuse_photos(
    exposures: Sequence[Path],
    out: Path,
    method: str | None,
    rule: Rule,
    tile: int,
    round_name: str | None = None,
    *,
    by: By = "name",
    in_bursts: bool = False,
    align: bool = True,
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
        "method": spec.name,
        "model": digest(Path(spec.weights)) if spec.weights else None,
        "rule": rule,
        "align": align,
        "page": options.page,
    }

    def make(item: Work, target: Path) -> Sequence[Note]:
        return fuse_one(Job(item.sources, target, options.page), fuser, rule, tile, to, align)

    words = f"fused by {spec.name} into {out}"
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


def chosen(method: str | None, params: Params, round_name: str | None) -> Method:
    """The fuser of that name; by default that of params.yaml, with what the rounds made of it, where they taught it.

    round_name: whose fine-tuning; the last round's by default, or f(0) where it is not trained.
    Raises `NothingTrained`.
    """
    name = brackets.KIND.name
    section = params.of(name)
    ours = fusers.SEARCHED if section is None else section.model.name
    if method not in (None, ours):
        return fusers.method(str(method))
    weights = fusers.WEIGHTS
    if round_name is not None:
        weights = chosen_weights(params, round_name, brackets.KIND)
    elif name in params.kinds:
        last = loop.weights_of(name, params.last_round(name))
        weights = last if last.is_file() else weights
    if not weights.is_file():
        raise NothingTrained(
            f"{weights} is missing: `dvc repro start@brackets` trains it, `dvc pull` fetches it; "
            "--method mertens needs no training"
        )
    print(f"fusing with {weights}")
    return (
        fusers.searched(weights) if section is None else fusers.taught(View(params, ("{kind}.model",), name), weights)
    )
