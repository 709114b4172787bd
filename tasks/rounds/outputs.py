"""The `outputs` stage of a round: apply f(n) to the training images (HiLLIE, Alg. 1, line 8).

Reads the dataset and the model before the round; writes data/KIND/outputs/ROUND: training images as PNG, enhanced.parquet.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pictures import fresh_folder, pack, write_png
from tasks.config import View
from tasks.datasets.subjects import subjects_of
from tasks.rounds import loop
from tasks.stage import tables
from tasks.stage.places import Places
from tasks.stage.rows import enhanced_row
from tasks.stage.runtime import device, stage

PARAMS = ("seed", "{kind}.model")


def run(params: View, round: str) -> None:
    to, kind = device(params), params.kind
    model = loop.load(params, loop.weights_before(kind, round), to)
    name = loop.model_name(round)
    out = Places(kind).outputs(round)
    subjects = subjects_of(kind, "train")
    with fresh_folder(out) as folder:

        def made() -> Iterator[dict[str, Any]]:
            for subject in subjects:
                file = f"{subject.id}.png"
                write_png(folder / file, loop.models(params).apply(model, subject.sources, to))
                yield enhanced_row(subject.id, subject.split, name, file, folder)

        tables.write("enhanced", made(), folder / "enhanced.parquet")
        pack(folder)
    print(f"{name} made {len(subjects)} training images")


if __name__ == "__main__":
    stage(__doc__, run, PARAMS, {"kind": "of pictures", "round": "r00, r01, ..."})
