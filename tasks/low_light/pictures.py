"""The `pictures` stage of low_light: the dataset of low-light images.

`dataset.source: sample` darkens crops of photographs that packages ship, in the lights of `dataset.sample.lights`, and keeps the
well-lit crop as hidden reference; `folder` takes a user's photos. Writes data/low_light/pictures: input/, reference/, normal/,
images.parquet, summary.json. The split into train and validation is by photograph.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from models.degradation import darken
from models.lighting import lighting
from pictures import (
    ImageError,
    Listing,
    fresh_folder,
    identifiers,
    join,
    pack,
    printable,
    read_image,
    read_noted,
    refuse_sizes,
    sha256_file,
    some,
    write_json,
    write_png,
)
from tasks.config import View
from tasks.datasets.crops import DatasetError, crops_of, generator, in_turn, validation_names, working_copy
from tasks.datasets.folders import listed, not_read, original, photos_in, say, say_notes
from tasks.datasets.photos import PHOTOS, Photo
from tasks.low_light.kind import KIND
from tasks.low_light.params import FolderDataset, SampleDataset
from tasks.stage import tables
from tasks.stage.mapping import Failure, Workers, map_images
from tasks.stage.places import Places
from tasks.stage.runtime import stage, workers

PARAMS = ("seed", "{kind}.dataset")
OUT = Places(KIND.name).pictures


def sample_photo(photo: Photo, settings: SampleDataset, seed: int, folder: str) -> list[dict[str, Any]]:
    """Cut and darken the crops of one photograph; returns rows without split and hashes."""
    random = generator(seed, "sample", photo.name)
    rows = []
    lights = in_turn(settings.lights, seed, photo.name)
    for name, crop in crops_of(photo, "low_light.dataset", settings.crop, settings.crops_per_photo, random):
        stops, light = random.uniform(*settings.exposure_stops), next(lights)
        write_png(Path(folder) / "reference" / f"{name}.png", crop)
        shot_gain = min(1.0, settings.shot_gain * 2.0 ** (settings.noise_growth * stops))
        dark = darken(crop, lighting(crop, light, stops, random), shot_gain, settings.read_sigma, random)
        write_png(Path(folder) / "input" / f"{name}.png", dark)
        height, width = crop.shape[:2]
        rows.append(
            {
                "id": name,
                "photograph": photo.name,
                "has_reference": True,
                "width": width,
                "height": height,
                "original": f"{photo.package}/{photo.file}",
            }
        )
    return rows


@dataclass(frozen=True)
class Source:
    """A user's photo: the id it gets, the name it has, and its reference."""

    path: Path
    name: str
    original: str
    reference: Path | None = None


def folder_photo(source: Source, settings: FolderDataset, folder: str) -> list[dict[str, Any]]:
    """Working copies of one photo of the user and of its reference."""
    path, reference_path, name = source.path, source.reference, source.name
    photo, said = read_noted(path)
    notes, reference = [(path, note) for note in said], None
    if reference_path is not None:
        reference, said = read_noted(reference_path)
        refuse_sizes(path, photo, reference_path, reference)
        notes += [(reference_path, note) for note in said]
    photo = working_copy(path, photo, settings.max_side)
    write_png(Path(folder) / "input" / f"{name}.png", photo)
    if reference is not None and reference_path is not None:
        copy = working_copy(reference_path, reference, settings.max_side)
        write_png(Path(folder) / "reference" / f"{name}.png", copy)
    height, width = photo.shape[:2]
    return [
        {
            "id": name,
            "photograph": name,
            "has_reference": reference is not None,
            "width": width,
            "height": height,
            "original": source.original,
            "notes": notes,
        }
    ]


def normal_photo(photo: tuple[Path, str], settings: FolderDataset, folder: str) -> str:
    path, name = photo
    write_png(Path(folder) / "normal" / f"{name}.png", working_copy(path, read_image(path), settings.max_side))
    return name


def from_sample(
    settings: SampleDataset, seed: int, where: Workers, folder: Path
) -> tuple[list[dict[str, Any]], set[str]]:
    make = partial(sample_photo, settings=settings, seed=seed, folder=str(folder))
    rows = [row for found in map_images(make, PHOTOS, where, "sample photographs") for row in found]
    return rows, validation_names([photo.name for photo in PHOTOS], settings.validation_photos, seed)


