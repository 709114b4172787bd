"""The `fused` stage of brackets: the validation scenes fused by the searched network and by what a user would reach for.

Reads data/brackets/pictures and data/brackets/start; writes data/brackets/fused: METHOD/ID.png and enhanced.parquet.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from models.tiling import fuse_tiled
from pictures import fresh_folder, pack, read_uint8, write_png
from tasks.brackets import fusers
from tasks.brackets.fusers import METHODS
from tasks.brackets.kind import KIND
from tasks.config import View
from tasks.kinds.fusers import Method, opened
from tasks.stage import tables
from tasks.stage.mapping import map_images
from tasks.stage.places import Places
from tasks.stage.rows import enhanced_row
from tasks.stage.runtime import device, stage, workers

PARAMS: tuple[str, ...] = ()
OUT = Places(KIND.name).root / "fused"


def fuse_scene(scene: tuple[str, str, str], methods: tuple[Method, ...], folder: str, to: str) -> None:
    """Fuse a scene (id, under, over) by every method into folder/METHOD/ID.png."""
    name, under, over = scene
    photos = [read_uint8(under), read_uint8(over)]
    for method in methods:
        fused = fuse_tiled(opened(method, to), photos, device=to)
        write_png(Path(folder) / method.name / f"{name}.png", fused)


def run(params: View) -> None:
    to = device(params)
    scenes = tables.read_split(KIND.table, Places(KIND.name).pictures / f"{KIND.table}.parquet", "validation")
    methods = tuple(map(fusers.method, METHODS))
    opened(methods[0])  # weights that are absent or broken are said once, not by each process
    rows: list[dict[str, Any]] = []
    with fresh_folder(OUT) as folder:
        make = partial(fuse_scene, methods=methods, folder=str(folder), to=to)
        jobs = list(zip(scenes.id, scenes.under, scenes.over, strict=True))
        map_images(make, jobs, workers(params, to), "fusing")
        for method in methods:
            for name in scenes.id:
                path = f"{method.name}/{name}.png"
                rows.append(enhanced_row(name, "validation", method.name, path, folder))
        tables.write("enhanced", rows, folder / "enhanced.parquet")
        pack(folder)
    print(f"{len(scenes)} validation scenes fused by {', '.join(METHODS)}")


if __name__ == "__main__":
    stage(__doc__, run, PARAMS, kind=KIND.name)
