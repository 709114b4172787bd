"""What the report reads: the tables, summaries and training curves of the other stages, gathered in one object."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from models.preference.votes import majority
from pictures import AbsentFile, FileFault, mended, read_text
from pictures import read_json as read_file
from tasks.datasets.subjects import frame
from tasks.pages import rated
from tasks.stage import tables
from tasks.stage.places import Places

Points = list[tuple[float, float]]


class ReportError(ValueError):
    """Something that the report shows is missing or unreadable."""


@dataclass(frozen=True)
class RoundFacts:
    """A round's labels. Gaps are the judge's own units; shares in [0, 1]; None where nothing can be said.

    unanimous: share of the pairs with two votes or more on which all said the same.
    newer_preferred: share of the pairs with a majority that preferred the newer version.
    """

    name: str
    older: str
    newer: str
    pairs: int
    votes: int
    observers: int
    decided: int
    newer_preferred: float | None
    unanimous: float | None
    largest_gap: float | None
    smallest_gap: float | None


@dataclass(frozen=True)
class Curve:
    """One logged value of one kind of training: (round, [(step, value)]) for each round that logged it."""

    stage: str
    metric: str
    segments: list[tuple[str, Points]]


@dataclass(frozen=True)
class Findings:
    """Everything that the page is made of; tables are of the validation split."""

    dataset: dict[str, Any]
    training_images: pd.DataFrame
    images: pd.DataFrame
    enhanced: pd.DataFrame
    scores: pd.DataFrame
    votes: pd.DataFrame
    metrics: dict[str, Any]
    missing: dict[str, str]
    rounds: list[RoundFacts]
    labels: pd.DataFrame
    rated: list[rated.RatingFacts]
    ratings: pd.DataFrame
    curves: list[Curve]

    @property
    def kinds(self) -> list[str]:
        """Who judged, anywhere in this run: 'people', 'simulated', 'llm'."""
        return sorted({kind for table in (self.labels, self.votes, self.ratings) for kind in table.kind.unique()})

    @property
    def observers(self) -> dict[str, int]:
        """Kind -> number of different observers."""
        answers = [table[["kind", "observer"]] for table in (self.labels, self.votes, self.ratings)]
        everybody = pd.concat(answers).drop_duplicates()
        return {str(kind): int(number) for kind, number in everybody.groupby("kind").size().items()}


def gather(at: Places, rounds: Sequence[str]) -> Findings:
    """Read all artifacts of a kind; rounds: the labelled ones, 'r01' on. Raises `ReportError` or `TableError`."""
    images = frame(at.kind, at.data)
    asked = {name: "ratings" if rated.path_of(at, name).is_file() else "labels" for name in rounds}
    labels = {name: tables.read(table, at.labels(name) / f"{table}.parquet") for name, table in asked.items()}
    compared = [name for name in rounds if asked[name] == "labels"]
    return Findings(
        dataset=read_json(at.pictures / "summary.json"),
        training_images=images[images.split == "train"],
        images=images[images.split == "validation"],
        enhanced=tables.read("enhanced", at.evaluate / "enhanced.parquet"),
        scores=tables.read("scores", at.evaluate / "scores.parquet"),
        votes=tables.read("votes", at.evaluate / "votes.parquet"),
        metrics=read_json(at.evaluate / "metrics.json"),
        missing=read_json(at.evaluate / "missing.json"),
        rounds=[
            round_facts(name, tables.read("pairs", at.questions(name) / "pairs.parquet"), labels[name])
            for name in compared
        ],
        labels=_together("labels", [labels[name] for name in compared]),
        rated=[
            rated.facts(name, labels[name], read_json(at.labels(name) / "summary.json"))
            for name in rounds
            if name not in compared
        ],
        ratings=_together("ratings", [labels[name] for name in rounds if name not in compared]),
        curves=[
            *curves("start", [("", at.start)]),
            *curves("judge", [(name, at.judge(name)) for name in ("r00", *rounds)]),
            *curves("align", [(name, at.model(name)) for name in ("r00", *rounds)]),
        ],
    )


def _together(table: str, parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The rows of all rounds; a table without rows where there are none."""
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=tables.table(table).schema.names)


def round_facts(name: str, pairs: pd.DataFrame, labels: pd.DataFrame) -> RoundFacts:
    """Count a round's votes; `second` of a pair is the newer version."""
    by_key: dict[str, list[str]] = {}
    for key, choice in zip(labels.key, labels.choice, strict=True):
        by_key.setdefault(key, []).append(choice)
    verdicts = [verdict for verdict in map(majority, by_key.values()) if verdict]
    several = [choices for choices in by_key.values() if len(choices) > 1]
    gaps = pairs.gap.abs()
    return RoundFacts(
        name=name,
        older=str(pairs.first_model.iloc[0]) if len(pairs) else "",
        newer=str(pairs.second_model.iloc[0]) if len(pairs) else "",
        pairs=len(pairs),
        votes=len(labels),
        observers=labels.observer.nunique(),
        decided=len(verdicts),
        newer_preferred=_mean([verdict == "second" for verdict in verdicts]),
        unanimous=_mean([len(set(choices)) == 1 for choices in several]),
        largest_gap=float(gaps.max()) if len(gaps) else None,
        smallest_gap=float(gaps.min()) if len(gaps) else None,
    )


def curves(stage: str, folders: Sequence[tuple[str, Path]]) -> list[Curve]:
    """The DVCLive curves of a kind of training, one a metric, total loss first."""
    found: dict[str, list[tuple[str, Points]]] = {}
    for name, folder in folders:
        for file in sorted((folder / "live" / "plots" / "metrics").glob("*.tsv")):
            points = read_curve(file)
            if points:
                found.setdefault(file.stem, []).append((name, points))
    return [Curve(stage, metric, found[metric]) for metric in sorted(found, key=lambda name: (name != "loss", name))]


def read_curve(path: Path) -> Points:
    """The finite (step, value) rows of a DVCLive file. Raises `ReportError` for a file of another form."""
    points = []
    try:
        for row in csv.DictReader(io.StringIO(read_text(path), newline=""), delimiter="\t"):
            step, value = float(row["step"]), float(row[path.stem])
            if math.isfinite(value):
                points.append((step, value))
    except FileFault as error:
        raise ReportError(f"{error}; {mended(path)}") from error
    except (KeyError, TypeError, ValueError, csv.Error):
        raise ReportError(f"{path} is no training curve (columns step and {path.stem}); {mended(path)}") from None
    return points


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object. Raises `ReportError` naming the file when it is absent or unreadable."""
    try:
        value = read_file(path)
    except AbsentFile:
        raise ReportError(f"{path} is missing; `dvc repro` makes it") from None
    except FileFault as error:
        raise ReportError(f"{error}; {mended(path)}") from error
    if not isinstance(value, dict):
        raise ReportError(f"{path} must hold a JSON object; {mended(path)}")
    return value


def _mean(values: Sequence[bool]) -> float | None:
    return sum(values) / len(values) if values else None