def from_folder(
    settings: FolderDataset, seed: int, where: Workers, folder: Path
) -> tuple[list[dict[str, Any]], set[str], dict[str, Any]]:
    def photos(folder: str) -> Listing:
        return photos_in(folder, settings.recursive, "low_light.dataset.folder.recursive")

    inputs = photos(str(settings.inputs))
    folders = [inputs, *([photos(settings.references)] if settings.references else [])]
    names = identifiers(inputs)
    joined = join(folders, settings.pair_by, optional={1})
    for line in joined.said():
        print(line)
    sources = [
        Source(path, names[path], original(path, inputs), *reference)
        for path, *reference in joined.scenes
        if path is not None
    ]
    found = map_images(
        partial(folder_photo, settings=settings, folder=str(folder)), sources, where, "photos", skip=(ImageError,)
    )
    skipped = [failure.error for failure in found if isinstance(failure, Failure)]
    rows = [row for rows in found if not isinstance(rows, Failure) for row in rows]
    if len(rows) < 2:
        reasons = "\n".join(f"  {error}" for error in skipped)
        raise DatasetError(
            f"{settings.inputs} has {len(rows)} usable photos of {len(inputs.photos)}; at least two are needed, one of them "
            f"for validation" + (f". Skipped:\n{reasons}" if skipped else "")
        )
    normal: list[Any] = []
    if settings.normal:
        folders.append(photos(settings.normal))
        normal = map_images(
            partial(normal_photo, settings=settings, folder=str(folder)),
            list(identifiers(folders[-1]).items()),
            where,
            "normal-light photos",
            skip=(ImageError,),
        )
        skipped += [failure.error for failure in normal if isinstance(failure, Failure)]
    apart = [error for error in joined.lonely if error.path not in names]
    without = [row["id"] for row in rows if not row["has_reference"]] if settings.references else []
    say([*skipped, *apart], str(OUT / "summary.json"))
    if without:
        print(f"{len(without)} of {len(rows)} photos have no reference: {some(without)}")
    photographs = [row["photograph"] for row in rows]
    count = max(1, round(len(photographs) * settings.validation_fraction))
    extra = {
        "notes": say_notes(row.pop("notes") for row in rows),
        "skipped": listed(skipped, lambda path: printable(path.name)),
        "not_joined": listed(joined.lonely),
        "normal": sum(not isinstance(entry, Failure) for entry in normal),
        "without_reference": without,
        **not_read(folders),
    }
    return rows, validation_names(photographs, count, seed), extra


def placed(row: dict[str, Any], split: str, hashed: Callable[[str], str]) -> dict[str, Any]:
    """A row of the table: where the pictures lie, and their hashes. hashed: path in the dataset -> sha256 of that file."""
    found = {name: value for name, value in row.items() if name != "has_reference"}
    path, reference = f"input/{row['id']}.png", f"reference/{row['id']}.png" if row["has_reference"] else None
    hashes = {"sha256": hashed(path), "reference_sha256": None if reference is None else hashed(reference)}
    return {**found, "split": split, "path": path, "reference": reference, **hashes}


def run(params: View) -> None:
    settings = params.dataset
    with fresh_folder(OUT) as folder:
        extra: dict[str, Any] = {"skipped": [], "normal": 0, "without_reference": []}
        if settings.source == "sample":
            rows, validation = from_sample(settings.sample, params.seed, workers(params), folder)
        else:
            rows, validation, extra = from_folder(settings.folder, params.seed, workers(params), folder)
        table = [
            placed(
                row,
                "validation" if row["photograph"] in validation else "train",
                lambda path: sha256_file(folder / path),
            )
            for row in rows
        ]
        tables.write("images", table, folder / "images.parquet")
        counts = {split: sum(row["split"] == split for row in table) for split in ("train", "validation")}
        summary = {
            "source": settings.source,
            "photographs": len({row["photograph"] for row in table}),
            **counts,
            **extra,
        }
        write_json(folder / "summary.json", summary)
        pack(folder)
    print(f"{len(table)} low-light images of {summary['photographs']} photographs: {counts}")


if __name__ == "__main__":
    stage(__doc__, run, PARAMS, kind=KIND.name)
