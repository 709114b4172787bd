"""`loupe genetic`: the per-photo search on a user's photos, and picking another point of a photo's front."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cli.batch import PLAIN, STOPPED, Batch, Note, Options, of_photo, run
from cli.enhancing import find_work
from models.enhancers.parametric import GENES
from pictures import Receipts, Work, encode_png, plan, printable, read_photo, save_like, sha256_file, written_name
from tasks.config import Params, View, load_whole
from tasks.datasets.subjects import frame
from tasks.genetic.contact_sheet import contact_sheet
from tasks.genetic.one_photo import PhotoFront, SearchJob, jobs_of, judge_of, read_front, search_photo
from tasks.genetic.search import enhanced
from tasks.stage import tables
from tasks.stage.mapping import Failure, Workers, map_images
from tasks.stage.places import Places
from tasks.stage.runtime import device, workers

FRONTS = ".fronts"


class NoSuchFront(LookupError):
    """A photo was not searched, or its front has no individual of that number."""


def search_photos(photos: Sequence[Path], out: Path, options: Options = PLAIN) -> int:
    """Search photos and folders of photos and write the chosen versions into `out`, their fronts into `out`/.fronts.

    A photo that was searched before with the same settings is not searched again, whatever version of it was picked. Those
    that fail are named and passed over. Returns the exit code.
    """
    params = load_whole()
    work, found = find_work(photos, out, options.recursive)
    jobs = _jobs(params, work, out, options.page)
    where = workers(View(params, ()), next(iter(jobs.values())).device if jobs else "cpu")
    broken: dict[Path, Exception] = {}

    def search(todo: Sequence[Work]) -> None:
        """All fronts at once, in several processes; one that fails is told when its turn comes."""
        if where == Workers(1):
            return
        wanted = [jobs[item.target] for item in todo]
        fronts = map_images(search_photo, wanted, where, "genetic search", skip=(Exception,))
        for item, front in zip(todo, fronts, strict=True):
            if isinstance(front, Failure):
                broken[item.target] = front.error

    def make(item: Work, target: Path) -> Sequence[Note]:
        if item.target in broken:
            raise broken[item.target]
        front = search_photo(jobs[item.target])
        photo = read_photo(item.sources[0], options.page)
        lost = save_like(target, enhanced(photo.pixels, front.genes[front.chosen]), photo)
        return of_photo(item, (*photo.notes, *lost))

    recipe = _recipe(params, next(iter(jobs.values())), options.page) if jobs else {}
    words = f"searched into {out}"
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
        ),
        make,
        search,
    )
    if code != STOPPED:
        print(f"`loupe genetic pick PHOTO --out {printable(out)}` shows a photo's other versions")
    return code


def pick(photo: str, out: Path, individual: int | None, overwrite: bool = False) -> int:
    """Write the contact sheet of a photo's front, or the version of `individual` in place of the chosen one.

    photo: a file that `search_photos` wrote to `out`, or the id of an image that the stage `genetic` searched. Raises
    `NoSuchFront`, and `ImageError` where a file that this tool did not write would be replaced (unless `overwrite`).
    """
    searched = _searched(photo, out)
    source, front = searched.source, searched.front
    leaders = [place for place, rank in enumerate(front.rank) if rank == 0]
    receipts = Receipts(out)
    if individual is None:
        # The whole name: a.jpg and a.png may lie in one folder.
        sheet = searched.target.with_name(f"{source.name}.front.png")
        recipe = {"command": "genetic pick"}
        plan([Work((source,), sheet)], receipts, recipe, fresh=True, overwrite=overwrite)
        pixels = read_photo(source, searched.page).pixels
        versions = [(place, enhanced(pixels, front.genes[place])) for place in _along(front, leaders)]
        with receipts.writing([source], sheet, recipe, overwrite) as temporary:
            temporary.write_bytes(encode_png(contact_sheet(pixels, versions, front)))
        print(
            f"{printable(sheet)} shows the {versions_of(len(leaders))} of the front; take one with --individual NUMBER"
        )
        return 0
    if individual not in leaders:
        numbers = ", ".join(str(place) for place in leaders)
        raise NoSuchFront(f"{printable(photo)} has no individual {individual} on its front; it has {numbers}")
    plan([Work((source,), searched.target)], receipts, searched.recipe, fresh=True, overwrite=overwrite)
    picture = read_photo(source, searched.page)
    with receipts.writing([source], searched.target, searched.recipe, overwrite) as temporary:
        save_like(temporary, enhanced(picture.pixels, front.genes[individual]), picture)
    genes = "  ".join(f"{name} {value:.3f}" for name, value in zip(GENES, front.genes[individual], strict=True))
    objectives = f"entropy {front.entropy[individual]:.3f}  distance {front.distance[individual]:.3f}"
    print(f"{printable(searched.target)}: individual {individual}  {genes}  {objectives}")
    return 0


def _jobs(params: Params, work: Sequence[Work], out: Path, page: int) -> dict[Path, SearchJob]:
    """The search of each target; its name, which its seed and the file of its front follow from, is the place below `out`."""
    view = View(params, ("genetic", "{kind}.judge.name", "{kind}.judge.options"), _kind(params))
    photos = [(_place(item.target.relative_to(out), item.sources[0]), item.sources[0]) for item in work]
    jobs = jobs_of(params.genetic, photos, out / FRONTS, params.seed, device(view), judge_of(view), page)
    return {item.target: job for item, job in zip(work, jobs, strict=True)}


def _place(target: Path, source: Path) -> str:
    return printable(target.with_name(source.name).as_posix())


def _recipe(params: Params, job: SearchJob, page: int) -> dict[str, object]:
    """What decides the chosen version beside the photo."""
    return {
        "command": "genetic",
        "settings": params.genetic.model_dump(mode="json", exclude={"kinds", "reads"}),
        "seed": params.seed,
        "ranker": None if job.judge is None else [sha256_file(job.judge[0]), job.judge[1]],
        "page": page,
    }


def versions_of(count: int) -> str:
    return f"{count} version{'' if count == 1 else 's'}"


def _along(front: PhotoFront, leaders: Sequence[int]) -> list[int]:
    """The front's individuals from the highest entropy to the smallest distance."""
    return sorted(leaders, key=lambda place: (-front.entropy[place], front.distance[place]))


