"""The images that the rounds work on: the dataset of a kind, data/KIND/pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from tasks import kinds
from tasks.stage import tables
from tasks.stage.places import DATA, Places


@dataclass(frozen=True)
class Subject:
    """One image of the dataset: what a model is given, as files, and the reference where there is one."""

    id: str
    photograph: str
    split: str
    sources: tuple[str, ...]
    hashes: tuple[str, ...]
    reference: str | None


def frame(kind: str, data: Path = DATA) -> pd.DataFrame:
    """The dataset's table; id, photograph, split and reference are columns of every kind's. Raises `TableError`."""
    name = kinds.named(kind).table
    return tables.read(name, Places(kind, data).pictures / f"{name}.parquet")


def subjects_of(kind: str, split: str | None = None) -> list[Subject]:
    """The images of the dataset, or of one split. Raises `TableError`, also where the split has none."""
    found, sources = frame(kind), kinds.named(kind).sources
    if split is not None and not (found.split == split).any():
        raise tables.TableError(
            f"the dataset of {kind!r} has no image of split {split!r}; `dvc repro -f -s pictures@{kind}` makes it anew"
        )
    if split is not None:
        found = found[found.split == split]
    cells = {name: found[name].tolist() for name in found}  # iterating over a column of text takes five times as long
    paths, hashes = (zip(*(cells[pair[part]] for pair in sources), strict=True) for part in (0, 1))
    columns = zip(
        *(cells[name] for name in ("id", "photograph", "split")), paths, hashes, cells["reference"], strict=True
    )
    return [
        Subject(name, photograph, side, files, hashed, reference if isinstance(reference, str) else None)
        for name, photograph, side, files, hashed, reference in columns
    ]
