"""The `judge_start` stage: train the ranker g0 on NIQE rankings between the outputs of f0's checkpoints.

Every checkpoint makes its version of every training image; two versions of one image are a pair, and the lower NIQE is the better
(HiLLIE, Sec. 3.2.1). Reads the dataset and data/KIND/start; writes data/KIND/judges/r00.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from pictures import fresh_folder, sha256_file, write_json, write_png
from tasks import kinds
from tasks.config import View
from tasks.datasets.subjects import Subject, subjects_of
from tasks.measuring.rows import score_row
from tasks.measuring.scoring import score
from tasks.rounds import loop
from tasks.stage import tables
from tasks.stage.mapping import map_images
from tasks.stage.places import Places
from tasks.stage.runtime import stage, workers
from tasks.training.image_set import ImageSet
from tasks.training.ranker_data import RankedPair, fresh_ranker, train_ranker

PARAMS = ("seed", "{kind}.model", "{kind}.judge.network", "{kind}.judge.start")


@dataclass(frozen=True)
class Job:
    """One image that every checkpoint makes its version of, to be scored."""

    subject: Subject
    kind: str
    checkpoints: tuple[kinds.Spec, ...]
    folder: str


def enhance_and_score(job: Job) -> list[dict[str, Any]]:
    """Write each checkpoint's version of an image as PNG; returns rows (image, model, path, sha256, niqe)."""
    image = job.subject.id
    rows: list[dict[str, Any]] = []
    own = kinds.named(job.kind).models
    for checkpoint in job.checkpoints:
        picture = own.apply(own.opened(checkpoint), job.subject.sources)
        step = Path(checkpoint.weights).stem
        path = Path(job.folder) / f"{image}__{step}.png"
        write_png(path, picture)
        rows.append(
            {"image": image, "model": step, "path": str(path), "sha256": sha256_file(path), **score(["niqe"], picture)}
        )
    return rows


def ranked_pairs(rows: list[dict[str, Any]]) -> list[RankedPair]:
    """All pairs of versions of one image whose NIQE differ, by their places in `rows`."""
    pairs = []
    for first, second in combinations(range(len(rows)), 2):
        a, b = rows[first], rows[second]
        if a["image"] != b["image"] or a["niqe"] is None or b["niqe"] is None or a["niqe"] == b["niqe"]:
            continue
        pairs.append(RankedPair(first, second) if a["niqe"] < b["niqe"] else RankedPair(second, first))
    return pairs


class NoRankedPairs(ValueError):
    """NIQE ranks no two versions of any training image."""


def run(params: View) -> None:
    kind, out = params.kind, Places(params.kind).judge("r00")
    checkpoints = tuple(loop.models(params).spec(params, path) for path in loop.checkpoints(kind))
    with fresh_folder(Path(".loupe") / "work" / f"judge_start-{kind}") as work:
        jobs = [Job(subject, kind, checkpoints, str(work)) for subject in subjects_of(kind, "train")]
        rows = [
            row for found in map_images(enhance_and_score, jobs, workers(params), "NIQE of versions") for row in found
        ]
        pairs = ranked_pairs(rows)
        if not pairs:
            raise NoRankedPairs(
                "NIQE ranks no two checkpoints' versions of any training image: are the photos smaller than 192 pixels, "
                f"or the checkpoints alike (steps and checkpoints of {kind}.start)?"
            )
        pictures = ImageSet([str(row["path"]) for row in rows], [str(row["sha256"]) for row in rows])
        data = "\n".join(f"{row['sha256']} {row['niqe']}" for row in rows)
        train_ranker(
            fresh_ranker(params),
            pictures,
            pairs,
            params.judge.start,
            params,
            name=f"judge_start@{kind}",
            purpose="ranker_niqe",
            data=data,
            out=out,
        )
    scores = [score_row(row["image"], row["model"], "niqe", row["niqe"]) for row in rows]
    tables.write("scores", scores, out / "niqe.parquet")
    tables.write("pairs", [], out / "dataset" / "pairs.parquet")
    tables.write("labels", [], out / "dataset" / "labels.parquet")
    write_json(out / "summary.json", {"versions": len(rows), "pairs": len(pairs)})


if __name__ == "__main__":
    stage(__doc__, run, PARAMS, {"kind": "of pictures"})
