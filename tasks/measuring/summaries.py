"""What the evaluation computes from its tables: preferences, judges' accuracy (Fig. 5, Table 3), global scores (Fig. 4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from models.preference.comparisons import comparisons_of
from models.preference.scaling import scale
from models.preference.votes import WORTH, WinRate, balance, clustered, drawn_means, win_rate


def preference(votes: pd.DataFrame, over: str, model: str, draws: int, seed: int) -> WinRate | None:
    """How often `model` was preferred to `over`, with a bootstrap interval over photographs; None without votes."""
    forward = votes[(votes.first_model == over) & (votes.second_model == model)]
    backward = votes[(votes.first_model == model) & (votes.second_model == over)]
    wins = [
        (WORTH[choice], photo)
        for choice, photo in zip(forward.choice.tolist(), forward.photograph.tolist(), strict=True)
        if choice in WORTH
    ]
    wins += [
        (1 - WORTH[choice], photo)
        for choice, photo in zip(backward.choice.tolist(), backward.photograph.tolist(), strict=True)
        if choice in WORTH
    ]
    if not wins:
        return None
    return win_rate([win for win, _ in wins], [photo for _, photo in wins], draws, seed)


def verdicts(votes: pd.DataFrame) -> pd.DataFrame:
    """The majority of each voted pair: columns image, photograph, first_model, second_model, verdict; balanced pairs dropped."""
    columns = ["image", "photograph", "first_model", "second_model"]
    if votes.empty:
        return pd.DataFrame(columns=[*columns, "verdict"])
    grouped = (
        votes.assign(verdict=balance(votes.choice.tolist())).groupby(columns, sort=True).verdict.sum().reset_index()
    )
    told = grouped[grouped.verdict != 0]
    return told.assign(verdict=np.where(told.verdict > 0, "first", "second"))


def accuracy(judgements: pd.DataFrame, judge: str, known: pd.DataFrame) -> tuple[float, int] | None:
    """Share of the majority verdicts that a judge predicts (Fig. 5), and how many there are; None without verdicts."""
    values = judgements[judgements.judge == judge].set_index(["image", "model"]).value
    scored = set(values.index.get_level_values("model"))
    known = known[known.first_model.isin(scored) & known.second_model.isin(scored)]
    if known.empty:
        return None
    first = values.loc[list(zip(known.image.tolist(), known.first_model.tolist(), strict=True))].to_numpy()
    second = values.loc[list(zip(known.image.tolist(), known.second_model.tolist(), strict=True))].to_numpy()
    said = np.where(first < second, "first", "second")
    return float((said == known.verdict.to_numpy()).mean()), len(known)


def progress_accuracy(judgements: pd.DataFrame, judge: str, before: str, after: str) -> float:
    """Share of images on which a judge scores f(n+1) better than f(n) (Table 3; pseudo labels)."""
    values = judgements[judgements.judge == judge].pivot(index="image", columns="model", values="value")
    return float((values[after] < values[before]).mean())


def global_scores(votes: pd.DataFrame, models: Sequence[str]) -> list[dict[str, Any]]:
    """Scores of all voted models (Fig. 4; `scale`, as of a study), best first; empty without votes."""
    voted = [model for model in models if ((votes.first_model == model) | (votes.second_model == model)).any()]
    if not voted:
        return []
    columns = (votes[name].tolist() for name in ("first_model", "second_model", "choice", "observer", "photograph"))
    compared = comparisons_of(voted, zip(*columns, strict=True))
    if not len(compared):
        return []
    found = scale(compared)
    rows = [
        {
            "model": model, "score": float(found.scores[i]), "error": float(found.errors[i]), "low": float(found.low[i]),
            "high": float(found.high[i]), "from_prior": found.from_prior[i],
        }
        for i, model in enumerate(voted)
    ]  # fmt: skip
    return sorted(rows, key=lambda row: -row["score"])


def mean_scores(scores: pd.DataFrame) -> dict[str, dict[str, float]]:
    """model -> metric -> mean over the validation images that have a value."""
    known = scores.dropna(subset="value")
    return {
        str(model): {str(metric): float(value) for metric, value in part.groupby("metric").value.mean().items()}
        for model, part in known.groupby("model")
    }


def mean_changes(
    scores: pd.DataFrame, photographs: dict[str, str], before: str, after: str, draws: int, seed: int
) -> dict[str, dict[str, Any]]:
    """metric -> mean difference of `after` and `before` over images, its 95 % interval (bootstrap over photographs), the counts.

    photographs: of the images; crops of one are drawn together. Metrics without a value of both on two photographs are left out.
    """
    found = {}
    for metric, part in scores.groupby("metric", sort=True):
        values = part.pivot(index="image", columns="model", values="value")
        if before not in values or after not in values:
            continue
        change = (values[after] - values[before]).dropna()
        sums, sizes = clustered(change.to_numpy(), [photographs[image] for image in change.index])
        if len(sums) < 2:
            continue
        low, high = np.percentile(drawn_means(sums, sizes, draws, seed), [2.5, 97.5])
        found[str(metric)] = {
            "mean": float(change.mean()), "low": float(low), "high": float(high), "images": len(change),
            "photographs": len(sums),
        }  # fmt: skip
    return found


def as_dict(rate: WinRate | None) -> dict[str, Any] | None:
    """A win rate for JSON."""
    if rate is None:
        return None
    return {"rate": rate.rate, "low": rate.low, "high": rate.high, "votes": rate.votes, "photographs": rate.clusters}
