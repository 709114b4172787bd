"""The `enhance` stage of a round: apply f(n) to the training images (HiLLIE, Alg. 1, line 8).

Reads the dataset and the model before the round; writes data/enhance/ROUND: training images as PNG, enhanced.parquet.
"""

from __future__ import annotations

from pictures import fresh_folder, sha256_file, write_png
from tasks import loop, tables
from tasks.config import View
from tasks.runtime import DATA, device, stage
from tasks.subjects import subjects_of

PARAMS = ("seed", "loop", "enhancer")


def run(params: View, round: str) -> None:
    to, task = device(params), params.loop.task
    model = loop.load(params, loop.weights_before(task, round), to)
    name = loop.model_name(round)
    out = DATA / "enhance" / round
    rows = []
    with fresh_folder(out) as folder:
        for subject in subjects_of(task, "train"):
            file = f"{subject.id}.png"
            write_png(folder / file, loop.models(params).apply(model, subject.sources, to))
            rows.append(
                {
                    "image": subject.id,
                    "split": subject.split,
                    "model": name,
                    "path": str(out / file),
                    "sha256": sha256_file(folder / file),
                }
            )
        tables.write("enhanced", rows, folder / "enhanced.parquet")
    print(f"{name} made {len(rows)} training images")


if __name__ == "__main__":
    stage(__doc__, run, PARAMS, {"round": "r00, r01, ..."})
