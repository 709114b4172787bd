"""How a judge learns from ratings: scores and circles of single pictures, of all rounds so far."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from models.artifacts import heatmap
from models.judges.base import HIGHEST, Judge, RatedJudge
from pictures import read_uint8, sha256_file, write_png
from tasks.config import View
from tasks.datasets.subjects import Subject, subjects_of
from tasks.kinds.base import RatedPicture
from tasks.stage import tables
from tasks.stage.places import MODEL, Places, previous
from tasks.stage.runtime import device
from tasks.training.judges import keep, train_on_pairs, training_of, versions
from tasks.training.preferred import Rated, counted, ranked
from tasks.training.ratings import Examples, opinions, predicts, seen, train_on_ratings


class NoRatings(ValueError):
    """Nothing that was said of the pictures counts."""


def pictures(rated: Sequence[Rated], subjects: dict[str, Subject]) -> Iterator[list[RatedPicture]]:
    """The rated pictures, which are sorted by image, image by image, with the mean of what was marked as heatmap."""
    for image, group in groupby(rated, key=lambda one: one.image):
        sources = tuple(read_uint8(path).astype(np.float32) / 255 for path in subjects[image].sources)
        versions_of = []
        for one in group:
            picture = read_uint8(one.path).astype(np.float32) / 255
            maps = [heatmap(disks, *picture.shape[:2]) for disks in one.circles]
            versions_of.append(RatedPicture(picture, sources, one.scores, np.mean(np.stack(maps), axis=0)))
        yield versions_of


def examples(judge: RatedJudge, rated: Sequence[Rated], kind: str, to: str = "cpu") -> Examples:
    """The ratings, which are sorted by image, as the judge sees them."""
    subjects = {subject.id: subject for subject in subjects_of(kind)}
    return seen(judge, pictures(rated, subjects), to).weighed([one.weight for one in rated])


def learn_from(ratings: pd.DataFrame, judge: Judge, params: View, round: str) -> dict[str, Any]:
    """Train the judge on what counts and write it to data/KIND/judges/ROUND; returns its summary. Raises `NoRatings`."""
    at, name = Places(params.kind), f"judge@{params.kind}-{round}"
    rated = counted(ratings)
    if not rated:
        raise NoRatings(f"none of the ratings so far counts; rate more ({params.kind}.labels.ratings)")
    out, newest = at.judge(round), ratings[ratings["round"] == round]
    summary: dict[str, Any] = {"pictures": len(rated), "pictures_this_round": len(counted(newest))}
    told = [f"{one.sha256} {sorted(one.scores.items())} {one.circles} {one.weight}" for one in rated]
    data = "\n".join(told) + sha256_file(at.judge(previous(round)) / MODEL)
    if judge.learns is None:
        keep(judge, out)
        return summary
    section = training_of(params.judge.rounds, judge, f"{params.kind}.judge.rounds")
    if isinstance(judge, RatedJudge):
        to = device(params)
        learnt = set(ratings[ratings["round"] != round]["item"])
        fresh = [one for one in counted(newest) if one.sha256 not in learnt]
        if fresh:
            summary["predicted"] = foretold(judge, fresh, params.kind, round, out / "dataset", to)
        train_on_ratings(judge, examples(judge, rated, params.kind, to), section, params, name=name, data=data, out=out)
        return summary
    pairs = ranked(rated)
    if not pairs:
        raise NoRatings("no two pictures of an image have different ratings, so there is no pair to learn from")
    shown = versions(
        judge, params.kind, [one.image for one in rated], [one.path for one in rated], [one.sha256 for one in rated]
    )
    train_on_pairs(judge, shown, pairs, section, params, name=name, purpose=f"ranker@{round}", data=data, out=out)
    return summary | {"pairs": len(pairs)}


def foretold(judge: RatedJudge, rated: Sequence[Rated], kind: str, round: str, folder: Path, to: str) -> dict[str, Any]:
    """What the judge before says of pictures that it never learnt from: opinions.parquet and heatmaps/ in `folder`.

    Returns how well it predicts what was said of them, as `tasks.training.ratings.predicts`.
    """
    known = examples(judge, rated, kind, to)
    said = opinions(judge, known, to)
    rows = []
    for place, one in enumerate(rated):
        rows.append(
            {
                "round": round,
                "image": one.image,
                "item": one.sha256,
                "criteria": list(judge.criteria) if said.scores.shape[1] else [],
                "scores": [HIGHEST * float(value) for value in said.scores[place]],
                "given": [float(one.scores[name]) for name in judge.criteria] if said.scores.shape[1] else [],
                "circles": [
                    value for disks in one.circles for disk in disks for value in (disk.x, disk.y, disk.radius)
                ],
            }
        )
        if said.heatmap is not None:
            shown = np.repeat(said.heatmap[place, 0].numpy()[..., None], 3, 2)
            write_png(folder / "heatmaps" / f"{one.sha256}.png", shown)
    tables.write("opinions", rows, folder / "opinions.parquet")
    return predicts(said, known, judge.criteria)
