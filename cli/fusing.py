"""`loupe fuse`: a user's bracketed photos through the searched fuser, or through a classical method."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cli.enhancing import NothingTrained, chosen_weights
from cli.fuse_scene import fuse_one
from models.fusers.base import Fuser
from models.fusers.many import Rule
from models.storage import WeightsError, read_architecture
from pictures import ImageError, list_photos, stems
from tasks import fusers, loop
from tasks.config import Params, View, load_whole
from tasks.runtime import device


@dataclass(frozen=True)
class Job:
    """The exposures of one scene as they were named, and the file to write; `renamed`: as PNG where it is to have 16 bits."""

    exposures: tuple[Path, ...]
    target: Path
    renamed: bool = False


def fuse_photos(
    exposures: Sequence[Path],
    out: Path,
    method: str,
    rule: Rule,
    tile: int,
    round_name: str | None = None,
    align: bool = True,
) -> int:
    """Fuse the exposures of one scene into the file `out`, or folders of exposures, joined by stem, into the folder `out`.

    Two exposures are the under- and the over-exposed one, and are put right where they are swapped; more are taken from the
    darkest to the brightest. Scenes that cannot be fused are named and skipped: returns 1 if any was, else 0.
    """
    work, failed = jobs(exposures, out)
    params = load_whole()
    to = device(View(params, ()))
    fuser = chosen(method, params, round_name, to)
    from rich.progress import track

    done = 0
    for job in track(work, description="fusing", disable=not sys.stderr.isatty()):
        try:
            fuse_one(job, fuser, rule, tile, to, align)
            done += 1
        except ImageError as error:
            failed.append(error)
    for failure in failed:
        print(f"skipped: {failure}", file=sys.stderr)
    print(f"{done} of {len(work)} scenes fused by {method} into {out}")
    return 1 if failed else 0


def chosen(method: str, params: Params, round_name: str | None, to: str) -> Fuser:
    """The fuser of a method; of the searched one, what the rounds made of it where they taught it.

    round_name: whose fine-tuning; the last round's by default, or that of the train_fuser stage where there is none.
    Raises `NothingTrained`.
    """
    if method != fusers.SEARCHED:
        return fusers.opened(fusers.method(method), to)
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
    return fusers.opened(fusers.searched(weights), to)


def holds_fuser(weights: Path) -> bool:
    """Whether a file is there and a fuser's: rounds of the other task leave an enhancer in the same place."""
    try:
        read_architecture(weights)
    except WeightsError:
        return False
    return True


def jobs(exposures: Sequence[Path], out: Path) -> tuple[list[Job], list[ImageError]]:
    """The scenes to fuse, and an error for each file of a folder that has no partner in every other.

    Raises `ImageError`: fewer than two, files and folders mixed, nothing in common, a source that would be overwritten.
    """
    if len(exposures) < 2:
        raise ImageError(exposures[0], "is one exposure; fusion takes two or more files, or two or more folders")
    folders = [path.is_dir() for path in exposures]
    if any(folders) and not all(folders):
        file = exposures[folders.index(False)]
        raise ImageError(file, "is not a folder and another exposure is; give files only, or folders only")
    if not any(folders):
        if out.is_dir():
            raise ImageError(out, "a folder; name the file to write with --out, or give folders of exposures")
        refuse_overwriting(exposures, out)
        return [Job(tuple(exposures), out)], []
    if out.exists() and not out.is_dir():
        raise ImageError(out, "a file, not a folder; choose another --out")
    found = [stems(list_photos(folder)) for folder in exposures]
    common = [stem for stem in found[0] if all(stem in other for other in found)]
    if not common:
        raise ImageError(exposures[1], f"no photo here has the stem of one in {exposures[0]}; they are joined by name")
    work = [
        Job(tuple(files[stem] for files in found), out / found[0][stem].name, eight_bits(found[0][stem]))
        for stem in common
    ]
    for job in work:
        refuse_overwriting(job.exposures, job.target)
    lonely = [
        ImageError(path, f"has no partner of the stem {stem!r} in every other folder")
        for files in found
        for stem, path in files.items()
        if stem not in common
    ]
    return work, lonely


def eight_bits(path: Path) -> bool:
    """Whether files of this suffix have 8 bits only."""
    return path.suffix.lower() not in (".png", ".tif", ".tiff")


def refuse_overwriting(sources: Sequence[Path], target: Path) -> None:
    """Raises `ImageError` where a source is the file to write."""
    for source in sources:
        if source.resolve() == target.resolve():
            raise ImageError(source, "would be overwritten; choose another --out")
