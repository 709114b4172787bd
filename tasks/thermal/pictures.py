"""The `pictures` stage of thermal: the dataset of infrared and visible pairs.

`thermal.dataset.source: sample` puts a synthetic thermal channel beside photographs that packages ship; `folder` takes a user's
pairs, joined by name. Writes data/thermal/pictures: infrared/, visible/, infrared_visible.parquet, summary.json. Of pairs
that show nearly the same one is kept; the split into train and validation is by scene.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pictures import ImageError, fresh_folder, identifiers, join, pack, read_uint8, sha256_file, write_json
from tasks.config import View
from tasks.datasets.crops import DatasetError, validation_names
from tasks.datasets.folders import listed, not_read, original, photos_in, say, say_notes
from tasks.datasets.photos import PHOTOS
from tasks.stage import tables
from tasks.stage.mapping import Failure, Workers, map_images
from tasks.stage.places import Places
from tasks.stage.runtime import stage, workers
from tasks.thermal.depth import Levels, levels
from tasks.thermal.kind import KIND
from tasks.thermal.pairs import UNREGISTERED, Files, folder_pair, histogram_of, lines_of, sample_pairs
from tasks.thermal.params import FolderThermal, SampleThermal

PARAMS = ("seed", "{kind}.dataset")
OUT = Places(KIND.name).pictures

Rows = list[dict[str, Any]]


def from_sample(settings: SampleThermal, seed: int, where: Workers, folder: Path) -> tuple[Rows, set[str]]:
    """Rows of the pairs, and the photographs to validate on."""
    make = partial(sample_pairs, settings=settings, seed=seed, folder=str(folder))
    rows = [row for found in map_images(make, PHOTOS, where, "sample pairs") for row in found]
    return rows, validation_names([photo.name for photo in PHOTOS], settings.validation_photos, seed)


def from_folder(
    settings: FolderThermal, seed: int, where: Workers, folder: Path
) -> tuple[Rows, set[str], dict[str, Any]]:
    """Rows of the pairs, the scenes to validate on, and what the summary says beyond."""
    folders = [
        photos_in(str(name), settings.recursive, "thermal.dataset.folder.recursive")
        for name in (settings.infrared, settings.visible)
    ]
    names = identifiers(folders[0])
    found = join(folders, settings.pair_by)
    for line in found.said():
        print(line)
    files = [
        Files(heat, light, names[heat], original(heat, folders[0]))
        for heat, light in found.scenes
        if heat is not None and light is not None
    ]
    of_set = levels_of_set(files, settings, where) if settings.scale == "set" else None
    make = partial(folder_pair, settings=settings, levels_of_set=of_set, folder=str(folder))
    made = map_images(make, files, where, "pairs", skip=(ImageError,))
    broken = [entry.error for entry in made if isinstance(entry, Failure)]
    skipped = [*found.lonely, *(error for error in broken if isinstance(error, ImageError))]
    rows = [entry for entry in made if not isinstance(entry, Failure)]
    twins = put_apart(rows, settings, where, folder)
    say(skipped, str(OUT / "summary.json"))
    lines = lines_of(rows, settings.align)
    tell(lines, twins)
    scenes = sorted({row["photograph"] for row in rows})
    if len(scenes) < 2:
        reasons = "\n".join(f"  {error}" for error in skipped)
        raise DatasetError(
            f"{settings.infrared} and {settings.visible} have {len(rows)} usable pairs of {len(scenes)} scenes; at least two "
            "scenes are needed, one of them for validation (thermal.dataset.folder.same_scene says what one is)"
            + (f". Skipped:\n{reasons}" if skipped else "")
        )
    extra = {
        "notes": say_notes(row.pop("said")["notes"] for row in rows),
        "skipped": listed(skipped),
        "duplicates": twins,
        **lines,
        **not_read(folders),
    }
    count = max(1, round(len(scenes) * settings.validation_fraction))
    return rows, validation_names(scenes, count, seed), extra


def levels_of_set(files: Sequence[Files], settings: FolderThermal, where: Workers) -> Levels | None:
    """The levels of all infrared of 16 bits together; None where there is none."""
    found = map_images(histogram_of, [one.infrared for one in files], where, "levels", skip=(ImageError,))
    counts = [entry for entry in found if isinstance(entry, np.ndarray)]
    return levels(np.sum(counts, axis=0), settings.percentiles) if counts else None


def described(name: str, folder: str) -> np.ndarray:
    from tasks.thermal.alike import description

    return description(*(read_uint8(Path(folder) / part / f"{name}.png") for part in ("infrared", "visible")))


def put_apart(rows: Rows, settings: FolderThermal, where: Workers, folder: Path) -> list[dict[str, Any]]:
    """Take near-duplicates out of `rows` and of the folder, name everyone's scene in `photograph`; returns who had a twin."""
    if len(rows) < 2 or (settings.duplicates is None and settings.same_scene is None):
        return []
    from tasks.thermal.alike import distances, scenes, twins

    names = [row["id"] for row in rows]
    apart = distances(map_images(partial(described, folder=str(folder)), names, where, "likeness"))
    if settings.same_scene is not None:
        scene = scenes(names, apart, settings.same_scene)
        for row in rows:
            row["photograph"] = scene[row["id"]]
    found = [] if settings.duplicates is None else twins(names, apart, settings.duplicates)
    gone = {twin.name for twin in found}
    rows[:] = [row for row in rows if row["id"] not in gone]
    for name in gone:
        for part in ("infrared", "visible"):
            (folder / part / f"{name}.png").unlink()
    return [asdict(twin) for twin in found]


