"""The `regions` stage: which pixels of each picture belong together, found once, on the source that shows most.

Reads the dataset; writes data/KIND/regions: regions.parquet and summary.json. Aligners that ask the judge about regions read it
(docs/alignment.md); for others the table is empty.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from models.aligners.registry import ASK_ABOUT_REGIONS
from models.regions import create
from models.regions.base import regions_of
from models.regions.rle import encode
from pictures import fresh_folder, read_uint8, write_json
from tasks import kinds
from tasks.config import View
from tasks.config.rounds import Regions
from tasks.datasets.subjects import subjects_of
from tasks.stage import tables
from tasks.stage.mapping import map_images
from tasks.stage.places import Places
from tasks.stage.runtime import stage, workers

PARAMS = ("{kind}.regions", "{kind}.align.name")
DEFAULT = Regions(name="superpixels")
_DARK = 0.35
"""Mean luminance below which a picture is brightened for the segmenter."""


@dataclass(frozen=True)
class Job:
    image: str
    path: str
    section: str


@cache
def _segmenter(section: str) -> Any:
    found = Regions.model_validate_json(section)
    return create(found.name, **found.options)


def brightened(picture: np.ndarray) -> np.ndarray:
    """A picture (H, W, 3) uint8 brought by a gamma to the luminance in which there is something to see, where it is darker."""
    mean = float(picture.mean()) / 255
    if not 0 < mean < _DARK:
        return picture
    found: np.ndarray = np.round(255 * (picture / 255.0) ** (np.log(_DARK) / np.log(mean))).astype(np.uint8)
    return found


def found_in(job: Job) -> list[dict[str, Any]]:
    """The rows of one picture."""
    picture = read_uint8(job.path)
    height, width = picture.shape[:2]
    masks = _segmenter(job.section).masks(brightened(picture))
    labels = regions_of(masks, height, width, Regions.model_validate_json(job.section).least)
    return [
        {
            "image": job.image,
            "region": number,
            "height": height,
            "width": width,
            "area": int((labels == number).sum()),
            "counts": encode(labels == number),
        }
        for number in range(int(labels.max()) + 1)
    ]


def run(params: View) -> None:
    section = params.regions
    wanted = params.align.name in ASK_ABOUT_REGIONS
    rows: list[dict[str, Any]] = []
    note = ""
    if wanted:
        section = section or DEFAULT
        note = create(section.name, **section.options).note
        place = kinds.named(params.kind).structure
        jobs = [Job(one.id, one.sources[place], section.model_dump_json()) for one in subjects_of(params.kind)]
        rows = [row for found in map_images(found_in, jobs, workers(params), "regions") for row in found]
    with fresh_folder(Places(params.kind).regions) as folder:
        tables.write("regions", rows, folder / "regions.parquet")
        images = len({row["image"] for row in rows})
        summary = {"segmenter": section.name if wanted else None, "note": note, "images": images, "regions": len(rows)}
        write_json(folder / "summary.json", summary)
    if wanted:
        print(f"{len(rows)} regions of {images} pictures, by {note or section.name}")
    else:
        print(f"{params.align.name} asks about whole pictures: no regions are looked for")


if __name__ == "__main__":
    stage(__doc__, run, PARAMS, {"kind": "of pictures"})
