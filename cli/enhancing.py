"""`loupe enhance`: a user's photos through the aligned enhancer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cli.batch import PLAIN, STOPPED, Batch, Note, Options, of_photo, run
from cli.best import rounds_of, weights_by_default
from cli.comparing import refuse_page, write_page
from models.enhancers.registry import ENHANCERS
from models.shipped import SHIPPED
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
from tasks.config import PARAMS_FILE, Params, View, load_whole
from tasks.kinds import Kind
from tasks.low_light import kind as low_light
from tasks.low_light.enhancers import Trained, opened, trained
from tasks.rounds import loop
from tasks.stage.mapping import cores
from tasks.stage.runtime import device


class NothingTrained(FileNotFoundError):
    """There is no model of the round."""


def read_params() -> Params | None:
    """params.yaml, where there is one: what is shipped needs none. Raises `ConfigError` for one with faults."""
    return load_whole() if PARAMS_FILE.exists() else None


def device_of(params: Params | None) -> str:
    """As params.yaml asks; without one a GPU where there is one."""
    if params is not None:
        return device(View(params, ()))
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def side_by_side(count: int, params: Params | None, to: str, model: str) -> int:
    """How many photos to work on at a time: a thread each on the cores (machine.workers of them), one on a GPU.

    One for a model of the user's own, too: nobody knows whether two threads may call it.
    """
    import torch

    if to != "cpu" or count < 2 or model not in ENHANCERS:
        return 1
    wanted = (0 if params is None else params.machine.workers) or cores()
    beside = min(wanted, count)
    torch.set_num_threads(max(1, cores() // beside))
    return beside


def chosen_enhancer(params: Params | None, round_name: str | None, shipped: bool) -> Trained:
    """The enhancer of a round; by default the best of what was trained here, and where nothing was, what is shipped.

    shipped: that, whatever was trained. Raises `NothingTrained`, `WeightsError`.
    """
    kind, why = low_light.KIND, ""
    if params is not None and kind.name in params.kinds and not shipped:
        rounds = rounds_of(params, kind)
        if round_name is not None or loop.weights_of(kind.name, rounds[-1]).is_file():
            weights = chosen_weights(params, round_name, kind)
            return trained(View(params, ("{kind}.model",), kind.name), weights)
        have = [name for name in rounds if loop.weights_of(kind.name, name).is_file()]
        why = f": round {rounds[-1]} is not trained here" + (f"; --round takes {', '.join(have)}" if have else "")
    elif round_name is not None:
        raise NothingTrained(f"round {round_name}: there is no params.yaml here that names rounds of {kind.name!r}")
    ours = SHIPPED[kind.comes_with]
    print(f"taking the enhancer that Loupe comes with ({ours.name}){why}")
    return Trained(ours.name, ours.options_text, str(ours.path))


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
    photos: Sequence[Path],
    out: Path,
    round_name: str | None,
    tile: int | None,
    options: Options = PLAIN,
    *,
    shipped: bool = False,
    compare: bool = False,
) -> int:
    """Enhance photos and folders of photos into `out`; those that fail are named and passed over. Returns the exit code.

    shipped: with the weights that Loupe comes with, whatever was trained here. compare: write a page of before and after as well.
    """
    if compare:
        refuse_page(out, options.overwrite)
    params = read_params()
    spec = chosen_enhancer(params, round_name, shipped)
    work, found = find_work(photos, out, options.recursive)
    to = device_of(params)
    enhancer = opened(spec).to(to)
    recipe = {
        "command": "enhance",
        "model": digest(Path(spec.weights)),
        "network": {"name": spec.name, "options": spec.options},
        "page": options.page,
    }

    def make(item: Work, target: Path) -> Sequence[Note]:
        from models.tiling import enhance_tiled

        photo = read_photo(item.sources[0], options.page)
        lost = save_like(target, enhance_tiled(enhancer, photo.pixels, tile, to), photo)
        return of_photo(item, (*photo.notes, *lost))

    words = f"enhanced with {spec.weights} into {out}"
    code = run(
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
            beside=side_by_side(len(work), params, to, spec.name),
        ),
        make,
    )
    if compare and code != STOPPED:
        write_page(out, work, spec.weights, options.page)
    return code
