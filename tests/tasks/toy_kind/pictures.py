"""The `pictures` stage of toy: waves and noise in full contrast as references, and flat.

Writes data/toy/pictures: input/, reference/, toys.parquet, summary.json.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pictures import fresh_folder, sha256_file, write_json, write_png
from tasks.config import View
from tasks.datasets.crops import generator
from tasks.stage import tables
from tasks.stage.places import Places
from tasks.stage.runtime import stage
from toy_kind.kind import KIND

PARAMS = ("seed", "{kind}.dataset")


def drawn(number: int, side: int, seed: int) -> np.ndarray:
    """A picture (side, side, 3) uint8 that is like no other."""
    y, x = np.mgrid[0:side, 0:side]
    waves = np.stack([np.sin(x / (9 + number)) + np.cos(y / 13), np.sin(x * y / 3000), np.cos(x / 17)], 2)
    noise = generator(seed, "toy", number).normal(0, 4, waves.shape)
    return np.clip(120 + 55 * waves + noise, 0, 255).astype(np.uint8)


def run(params: View) -> None:
    settings, table = params.dataset, []
    with fresh_folder(Places(KIND.name).pictures) as folder:
        for number in range(settings.count):
            name = f"toy{number:03d}"
            path, reference = Path("input") / f"{name}.png", Path("reference") / f"{name}.png"
            picture = drawn(number, settings.side, params.seed)
            write_png(folder / reference, picture)
            write_png(folder / path, 80 + picture // 4)
            table.append(
                {
                    "id": name,
                    "photograph": name,
                    "split": "validation" if number % 3 == 2 else "train",
                    "path": str(path),
                    "sha256": sha256_file(folder / path),
                    "reference": str(reference),
                    "reference_sha256": sha256_file(folder / reference),
                    "width": settings.side,
                    "height": settings.side,
                    "original": "drawn",
                }
            )
        tables.write(KIND.table, table, folder / f"{KIND.table}.parquet")
        write_json(folder / "summary.json", {"photographs": settings.count})


if __name__ == "__main__":
    stage(__doc__, run, PARAMS, kind=KIND.name)