def tell(lines: dict[str, list[str]], twins: list[dict[str, Any]]) -> None:
    """Print what was found out about the pairs, a line a matter."""
    if lines["spread"]:
        print(
            f"{len(lines['spread'])} infrared pictures of 16 bits were spread by percentiles; summary.json has their levels"
        )
    if lines["shifted"]:
        print(
            f"{len(lines['shifted'])} pairs were off by over {UNREGISTERED:g} pixels and are aligned: {lines['shifted'][0]}, ..."
        )
    if lines["unregistered"]:
        print(
            f"{len(lines['unregistered'])} pairs look off by over {UNREGISTERED:g} pixels, for one {lines['unregistered'][0]}; "
            "thermal.dataset.folder.align: true moves infrared over the visible picture"
        )
    if lines["false_colour"]:
        print(
            f"{len(lines['false_colour'])} infrared pictures are in false colours, of which brightness alone is taken "
            f"({lines['false_colour'][0]}, ...): export them white-hot or black-hot"
        )
    for twin in twins[:10]:
        print(f"left out: {twin['name']} shows nearly the same as {twin['twin']} (distance {twin['distance']})")
    if len(twins) > 10:
        print(f"left out: {len(twins) - 10} more, all named in summary.json")


def run(params: View) -> None:
    settings = params.dataset
    with fresh_folder(OUT) as folder:
        extra: dict[str, Any] = {"skipped": [], "duplicates": []}
        if settings.source == "sample":
            rows, validation = from_sample(settings.sample, params.seed, workers(params), folder)
        else:
            rows, validation, extra = from_folder(settings.folder, params.seed, workers(params), folder)
        table = []
        for row in rows:
            places = {part: f"{part}/{row['id']}.png" for part in ("infrared", "visible")}
            hashes = {f"{part}_sha256": sha256_file(folder / path) for part, path in places.items()}
            split = "validation" if row["photograph"] in validation else "train"
            table.append({**row, **places, **hashes, "split": split, "reference": None, "reference_sha256": None})
        tables.write(KIND.table, table, folder / f"{KIND.table}.parquet")
        counts = Counter(row["split"] for row in table)
        summary = {
            "source": settings.source,
            "photographs": len({row["photograph"] for row in table}),
            "train": counts["train"],
            "validation": counts["validation"],
            **extra,
            "counts": {name: len(found) for name, found in extra.items() if isinstance(found, list)},
        }
        write_json(folder / "summary.json", summary)
        pack(folder)
    print(
        f"{len(table)} pairs of {summary['photographs']} scenes ({counts['train']} train, {counts['validation']} validation); "
        f"{len(extra['skipped'])} skipped, {len(extra['duplicates'])} near-duplicates left out"
    )


if __name__ == "__main__":
    stage(__doc__, run, PARAMS, kind=KIND.name)
