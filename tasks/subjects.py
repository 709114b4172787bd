"""The images that the rounds work on: `loop.task` names their kind, whose dataset is the folder data/KIND."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from tasks import kinds, tables
from tasks.runtime import DATA


@dataclass(frozen=True)
class Subject:
    """One image of the dataset: what a model is given, as files, and the reference where there is one."""

    id: str
    photograph: str
    split: str
    sources: tuple[str, ...]
    hashes: tuple[str, ...]
    reference: str | None


def frame(task: str, data: Path = DATA) -> pd.DataFrame:
    """The dataset's table; id, photograph, split and reference are columns of every task's. Raises `TableError`."""
    name = kinds.named(task).table
    return tables.read(name, data / task / f"{name}.parquet")


def subjects_of(task: str, split: str | None = None) -> list[Subject]:
    """The images of the dataset, or of one split. Raises `TableError`, also where the split has none."""
    found, sources = frame(task), kinds.named(task).sources
    if split is not None and not (found.split == split).any():
        raise tables.TableError(
            f"the dataset {task!r} has no image of split {split!r}; `dvc repro -f {task}` makes it anew"
        )
    return [
        Subject(
            row.id,
            row.photograph,
            row.split,
            tuple(getattr(row, path) for path, _ in sources),
            tuple(getattr(row, sha256) for _, sha256 in sources),
            row.reference if isinstance(row.reference, str) else None,
        )
        for row in tables.rows(found)
        if split in (None, row.split)
    ]
