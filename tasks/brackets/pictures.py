"""The `pictures` stage of brackets: the dataset of under- and over-exposed pairs, and natural images.

`brackets.dataset.source: sample` exposes crops of photographs that packages ship shorter and longer, with the crop as reference;
`folder` takes a user's, joined by name. Writes data/brackets/pictures: under/, over/, reference/, natural/, exposures.parquet,
natural.parquet, summary.json. The split into train and validation is by photograph; natural images of the sample are the
references of training scenes, and `tasks.brackets.scenes` never shows a scene one of its own photograph.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pictures import (
    ImageError,
    Listing,
    fresh_folder,
    identifiers,
    pack,
    read_image,
    sha256_file,
    write_json,
    write_png,
)
from tasks.brackets.exposures import Files, folder_scene, joined, of_bursts, sample_scenes
from tasks.brackets.kind import KIND
from tasks.brackets.params import FolderBrackets, SampleBrackets
from tasks.config import View
from tasks.datasets.crops import DatasetError, validation_names, working_copy
from tasks.datasets.folders import listed, not_read, photos_in, say, say_notes
from tasks.datasets.photos import PHOTOS
from tasks.stage import tables
from tasks.stage.mapping import Failure, Workers, map_images
from tasks.stage.places import Places
from tasks.stage.runtime import stage, workers

PARAMS = ("seed", "{kind}.dataset")
OUT = Places(KIND.name).pictures

Rows = list[dict[str, Any]]


def from_sample(settings: SampleBrackets, seed: int, where: Workers, folder: Path) -> tuple[Rows, set[str]]:
    """Rows of the scenes, and the photographs to validate on."""
    make = partial(sample_scenes, settings=settings, seed=seed, folder=str(folder))
    rows = [row for found in map_images(make, PHOTOS, where, "sample brackets") for row in found]
    validation = validation_names([photo.name for photo in PHOTOS], settings.validation_photos, seed)
    training = sum(row["photograph"] not in validation for row in rows)
    if training < 2:
        raise DatasetError(
            f"brackets.dataset.sample leaves {training} training scenes of {len(PHOTOS)} photographs; the search needs two at "
            "least: lower validation_photos, or raise crops_per_photo"
        )
    return rows, validation


def from_folder(
    settings: FolderBrackets, seed: int, where: Workers, folder: Path
) -> tuple[Rows, set[str], dict[str, Any]]:
    """Rows of the scenes, the photographs to validate on, and what the summary says beyond."""
    scenes, skipped, folders = scenes_of(settings)
    make = partial(folder_scene, settings=settings, folder=str(folder))
    found = map_images(make, scenes, where, "brackets", skip=(ImageError,))
    skipped += refused(found)
    rows = [row for row in found if not isinstance(row, Failure)]
    if len(rows) < 3:
        reasons = "\n".join(f"  {error}" for error in skipped)
        given = settings.bursts or f"{settings.under} and {settings.over}"
        raise DatasetError(
            f"{given} have {len(rows)} usable pairs; at least three are needed, two to search and train on and one to "
            "validate on" + (f". Skipped:\n{reasons}" if skipped else "")
        )
    natural: list[Any] = []
    if settings.natural:
        folders.append(listed_folder(settings.natural, settings))
        natural = natural_photos(folders[-1], settings, where, folder)
    skipped += refused(natural)
    swapped = sorted(row["id"] for row in rows if row.pop("swapped"))
    say(skipped, str(OUT / "summary.json"))
    aligned = sorted(line for row in rows for line in row.pop("aligned"))
    for line in aligned:
        print(f"aligned: {line}")
    for name in swapped:
        print(f"swapped: the under-exposed {name} was the brighter one; put right")
    names = [row["photograph"] for row in rows]
    count = min(max(1, round(len(names) * settings.validation_fraction)), len(names) - 2)
    extra = {
        "notes": say_notes(row.pop("notes") for row in rows),
        "skipped": listed(skipped),
        "swapped": swapped,
        "aligned": aligned,
        "without_reference": [row["id"] for row in rows if not row["has_reference"]] if settings.reference else [],
        **not_read(folders),
    }
    return rows, validation_names(names, count, seed), extra


def listed_folder(folder: str, settings: FolderBrackets) -> Listing:
    return photos_in(folder, settings.recursive, "brackets.dataset.folder.recursive")


def scenes_of(settings: FolderBrackets) -> tuple[list[Files], list[ImageError], list[Listing]]:
    """A user's scenes, an error for each photo that is in none, and the folders they are of. Prints how these joined."""
    named = [name for name in (settings.bursts, settings.under, settings.over, settings.reference) if name]
    folders = [listed_folder(name, settings) for name in named]
    reference = folders[-1] if settings.reference else None
    if settings.bursts:
        scenes, lonely = of_bursts(folders[0], reference)
        print(f"{folders[0].folder}: {len(scenes)} bursts among {len(folders[0].photos)} photos")
        return scenes, lonely, folders
    scenes, found = joined(folders[0], folders[1], reference, settings.pair_by)
    for line in found.said():
        print(line)
    return scenes, found.lonely, folders


