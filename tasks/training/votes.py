"""What was preferred so far, for an aligner that learns from it without a judge: of a round's `judges/ROUND/dataset`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from models.aligners.base import Votes
from models.core.training import step_generator
from tasks.config import View
from tasks.datasets.subjects import subjects_of
from tasks.stage import tables
from tasks.training.image_set import ImageSet, random_crops
from tasks.training.preferred import by_majority, counted, decided, ranked


@dataclass(frozen=True)
class Preferred:
    """Two pictures of an image, (path, sha256) each."""

    image: str
    better: tuple[str, str]
    worse: tuple[str, str]


def preferred(dataset: Path, images: Collection[str], newest: int | None = None) -> list[Preferred]:
    """What a round's judge learnt from, of these images: pairs with a verdict, and those that ratings rank.

    newest: of so many of the last rounds alone.
    """
    found = []
    names = [
        name for name in ("pairs", "labels", "ratings") if name != "ratings" or (dataset / "ratings.parquet").is_file()
    ]
    told = {name: tables.read(name, dataset / f"{name}.parquet") for name in names}
    if newest is not None:
        last = sorted({round for part in told.values() for round in part["round"]})[-newest:]
        told = {name: part[part["round"].isin(last)] for name, part in told.items()}
    pairs, labels = told["pairs"], told["labels"]
    if len(pairs) and len(labels):
        path = dataset / "verdicts.parquet"  # datasets of before had none, and their judges learnt from majorities
        verdicts = tables.read("verdicts", path) if path.is_file() else by_majority(labels)
        for row in tables.rows(decided(pairs, verdicts)):
            found.append(Preferred(row.image, (row.better, row.better_sha256), (row.worse, row.worse_sha256)))
    if "ratings" in told:
        rated = counted(told["ratings"])
        for pair in ranked(rated):
            better, worse = rated[pair.better], rated[pair.worse]
            found.append(Preferred(better.image, (better.path, better.sha256), (worse.path, worse.sha256)))
    return [one for one in found if one.image in images]


def batches_of(found: Sequence[Preferred], params: View) -> Votes | None:
    """Random crops, the same of the sources and of both pictures, by number of batch; None: nothing was preferred yet."""
    if not found:
        return None
    subjects = {subject.id: subject for subject in subjects_of(params.kind)}
    shown = [subjects[one.image] for one in found]
    sides = [[one.better for one in found], [one.worse for one in found]]
    files = [[(one.sources[place], one.hashes[place]) for one in shown] for place in range(len(shown[0].sources))]
    sets = [ImageSet([path for path, _ in one], [sha256 for _, sha256 in one]) for one in (*files, *sides)]

    def batch(index: int) -> tuple[tuple[torch.Tensor, ...], torch.Tensor, torch.Tensor]:
        generator = step_generator(params.seed, index, "votes")
        chosen = torch.randint(len(found), (params.align.batch,), generator=generator).tolist()
        parts = [random_crops([one.tensor(place) for one in sets], params.align.crop, generator) for place in chosen]
        *sources, better, worse = (torch.stack(same) for same in zip(*parts, strict=True))
        return tuple(sources), better, worse

    return batch
