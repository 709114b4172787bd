"""What was preferred: verdicts on pairs by majority, what counts of ratings, and the pairs of one image that they rank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from models.artifacts import Disk, disks_of
from models.preference.votes import balance
from tasks.stage import tables
from tasks.training.judges import RankedPair

SIDES, SIDES_SHA256 = ("better", "worse"), ("better_sha256", "worse_sha256")
"""Columns of decided pairs: the two pictures, and their hashes."""


@dataclass(frozen=True)
class Rated:
    """A picture and what counts of what was said of it: mean scores of 1 to 5 by criterion, all circles, and its weight."""

    image: str
    path: str
    sha256: str
    scores: dict[str, float]
    circles: tuple[tuple[Disk, ...], ...]
    weight: float


def by_majority(labels: pd.DataFrame) -> pd.DataFrame:
    """Verdicts on the pairs that are decidable and have a majority: round, key, preferred (first or second), weight 1."""
    labels = labels[~labels.undecidable.astype(bool)]
    told = (
        labels.assign(balance=balance(list(labels.choice)))
        .groupby(["round", "key"], sort=False)
        .balance.sum()
        .reset_index()
    )
    told = told[told.balance != 0].reset_index(drop=True)
    preferred = pd.Series(np.where(told.balance > 0, "first", "second"), dtype=str)
    return told[["round", "key"]].assign(preferred=preferred, weight=1.0)


def decided(pairs: pd.DataFrame, verdicts: pd.DataFrame) -> pd.DataFrame:
    """The pairs that have a verdict: round, key, preferred, weight (see `by_majority`).

    They have the columns better and worse (paths), better_sha256 and worse_sha256 besides.
    """
    known = pairs.merge(verdicts, on=["round", "key"], validate="many_to_one")
    first = known.preferred == "first"
    return known.assign(
        better=known["first"].where(first, known["second"]),
        worse=known["second"].where(first, known["first"]),
        better_sha256=known.first_sha256.where(first, known.second_sha256),
        worse_sha256=known.second_sha256.where(first, known.first_sha256),
    ).reset_index(drop=True)


def counted(ratings: pd.DataFrame) -> list[Rated]:
    """What counts of each picture, by image and hash: means weighed as the rows are, of the criteria that all of them scored.

    The weight of a picture is the largest of them; a picture that was rated in several rounds is one.
    """
    found = []
    for (image, item), group in ratings[ratings.weight > 0].groupby(["image", "item"], sort=True):
        rows = list(tables.rows(group))
        weights = np.array([row.weight for row in rows])
        given = [dict(zip(row.criteria, map(float, row.scores), strict=True)) for row in rows]
        shared = sorted(set(given[0]).intersection(*given[1:]))
        scores = {name: float(np.average([one[name] for one in given], weights=weights)) for name in shared}
        circles = tuple(tuple(disks_of(row.circles)) for row in rows)
        found.append(Rated(str(image), rows[0].path, str(item), scores, circles, float(weights.max())))
    return found


def ranked(rated: Sequence[Rated]) -> list[RankedPair]:
    """The pairs of pictures of one image whose mean scores differ, by their places in `rated`."""
    means = [float(np.mean(list(one.scores.values()))) for one in rated]
    return [
        RankedPair(first, second) if means[first] > means[second] else RankedPair(second, first)
        for first, second in combinations(range(len(rated)), 2)
        if rated[first].image == rated[second].image and means[first] != means[second]
    ]