def natural_photos(photos: Listing, settings: FolderBrackets, where: Workers, folder: Path) -> list[Any]:
    """Working copies of the natural photos; an empty folder, or none that is usable, is an error of its own."""
    make = partial(natural_photo, settings=settings, folder=str(folder))
    found = map_images(make, list(identifiers(photos).items()), where, "natural photos", skip=(ImageError,))
    broken = refused(found)
    if len(broken) == len(found):
        raise DatasetError(
            f"{photos.folder} has no usable natural photo of {len(found)}; name another folder, or set "
            f"brackets.dataset.folder.natural to null. The first: {broken[0]}"
        )
    return found


def natural_photo(photo: tuple[Path, str], settings: FolderBrackets, folder: str) -> str:
    """Write the working copy of one natural photo; its name."""
    path, name = photo
    write_png(Path(folder) / "natural" / f"{name}.png", working_copy(path, read_image(path), settings.max_side))
    return name


def refused(found: Sequence[Any]) -> list[ImageError]:
    """The errors among the results of a map."""
    errors = [entry.error for entry in found if isinstance(entry, Failure)]
    return [error for error in errors if isinstance(error, ImageError)]


def placed(row: dict[str, Any], split: str, folder: Path) -> dict[str, Any]:
    """A row of the table: where the pictures lie, and their hashes."""
    found = {name: row[name] for name in ("id", "photograph", "width", "height", "original")} | {"split": split}
    for part in ("under", "over", "reference"):
        there = part != "reference" or row["has_reference"]
        path = f"{part}/{row['id']}.png"
        found[part] = path if there else None
        found[f"{part}_sha256"] = sha256_file(folder / path) if there else None
    return found


def natural_rows(table: Rows, folder: Path, own: bool) -> Rows:
    """Rows of the natural table: the files in natural/, or (`own`) the references of the training scenes."""
    if own:
        return [
            {
                "id": row["id"],
                "photograph": row["photograph"],
                "path": row["reference"],
                "sha256": row["reference_sha256"],
            }
            for row in table
            if row["split"] == "train"
        ]
    # A folder's natural photos are of other scenes even where they share a name.
    return [
        {"id": path.stem, "photograph": f"natural/{path.stem}", "path": f"natural/{path.name}",
         "sha256": sha256_file(path)}
        for path in sorted((folder / "natural").glob("*.png"))
    ]  # fmt: skip


def run(params: View) -> None:
    settings, sample = params.dataset, params.dataset.source == "sample"
    with fresh_folder(OUT) as folder:
        extra: dict[str, Any] = {"skipped": [], "swapped": [], "aligned": [], "without_reference": []}
        if sample:
            rows, validation = from_sample(settings.sample, params.seed, workers(params), folder)
        else:
            rows, validation, extra = from_folder(settings.folder, params.seed, workers(params), folder)
        table = [
            placed(row, "validation" if row["photograph"] in validation else "train", folder)
            for row in sorted(rows, key=lambda row: row["id"])
        ]
        natural = natural_rows(table, folder, own=sample)
        tables.write(KIND.table, table, folder / f"{KIND.table}.parquet")
        tables.write("natural", natural, folder / "natural.parquet")
        counts = Counter(row["split"] for row in table)
        summary = {
            "source": settings.source,
            "photographs": len({row["photograph"] for row in table}),
            "train": counts["train"],
            "validation": counts["validation"],
            "references": sum(row["reference"] is not None for row in table),
            "natural": len(natural),
            **extra,
            "counts": {name: len(found) for name, found in extra.items() if isinstance(found, list)},
        }
        write_json(folder / "summary.json", summary)
        pack(folder)
    print(
        f"{len(table)} pairs of {summary['photographs']} photographs ({counts['train']} train, {counts['validation']} "
        f"validation), {summary['references']} with reference; {len(natural)} natural images; {len(extra['skipped'])} skipped"
    )


if __name__ == "__main__":
    stage(__doc__, run, PARAMS, kind=KIND.name)