@dataclass(frozen=True)
class _Searched:
    """A searched photo, its front, the file of its chosen version, and what that was made by."""

    source: Path
    front: PhotoFront
    target: Path
    recipe: dict[str, object]
    page: int = 1


def _kind(params: Params) -> str:
    """The kind of pictures that is searched in the pipeline."""
    return next(iter((*params.genetic.kinds, *params.kinds)))


def _searched(photo: str, out: Path) -> _Searched:
    path = Path(photo)
    if path.is_file():
        target, recipe = _written(path, out)
        front = read_front(out / FRONTS / f"{_place(target.relative_to(out), path)}.json")
        if front is None:
            raise NoSuchFront(f"{path} was not searched into {out}; run `loupe genetic {path} --out {out}` first")
        page = recipe.get("page", 1)
        return _Searched(path, front, target, recipe, page if isinstance(page, int) else 1)
    kind = _kind(load_whole())
    fronts = Places(kind).genetic / "fronts.parquet"
    if fronts.is_file():
        rows = tables.read("fronts", fronts).query("image == @photo").sort_values("individual")
        if len(rows):
            images = frame(kind).set_index("id")
            source = Path(images.path[photo])
            front = PhotoFront(
                genes=rows[["brightness", "contrast", "gamma"]].to_numpy().tolist(),
                values=[list(values) for values in rows["values"]],
                objectives=list(rows.objectives.iloc[0]),
                entropy=rows.entropy.tolist(),
                distance=rows.distance.tolist(),
                rank=rows["rank"].tolist(),
                crowding=rows.crowding.tolist(),
                chosen=int(rows.chosen.to_numpy().argmax()),
                evaluations={},
            )
            return _Searched(source, front, out / source.name, {"command": "genetic", "of": str(fronts.parent)})
    raise NoSuchFront(f"{photo} is neither a photo nor the id of an image in {fronts}")


def _written(photo: Path, out: Path) -> tuple[Path, dict[str, object]]:
    """The file in `out` that a search made of a photo, and its recipe; by its name where no receipt tells of it."""
    real = photo.resolve()
    for receipt in Receipts(out).all():
        if receipt.recipe.get("command") == "genetic" and Path(receipt.inputs[0].path).resolve() == real:
            return out / receipt.target, receipt.recipe
    return out / written_name(Path(photo.name)), {"command": "genetic"}
