"""What the votes allow to say beside the share: who agrees, what each kind of observer alone says, which pictures got worse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from models.preference.agreement import krippendorff_alpha, pairwise_agreement
from models.preference.votes import WORTH, win_rate
from tasks.pages.data import read_json
from tasks.pages.pictures import jpeg
from tasks.stage.places import Places

if TYPE_CHECKING:
    from tasks.pages.sections import Run

SIDE, QUALITY = 300, 80
DRAWS = 2000
# Of Krippendorff's alpha; he asks for 0.8, and 0.667 for tentative conclusions. Tastes differ more than facts do.
FIRM, TENTATIVE = 0.8, 0.667


def agreement(votes: pd.DataFrame, unit: Sequence[str]) -> dict[str, Any] | None:
    """How far observers agree on the units of a table of votes: alpha, share of equal answers; None where none was asked twice.

    unit: the columns that name what was asked. Ties are a third answer.
    """
    told = votes[votes.choice.isin(list(WORTH))]
    if told.empty:
        return None
    counts = told.groupby([*unit, "choice"]).size().unstack("choice", fill_value=0).to_numpy()
    several = counts.sum(1) > 1
    if not several.any():
        return None
    alpha = krippendorff_alpha(counts)
    return {
        "alpha": alpha.value,
        "reason": alpha.reason,
        "equal": pairwise_agreement(counts),
        "units": int(several.sum()),
        "says": None if alpha.value is None else in_words(alpha.value),
    }


def in_words(alpha: float) -> str:
    if alpha >= FIRM:
        return "the panel is of one mind"
    if alpha >= TENTATIVE:
        return "the panel mostly agrees"
    if alpha > 0.2:
        return "they often differ, by taste or because pictures are close: what holds for the panel need not hold for one of them"
    if alpha > -0.05:
        return "they agree hardly more than by chance: the pictures are close, or tastes differ"
    return "they disagree more than chance does: there may be two tastes"


def by_kind(labels: pd.DataFrame, rounds: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What each kind of observer alone would have said of every round: the share of its votes for the newer version.

    labels: of all rounds; rounds: name, older, newer. Empty where all votes are of one kind. Intervals: bootstrap over images.
    """
    told = labels[labels.choice.isin(list(WORTH))]
    kinds = sorted(set(told.kind))
    if len(kinds) < 2:
        return []
    found = []
    for one in rounds:
        for kind in kinds:
            part = told[(told["round"] == one["name"]) & (told.kind == kind)]
            if len(part):
                rate = win_rate([WORTH[choice] for choice in part.choice], list(part.image), DRAWS)
                found.append(
                    dict(one)
                    | {"kind": kind, "rate": rate.rate, "low": rate.low, "high": rate.high, "votes": rate.votes}
                )
    return found


def worst(votes: pd.DataFrame, before: str, after: str) -> list[dict[str, Any]]:
    """Images by the share of votes for `after` against `before`, fewest first: image, share, votes; a tie counts half."""
    shares: dict[str, list[float]] = {}
    sides = {(before, after): WORTH, (after, before): {choice: 1 - worth for choice, worth in WORTH.items()}}
    columns = (votes[name].tolist() for name in ("first_model", "second_model", "choice", "image"))
    for first, second, choice, image in zip(*columns, strict=True):
        worth = sides.get((first, second), {}).get(choice)
        if worth is not None:
            shares.setdefault(image, []).append(worth)
    rows = [{"image": image, "share": float(np.mean(found)), "votes": len(found)} for image, found in shares.items()]
    return sorted(rows, key=lambda row: (row["share"], -row["votes"], row["image"]))


def strips(
    rows: Sequence[Mapping[str, Any]], enhanced: pd.DataFrame, models: Sequence[str], wanted: int
) -> list[dict[str, Any]]:
    """Those of the rows of `worst` that got worse (under half of the votes), with the pictures of `models` as data URIs.

    enhanced: the table of that name, of the validation split.
    """
    paths = {(row.image, row.model): str(row.path) for row in enhanced.itertuples(index=False)}
    return [
        dict(row)
        | {
            "views": [
                (model, jpeg(paths[row["image"], model], SIDE, QUALITY)[0])
                for model in models
                if (row["image"], model) in paths
            ]
        }
        for row in islice((row for row in rows if row["share"] < 0.5), wanted)
    ]


def section(run: Run, at: Places) -> dict[str, Any]:
    """Which pictures got worse, worst first; who agrees; what each kind of observer alone would have said."""
    found = run.found
    observers = at.judge(("r00", *run.params.rounds)[-1]) / "dataset" / "observers.json"
    told = read_json(observers) if observers.is_file() else {}
    rows = worst(found.votes, "f0", run.last)
    asked = {
        "validation pictures": agreement(found.votes, ("image", "first_model", "second_model")),
        "pairs of the rounds": agreement(found.labels, ("round", "key")),
    }
    rounds = [{"name": one.name, "older": one.older, "newer": one.newer} for one in found.rounds]
    return {
        "compared": len(rows),
        "worse": sum(row["share"] < 0.5 for row in rows),
        "even": sum(row["share"] == 0.5 for row in rows),
        "fewest": min((row["votes"] for row in rows), default=0),
        "strips": strips(rows, found.enhanced, ["input", "f0", run.last], run.params.report.photos),
        "agreement": [(name, row) for name, row in asked.items() if row],
        "by_kind": by_kind(found.labels, rounds),
        "tastes": observers.as_posix() if told.get("tastes") else None,
    }
