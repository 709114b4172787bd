"""The evaluation on pictures of another character (`kinds.Elsewhere`): every f(n), measured, and voted on where that can be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from pictures import fresh_folder, write_json
from tasks import kinds
from tasks.config import View
from tasks.datasets.subjects import Subject
from tasks.measuring import summaries
from tasks.measuring.rows import score_row
from tasks.rounds.measured import Job, measure
from tasks.rounds.voted import simulated_votes
from tasks.stage import tables
from tasks.stage.mapping import map_images
from tasks.stage.places import Places
from tasks.stage.runtime import workers

FOLDER, SUMMARY = "elsewhere", "summary.json"


def evaluate_elsewhere(params: View, models: tuple[tuple[str, kinds.Spec], ...], metrics: tuple[str, ...]) -> None:
    """Write data/KIND/evaluate/elsewhere: pictures/GROUP, outputs/GROUP, GROUP.parquet (as `enhanced`) and summary.json.

    models: f0 to the last, by name. The summary has of each group its images (id, photograph, path of the reference or None),
    the mean scores and how often each model is preferred to f0, for simulated observers who can judge there; {}: no pictures are
    asked for. Raises `ImageError` as the kind's `subjects` does.
    """
    ours = kinds.named(params.kind).elsewhere
    with fresh_folder(Places(params.kind).evaluate / FOLDER) as folder:
        groups = {} if ours is None else ours.subjects(params, folder / "pictures")
        summary = {name: _group(name, group, params, models, metrics, folder) for name, group in groups.items()}
        write_json(folder / SUMMARY, summary)


def _group(
    name: str,
    subjects: list[Subject],
    params: View,
    models: tuple[tuple[str, kinds.Spec], ...],
    metrics: tuple[str, ...],
    folder: Path,
) -> dict[str, Any]:
    place = f"outputs/{name}"
    jobs = [Job(one, params.kind, models, metrics, str(folder / place)) for one in subjects]
    found = [row for rows in map_images(measure, jobs, workers(params), f"{FOLDER}: {name}") for row in rows]
    photographs = {one.id: one.photograph for one in subjects}
    outputs = pd.DataFrame([{**row, "photograph": photographs[row["image"]]} for row in found])
    made = outputs.assign(path=[f"{place}/{path}" for path in outputs.path])
    tables.write("enhanced", made[["image", "split", "model", "path", "sha256"]], folder / f"{name}.parquet")
    measured = {(row["image"], row["model"]): row["scores"] for row in found}
    scores = pd.DataFrame(
        [score_row(*of, metric, values[metric]) for of, values in measured.items() for metric in params.evaluate.metrics
         if metric in values]
    )  # fmt: skip
    return {
        "images": [
            {"id": one.id, "photograph": one.photograph, "reference": _within(one.reference, folder)}
            for one in subjects
        ],
        "scores": summaries.mean_scores(scores),
        "preference_over_f0": _preferences(outputs, measured, [name for name, _ in models], params),
    }


def _preferences(
    outputs: pd.DataFrame, measured: dict[tuple[str, str], dict[str, float | None]], models: list[str], params: View
) -> dict[str, Any]:
    """Of simulated observers, where what they go by can be measured on every picture; {} otherwise."""
    asked = params.labels.simulated.utility if params.labels.source == "simulated" else {}
    if not asked or any(values[name] is None for values in measured.values() for name in asked):
        return {}
    votes = pd.DataFrame(simulated_votes(outputs, measured, params))
    draws, seed = params.evaluate.bootstrap, params.seed
    found = {model: summaries.preference(votes, "f0", model, draws, seed) for model in models if model != "f0"}
    return {model: summaries.as_dict(rate) for model, rate in found.items() if rate is not None}


def _within(path: str | None, folder: Path) -> str | None:
    return None if path is None else Path(path).relative_to(folder).as_posix()
