"""The `judge_start` stage: the judge g0, which has seen no labels yet.

Every checkpoint of f0's training makes its version of every training image. A judge that learns from pairs is trained on
those of one image, of which the lower NIQE is the better (HiLLIE, Sec. 3.2.1); a settled one takes their spread as its
scale. One that learns from ratings is trained on injected corruptions, of which scores and heatmap are known; where
`judge.start` has crop and margin in place of variants, it starts from NIQE's ranking as well, by its overall score.
Reads the dataset and data/KIND/start; writes data/KIND/judges/r00.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import torch

from models.core.training import step_seed
from models.judges.base import Judge, RatedJudge, Settled
from pictures import fresh_folder, sha256_file, write_json, write_png
from tasks import kinds
from tasks.config import View
from tasks.datasets.subjects import Subject, subjects_of
from tasks.measuring.rows import opinion_row, score_row
from tasks.measuring.scoring import score
from tasks.rounds import loop
from tasks.stage import tables
from tasks.stage.mapping import map_images
from tasks.stage.places import Places
from tasks.stage.runtime import device, stage, workers
from tasks.training.judges import (
    RankedPair,
    UntoldTraining,
    Versions,
    fresh_judge,
    keep,
    opinions_of,
    train_on_pairs,
    training_of,
    versions,
)

PARAMS = ("seed", "{kind}.model", "{kind}.judge.name", "{kind}.judge.options", "{kind}.judge.start")
RANKS_FIRST = "niqe"
"""The metric that ranks the versions of an image where nobody has labelled any (HiLLIE)."""


@dataclass(frozen=True)
class Job:
    """One image that every checkpoint makes its version of, to be scored by metrics."""

    subject: Subject
    kind: str
    checkpoints: tuple[kinds.Spec, ...]
    metrics: tuple[str, ...]
    folder: str


def enhance_and_score(job: Job) -> list[dict[str, Any]]:
    """Write each checkpoint's version of an image as PNG; returns rows (image, model, path, sha256, metrics)."""
    image = job.subject.id
    rows: list[dict[str, Any]] = []
    own = kinds.named(job.kind).models
    for checkpoint in job.checkpoints:
        picture = own.apply(own.opened(checkpoint), job.subject.sources)
        step = Path(checkpoint.weights).stem
        path = Path(job.folder) / f"{image}__{step}.png"
        write_png(path, picture)
        rows.append(
            {
                "image": image,
                "model": step,
                "path": str(path),
                "sha256": sha256_file(path),
                **score(job.metrics, picture),
            }
        )
    return rows


def ranked_pairs(rows: list[dict[str, Any]]) -> list[RankedPair]:
    """All pairs of versions of one image whose NIQE differ, by their places in `rows`."""
    pairs = []
    for first, second in combinations(range(len(rows)), 2):
        a, b = rows[first], rows[second]
        if (
            a["image"] != b["image"]
            or a[RANKS_FIRST] is None
            or b[RANKS_FIRST] is None
            or a[RANKS_FIRST] == b[RANKS_FIRST]
        ):
            continue
        pairs.append(RankedPair(first, second) if a[RANKS_FIRST] < b[RANKS_FIRST] else RankedPair(second, first))
    return pairs


class NoRankedPairs(ValueError):
    """NIQE ranks no two versions of any training image."""


class NoOpinion(ValueError):
    """A settled judge tells no two versions apart."""


class NothingToRate(ValueError):
    """A judge that learns from ratings, on a kind that has none to start it with."""


def run(params: View) -> None:
    kind, out = params.kind, Places(params.kind).judge("r00")
    judge = fresh_judge(params)
    if isinstance(judge, RatedJudge) and (params.judge.start is None or params.judge.start.variants is not None):
        from_corruptions(judge, params, out)
        return
    metrics = () if isinstance(judge, Settled) else (RANKS_FIRST,)
    checkpoints = tuple(loop.models(params).spec(params, path) for path in loop.checkpoints(kind))
    with fresh_folder(Path(".loupe") / "work" / f"judge_start-{kind}") as work:
        jobs = [Job(subject, kind, checkpoints, metrics, str(work)) for subject in subjects_of(kind, "train")]
        found = map_images(enhance_and_score, jobs, workers(params), "versions for the first judge")
        rows = [row for of_one in found for row in of_one]
        shown = versions(judge, kind, *([str(row[key]) for row in rows] for key in ("image", "path", "sha256")))
        if isinstance(judge, Settled):
            pairs, scores = 0, settle(judge, shown, rows, params)
            keep(judge, out)
        else:
            pairs, scores = rank(judge, shown, rows, params, out), niqe_rows(rows)
    tables.write("scores", scores, out / "scores.parquet")
    tables.write("pairs", [], out / "dataset" / "pairs.parquet")
    tables.write("labels", [], out / "dataset" / "labels.parquet")
    write_json(out / "summary.json", {"versions": len(rows), "pairs": pairs})


