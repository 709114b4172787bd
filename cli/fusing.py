"""`loupe fuse`: a user's pictures of a scene through the trained fuser of their kind, or through another method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np

from cli.batch import PLAIN, Batch, Note, Options, run
from cli.best import weights_by_default
from cli.enhancing import NothingTrained, chosen_weights, device_of, read_params
from cli.scenes import find_scenes
from models.fusers.base import Fuser
from models.fusers.many import Rule
from models.shipped import SHIPPED
from models.tiling import fuse_tiled
from pictures import By, ImageError, Work, digest, read_photo, refuse_suffix, save_like
from tasks import kinds
from tasks.config import Params, View
from tasks.kinds.fusers import Method, opened
from tasks.rounds import loop


@dataclass(frozen=True)
class How:
    """How the scenes of a run are fused; page: to read of files with several."""

    kind: kinds.Kind
    fuser: Fuser
    rule: Rule
    tile: int | None
    device: str
    align: bool
    page: int = 1


def fuse_photos(
    pictures: Sequence[Path],
    out: Path,
    method: str | None,
    rule: Rule,
    tile: int | None,
    round_name: str | None = None,
    *,
    kind: str | None = None,
    by: By = "name",
    in_bursts: bool = False,
    align: bool | None = None,
    options: Options = PLAIN,
    shipped: bool = False,
) -> int:
    """Fuse the pictures of one scene into the file `out`, or those of many (see `find_scenes`) into the folder `out`.

    kind: of pictures, by default the first whose scenes have several. align: None for what is usual there. shipped: with the
    weights that Loupe comes with, whatever was trained here. Scenes that cannot be fused are named and passed over. Returns the
    exit code. Raises `UnknownKind`.
    """
    of = kind_of(kind)
    refuse_number(pictures, of, in_bursts)
    found = find_scenes(pictures, out, by, in_bursts, options.recursive, of.brought.DEPTH)
    params = read_params()
    to = device_of(params)
    spec = chosen(method, params, round_name, of, shipped)
    align = of.brought.ALIGN if align is None else align
    how = How(of, opened(spec, to), rule, tile, to, align, options.page)
    section = None if params is None else params.of(of.name)
    recipe = {
        "command": "fuse",
        **of.brought.recipe(section),
        "method": spec.name,
        "model": digest(Path(spec.weights)) if spec.weights else None,
        "rule": rule,
        "align": align,
        "page": options.page,
    }

    def make(item: Work, target: Path) -> Sequence[Note]:
        return fuse_one(item.sources, target, how, section)

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


class UnknownKind(ValueError):
    """No kind of pictures has the name, or its scenes have one picture."""


def kind_of(name: str | None) -> kinds.Kind:
    """The kind of that name; None: the first whose scenes have several pictures. Raises `UnknownKind`."""
    known = [kind for kind in kinds.every() if kind.source_names]
    found = next((kind for kind in known if name in (None, kind.name)), None)
    if found is None:
        of = "; ".join(f"{kind.name} ({', '.join(kind.source_names)})" for kind in known)
        raise UnknownKind(f"no scenes of several pictures are called {name!r}; known are {of}")
    return found


def refuse_number(pictures: Sequence[Path], kind: kinds.Kind, in_bursts: bool) -> None:
    """Raises `ImageError` where a scene of the kind has another number of pictures, or cannot come in bursts."""
    most, names = kind.brought.MOST, " and ".join(kind.source_names)
    if most is not None and (in_bursts or len(pictures) != most):
        given = "bursts" if in_bursts else f"{len(pictures)}"
        raise ImageError(pictures[0], f"{kind.name} fuses {names}, files or folders in this order, not {given}")


def fuse_one(sources: Sequence[Path], target: Path, how: How, section: object) -> list[Note]:
    """Read, check, bring together and fuse one scene, and write it with the metadata of one of the files.

    Returns what was done to each of the photos on reading, and to the result on writing. Raises `ImageError`: broken, what the
    kind cannot bring together, 16 bits that the file to write has no place for.
    """
    read = [read_photo(path, how.page) for path in sources]
    brought = how.kind.brought.brought(read, section, how.align)
    refuse_suffix(target, brought[0].dtype == np.uint16)
    fused = fuse_tiled(how.fuser, brought, how.tile, how.device, how.rule)
    like = read[how.kind.brought.LIKE]
    grey = all(photo.grey for photo in read)
    lost = save_like(target, fused, replace(like, grey=grey))
    return [(photo.path, note) for photo in read for note in photo.notes] + [(like.path, note) for note in lost]


def chosen(
    method: str | None, params: Params | None, round_name: str | None, kind: kinds.Kind, shipped: bool = False
) -> Method:
    """The fuser of that name; by default that of params.yaml, with what the rounds made of it, where they taught it.

    round_name: whose fine-tuning; by default the best by the votes on validation pictures, without any the last round's, or f(0)
    where that is not trained, or what Loupe comes with where nothing is. shipped: that, whatever was trained.
    Raises `NothingTrained`, `WeightsError`.
    """
    section, of = None if params is None else params.of(kind.name), kind.brought
    ours: Method = of.method(None)
    if method not in (None, ours.name if section is None else section.model.name):
        return cast(Method, of.method(method))
    comes_with = kind.comes_with in SHIPPED and method is None and round_name is None
    if shipped and not comes_with:
        raise NothingTrained(f"Loupe comes with no fuser for {kind.name}; --method takes one that needs no training")
    if shipped:
        return _shipped(kind, "")
    if section is None and not ours.weights:
        return ours
    weights = loop.first_weights(kind.name)
    if params is not None and round_name is not None:
        weights = chosen_weights(params, round_name, kind)
    elif params is not None and kind.name in params.kinds:
        aligned = weights_by_default(params, kind)
        weights = aligned if aligned.is_file() else weights
    if weights.is_file():
        print(f"fusing with {weights}")
        if params is None or section is None:
            return replace(ours, weights=str(weights))
        return cast(Method, kind.models.spec(View(params, ("{kind}.model",), kind.name), weights))
    if comes_with:
        return _shipped(kind, f": {weights} is not trained here")
    raise NothingTrained(
        f"{weights} is missing: `dvc repro start@{kind.name}` trains it, `dvc pull` fetches it; "
        "--method average needs no training (`loupe models` lists more)"
    )


def _shipped(kind: kinds.Kind, why: str) -> Method:
    ours = SHIPPED[kind.comes_with]
    print(f"fusing with the weights that Loupe comes with ({ours.name}){why}")
    return Method(ours.name, str(ours.path), ours.options_text)
