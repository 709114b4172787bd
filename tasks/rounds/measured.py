"""The evaluation's pictures: every model on every validation image, written and measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pictures import write_png
from tasks import kinds
from tasks.config import View
from tasks.datasets.subjects import Subject
from tasks.measuring.scoring import score_files
from tasks.rounds import loop
from tasks.rounds.ablation import VARIANTS
from tasks.stage.places import MODEL, Places
from tasks.stage.rows import enhanced_row


@dataclass(frozen=True)
class Job:
    """One validation image, to be put through every model and measured."""

    subject: Subject
    kind: str
    models: tuple[tuple[str, kinds.Spec], ...]
    metrics: tuple[str, ...]
    folder: str


def measure(job: Job) -> list[dict[str, Any]]:
    """Put an image through every model, write the pictures, measure them and what there is without a model ("input")."""
    subject, rows = job.subject, []

    def add(model: str, picture: np.ndarray) -> None:
        file = f"{model}/{subject.id}.png"
        write_png(Path(job.folder) / file, picture)
        row = enhanced_row(subject.id, subject.split, model, file, Path(job.folder))
        rows.append({**row, "scores": score_files(job.metrics, picture, subject.reference, subject.sources)})

    own = kinds.named(job.kind).models
    add("input", own.untouched(subject.sources))
    for model, spec in job.models:
        add(model, own.apply(own.opened(spec), subject.sources))
    return rows


def model_weights(params: View) -> dict[str, Path]:
    """Name -> weights of every model there is: f0, f1, ..., and the ablations."""
    found = {"f0": loop.first_weights(params.kind)}
    for number, name in enumerate(("r00", *params.rounds), start=1):
        found[f"f{number}"] = loop.weights_of(params.kind, name)
    for variant in VARIANTS:
        found[variant] = Places(params.kind).ablation(variant) / MODEL
    return found
