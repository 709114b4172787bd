"""`loupe genetic`: the per-photo search on a user's photos, and picking another point of a photo's front."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from cli.enhancing import destinations
from models.enhancers.parametric import GENES
from pictures import ImageError, encode_png, read_array, save_like
from tasks import tables
from tasks.config import Params, View, load_whole
from tasks.contact_sheet import contact_sheet
from tasks.files import atomic_path
from tasks.genetic import OUT, enhanced
from tasks.genetic_search import PhotoFront, SearchJob, is_kept, jobs_of, ranker_of, read_front, search_photo
from tasks.mapping import Failure, map_images
from tasks.runtime import device, workers

FRONTS = ".fronts"


class NoSuchFront(LookupError):
    """A photo was not searched, or its front has no individual of that number."""


def search_photos(photos: Sequence[Path], out: Path) -> int:
    """Search photos and folders of photos and write the chosen versions into `out`, their fronts into `out`/.fronts.

    A photo that was searched before with the same settings is not searched again. Broken photos are named and skipped:
    returns 1 if any was, else 0.
    """
    params = load_whole()
    work = destinations(photos, out)
    jobs = _jobs(params, [source for source, _ in work], out)
    done = {job.path for (_, target), job in zip(work, jobs, strict=True) if target.exists() and is_kept(job)}
    if done:
        print(f"{len(done)} of {len(jobs)} photos are done already")
    left = [(source, target, job) for (source, target), job in zip(work, jobs, strict=True) if job.path not in done]
    processes = 1 if jobs and jobs[0].device == "cuda" else workers(View(params, ()))
    todo = [job for _, _, job in left]
    executor = params.machine.executor
    found = map_images(search_photo, todo, processes, "genetic search", skip=(ImageError,), executor=executor)
    failed: list[Exception] = []
    for (source, target, _), front in zip(left, found, strict=True):
        if isinstance(front, Failure):
            failed.append(front.error)
            continue
        try:
            save_like(target, enhanced(read_array(source), front.genes[front.chosen]), source)
        except ImageError as error:
            failed.append(error)
    for failure in failed:
        print(f"skipped: {failure}", file=sys.stderr)
    print(f"{len(work) - len(failed)} of {len(work)} photos searched into {out}; `loupe genetic pick PHOTO --out {out}` "
          "shows a photo's other versions")  # fmt: skip
    return 1 if failed else 0


def pick(photo: str, out: Path, individual: int | None) -> int:
    """Write the contact sheet of a photo's front, or the version of `individual` in place of the chosen one.

    photo: a file that `search_photos` wrote to `out`, or the id of an image in data/genetic. Raises NoSuchFront.
    """
    source, front = _searched(photo, out)
    leaders = [place for place, rank in enumerate(front.rank) if rank == 0]
    pixels = read_array(source)
    if individual is None:
        sheet = out / f"{source.stem}.front.png"
        versions = [(place, enhanced(pixels, front.genes[place])) for place in _along(front, leaders)]
        with atomic_path(sheet) as temporary:
            temporary.write_bytes(encode_png(contact_sheet(pixels, versions, front)))
        print(f"{sheet} shows the {len(leaders)} versions of the front; take one with --individual NUMBER")
        return 0
    if individual not in leaders:
        numbers = ", ".join(str(place) for place in leaders)
        raise NoSuchFront(f"{photo} has no individual {individual} on its front; it has {numbers}")
    target = out / source.name
    if target.resolve() == source.resolve():
        raise ImageError(source, f"would be overwritten; choose another folder than {out}")
    save_like(target, enhanced(pixels, front.genes[individual]), source)
    genes = "  ".join(f"{name} {value:.3f}" for name, value in zip(GENES, front.genes[individual], strict=True))
    objectives = f"entropy {front.entropy[individual]:.3f}  distance {front.distance[individual]:.3f}"
    print(f"{target}: individual {individual}  {genes}  {objectives}")
    return 0


def _jobs(params: Params, sources: Sequence[Path], out: Path) -> list[SearchJob]:
    view = View(params, ("genetic", "ranker.network"))
    photos = [(source.name, source) for source in sources]
    return jobs_of(params.genetic, photos, out / FRONTS, params.seed, device(view), ranker_of(view))


def _along(front: PhotoFront, leaders: Sequence[int]) -> list[int]:
    """The front's individuals from the highest entropy to the smallest distance."""
    return sorted(leaders, key=lambda place: (-front.entropy[place], front.distance[place]))


def _searched(photo: str, out: Path) -> tuple[Path, PhotoFront]:
    path = Path(photo)
    if path.is_file():
        front = read_front(out / FRONTS / f"{path.name}.json")
        if front is None:
            raise NoSuchFront(f"{path} was not searched into {out}; run `loupe genetic {path} --out {out}` first")
        return path, front
    fronts = OUT / "fronts.parquet"
    if fronts.is_file():
        rows = tables.read("fronts", fronts).query("image == @photo").sort_values("individual")
        if len(rows):
            images = tables.read("images", Path("data") / "low_light" / "images.parquet").set_index("id")
            return Path(images.path[photo]), PhotoFront(
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
    raise NoSuchFront(f"{photo} is neither a photo nor the id of an image in {fronts}")
