"""The `outputs` stage of a round: apply f(n) to the training images (HiLLIE, Alg. 1, line 8).

Reads the dataset and the model before the round; writes data/KIND/outputs/ROUND: training images as PNG, enhanced.parquet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from pictures import fresh_folder, pack, write_png
from tasks import kinds
from tasks.config import View
from tasks.datasets.subjects import Subject, subjects_of
from tasks.rounds import loop
from tasks.stage import tables
from tasks.stage.mapping import map_images
from tasks.stage.places import Places
from tasks.stage.rows import enhanced_row
from tasks.stage.runtime import device, stage, workers

PARAMS = ("seed", "{kind}.model")
FEW = 100
"""Images that are made in this process: another takes seconds to start."""
PIECE = 10_000
"""Images that are handed out together: of a million at once the books take gigabytes."""


@dataclass(frozen=True)
class Job:
    """One training image, to be put through a model."""

    subject: Subject
    kind: str
    name: str
    model: kinds.Spec
    device: str
    folder: str


def made(job: Job) -> dict[str, Any]:
    """Put an image through the model and write the picture; its row of `enhanced`."""
    own, folder, file = kinds.named(job.kind).models, Path(job.folder), f"{job.subject.id}.png"
    model: nn.Module = own.opened(job.model).to(job.device)
    write_png(folder / file, own.apply(model, job.subject.sources, job.device))
    return enhanced_row(job.subject.id, job.subject.split, job.name, file, folder)


def run(params: View, round: str) -> None:
    to, kind, name = device(params), params.kind, loop.model_name(round)
    spec = loop.models(params).spec(params, loop.weights_before(kind, round))
    subjects, where = subjects_of(kind, "train"), workers(params, to)
    with fresh_folder(Places(kind).outputs(round)) as folder:

        def rows() -> Iterator[dict[str, Any]]:
            for start in range(0, len(subjects), PIECE):
                jobs = [Job(one, kind, name, spec, to, str(folder)) for one in subjects[start : start + PIECE]]
                said = f"{name} on training images" + (f" from {start + 1} on" if len(subjects) > PIECE else "")
                yield from map_images(made, jobs, where if where.cluster or len(jobs) > FEW else 1, said)

        tables.write("enhanced", rows(), folder / "enhanced.parquet")
        pack(folder)
    print(f"{name} made {len(subjects)} training images")


if __name__ == "__main__":
    stage(__doc__, run, PARAMS, {"kind": "of pictures", "round": "r00, r01, ..."})
