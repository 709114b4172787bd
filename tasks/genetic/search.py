"""The `genetic` stage: NSGA-II searches brightness, contrast and gamma for each photo (entropy-driven NSGA-II, Alg. 1).

Reads data/KIND/pictures (and a judge, where an objective names one); writes data/KIND/genetic: output/, enhanced.parquet,
fronts.parquet with every individual of each photo's last population, summary.json. An interrupted stage goes on with the
photos that are not done yet.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.genetic.palette import Palette
from pictures import fresh_folder, read_uint8, write_json, write_png
from tasks.config import View
from tasks.datasets.subjects import frame
from tasks.genetic.one_photo import PhotoFront, jobs_of, judge_of, search_photo
from tasks.stage import tables
from tasks.stage.mapping import map_images
from tasks.stage.places import Places
from tasks.stage.rows import enhanced_row
from tasks.stage.runtime import device, stage, workers

PARAMS = ("seed", "genetic", "{kind}.judge.name", "{kind}.judge.options")
KEPT = Path(".loupe") / "genetic" / "stage"
MODEL = "genetic"


def enhanced(photo: np.ndarray, genes: list[float]) -> np.ndarray:
    """A photo (H, W, 3) uint8 or uint16 under genes, of the same shape and type: each channel value through one table."""
    top = np.iinfo(photo.dtype).max
    levels = np.zeros((1, 1, 3), photo.dtype)
    table = Palette(levels).table(torch.tensor([genes], dtype=torch.float32))[0]
    return (table * top + 0.5).numpy().astype(photo.dtype)[photo]


def chosen_images(images: Any, limit: int | None) -> Any:
    """The images to search: all, or `limit` of them with as large a share of each split, spread over the photographs."""
    if limit is None or limit >= len(images):
        return images
    order = images.assign(crop=images.groupby("photograph").cumcount()).sort_values(["crop", "id"], kind="stable")
    parts = []
    for _, part in order.groupby("split"):
        parts.append(part.head(max(1, round(limit * len(part) / len(images)))))
    import pandas as pd

    return pd.concat(parts).drop(columns="crop").sort_values("id")


def front_rows(image: str, split: str, front: PhotoFront) -> list[dict[str, Any]]:
    """The rows of a photo in the fronts table."""
    rows = []
    for place, genes in enumerate(front.genes):
        crowding = front.crowding[place]
        rows.append(
            {
                "image": image, "split": split, "individual": place, "brightness": genes[0], "contrast": genes[1],
                "gamma": genes[2], "entropy": front.entropy[place], "distance": front.distance[place],
                "objectives": front.objectives, "values": front.values[place], "rank": front.rank[place],
                "crowding": float("inf") if crowding is None else crowding, "chosen": int(place == front.chosen),
            }
        )  # fmt: skip
    return rows


def run(params: View) -> None:
    images = chosen_images(frame(params.kind), params.genetic.photos)
    photos = [(image.id, Path(image.path)) for image in tables.rows(images)]
    to = device(params)
    jobs = jobs_of(params.genetic, photos, KEPT / params.kind, params.seed, to, judge_of(params))
    begun = time.monotonic()
    # On the CPU a process a core is quicker than threads.
    fronts = map_images(search_photo, jobs, workers(params, to), "genetic search")
    seconds = time.monotonic() - begun
    rows: list[dict[str, Any]] = []
    outputs = []
    with fresh_folder(Places(params.kind).genetic) as folder:
        for image, front in zip(tables.rows(images), fronts, strict=True):
            rows += front_rows(image.id, image.split, front)
            path = f"output/{image.id}.png"
            write_png(folder / path, enhanced(read_uint8(image.path), front.genes[front.chosen]))
            outputs.append(enhanced_row(image.id, image.split, MODEL, path, folder))
        tables.write("fronts", rows, folder / "fronts.parquet")
        tables.write("enhanced", outputs, folder / "enhanced.parquet")
        write_json(folder / "summary.json", summary(fronts))
    shutil.rmtree(KEPT / params.kind, ignore_errors=True)
    print(f"{len(fronts)} photos searched in {seconds:.0f} s")


def summary(fronts: list[PhotoFront]) -> dict[str, Any]:
    """Means over the photos: both objectives of the chosen, size of the front, evaluations."""
    return {
        "photos": len(fronts),
        "entropy": float(np.mean([front.entropy[front.chosen] for front in fronts])),
        "distance": float(np.mean([front.distance[front.chosen] for front in fronts])),
        "front": float(np.mean([front.rank.count(0) for front in fronts])),
        "evaluations": {
            name: float(np.mean([front.evaluations[name] for front in fronts])) for name in fronts[0].evaluations
        },
    }


if __name__ == "__main__":
    stage(__doc__, run, PARAMS, {"kind": "of pictures"})