def rank(judge: Judge, shown: Versions, rows: list[dict[str, Any]], params: View, out: Path) -> int:
    """Train the judge on the rankings of NIQE and write it to `out`; returns the number of ranked pairs."""
    kind, section = params.kind, training_of(params.judge.start, judge, f"{params.kind}.judge.start")
    pairs = ranked_pairs(rows)
    if not pairs:
        raise NoRankedPairs(
            "NIQE ranks no two checkpoints' versions of any training image: are the photos smaller than 192 pixels, "
            f"or the checkpoints alike (steps and checkpoints of {kind}.start)?"
        )
    if isinstance(judge, RatedJudge):
        judge.get_used_to(_features(judge, shown, device(params)))
    data = "\n".join(f"{row['sha256']} {row[RANKS_FIRST]}" for row in rows)
    train_on_pairs(
        judge, shown, pairs, section, params, name=f"judge_start@{kind}", purpose="ranker_niqe", data=data, out=out
    )
    return len(pairs)


@torch.no_grad()
def _features(judge: RatedJudge, shown: Versions, to: str) -> Iterator[torch.Tensor]:
    judge.to(to).eval()
    for place in range(len(shown)):
        for one in (shown.pictures, *shown.sources):
            yield judge.features(one.tensor(place)[None].to(to))[0].cpu()


def from_corruptions(judge: RatedJudge, params: View, out: Path) -> None:
    """Train a judge of ratings on injected corruptions of training scenes, and say how it predicts those of validation scenes."""
    from tasks.training.ratings import opinions, predicts, seen, train_on_ratings

    kind, name = kinds.named(params.kind), params.kind
    if kind.rated is None:
        raise NothingToRate(
            f"{params.judge.name} learns from ratings, and {name} has no corruptions with a known truth to start it with: let it "
            f"start from NIQE's ranking (crop and margin in place of variants in {name}.judge.start), or take another judge"
        )
    section, to = training_of(params.judge.start, judge, f"{name}.judge.start"), device(params)
    variants = section.variants
    if variants is None:
        raise UntoldTraining(
            f"{name}.judge.start.variants is missing: how many corrupted versions of a scene it learns from"
        )
    f0 = loop.models(params).spec(params, loop.first_weights(name))
    rated, subjects = kind.rated, {split: subjects_of(name, split) for split in ("train", "validation")}

    def scenes(split: str) -> Iterator[list[kinds.RatedPicture]]:
        for number, subject in enumerate(subjects[split]):
            seed = step_seed(params.seed, number, f"corruptions/{split}")
            yield rated.examples(subject.sources, f0, variants, seed)

    parts = {split: seen(judge, scenes(split), to) for split in subjects}
    hashes = [sha256 for of_split in subjects.values() for subject in of_split for sha256 in subject.hashes]
    data = "\n".join([*hashes, sha256_file(Path(f0.weights))])
    train_on_ratings(judge, parts["train"], section, params, name=f"judge_start@{name}", data=data, out=out, first=True)
    held_out = predicts(opinions(judge, parts["validation"], to), parts["validation"], judge.criteria)
    tables.write("scores", [], out / "scores.parquet")
    tables.write("pairs", [], out / "dataset" / "pairs.parquet")
    tables.write("labels", [], out / "dataset" / "labels.parquet")
    write_json(out / "summary.json", {"versions": len(parts["train"]), "pairs": 0, "held_out": held_out})
    for what, values in held_out.items():
        words = ", ".join(f"{key.upper()} {value:.3f}" for key, value in values.items() if value is not None)
        print(f"{what}: {words} on {len(parts['validation'])} corrupted versions of validation scenes")


def settle(judge: Settled, shown: Versions, rows: list[dict[str, Any]], params: View) -> list[dict[str, Any]]:
    """Give the judge its scale by its opinions of all versions; returns these as rows of `scores`."""
    to = device(params)
    opinions = opinions_of(judge.to(to).eval(), shown, to)
    try:
        judge.settle(opinions)
    except ValueError as error:
        raise NoOpinion(
            f"the judge of {params.kind}, {params.judge.name}: {error}. The pictures are versions of the training images by "
            f"f0's checkpoints (steps and checkpoints of {params.kind}.start)"
        ) from None
    known = [value if math.isfinite(value) else None for value in opinions]
    name, row_of = (params.judge.name, opinion_row) if judge.metric is None else (judge.metric, score_row)
    return [row_of(row["image"], row["model"], name, value) for row, value in zip(rows, known, strict=True)]


def niqe_rows(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [score_row(row["image"], row["model"], RANKS_FIRST, row[RANKS_FIRST]) for row in rows]


if __name__ == "__main__":
    stage(__doc__, run, PARAMS, {"kind": "of pictures"}, trains=("judge.start",))
