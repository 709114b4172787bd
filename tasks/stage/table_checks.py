"""What the cells of a table may say, checked whole columns at a time: names, splits, paths, hashes, numbers, repeated keys."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import pandas as pd

SPLITS = ("train", "validation")
CHOICES = ("first", "second", "tie", "unsure")
_SHA256 = r"[0-9a-f]{64}"
# One part of a path, as a name for files: no separator, no control character, of at most 200 characters; and neither . nor ..,
# which is looked for apart: what looks ahead would be matched a cell at a time, and not a column.
_PART = r"[^/\\\x00-\x1f\x7f]{1,200}"
# From the folder of a table, two levels below data/ at least: what it names lies under data/.
_UP = r"^(?:\.\./){0,2}"
_PATH = rf"{_PART}(?:/{_PART})*"
_DOTS = r"(?:^|/)\.{1,2}(?:/|$)"

Fault = Callable[[Any], Any]
"""A column's cells, those that are there -> a column of bool: which of them are wrong."""


def _unlike(pattern: str) -> Fault:
    return lambda cells: ~cells.astype(str).str.fullmatch(pattern)


def _no_name(cells: Any) -> Any:
    return _unlike(_PART)(cells) | cells.astype(str).isin((".", ".."))


def _no_place(cells: Any) -> Any:
    inside = cells.astype(str).str.replace(_UP, "", n=1, regex=True)
    return _unlike(_PATH)(inside) | inside.str.contains(_DOTS, regex=True)


def _outside(allowed: tuple[object, ...]) -> Fault:
    return lambda cells: ~cells.isin(allowed)


_NAME = (_no_name, "should be a name for a file: without '/', '\\', '..' and control characters, not empty")
_PLACE = (_no_place, "should be a path from the folder of the table: relative, with '/', at most two levels up")
_HASH = (_unlike(_SHA256), "should be a sha256: 64 hexadecimal digits")
_SPLIT = (_outside(SPLITS), f"should be {' or '.join(SPLITS)}")
_SIDE = (lambda cells: ~cells.between(1, 10**6), "should be from 1 to 1,000,000")
_FINITE = (lambda cells: cells.abs() == float("inf"), "should be finite")

# What a column says does not depend on the table it stands in.
COLUMNS: dict[str, tuple[Fault, str]] = {
    **dict.fromkeys(("id", "image", "model", "first_model", "second_model"), _NAME),
    "split": _SPLIT,
    "choice": (_outside(CHOICES), f"should be one of {', '.join(CHOICES)}"),
    "again": (_outside(CHOICES), f"should be one of {', '.join(CHOICES)}"),
    **dict.fromkeys(("left", "preferred"), (_outside(CHOICES[:2]), f"should be {' or '.join(CHOICES[:2])}")),
    "weight": (lambda cells: ~cells.between(0, 1), "should be from 0 to 1"),
    **dict.fromkeys(("width", "height"), _SIDE),
    **dict.fromkeys(("individual", "rank", "step", "epoch"), (lambda cells: cells < 0, "should not be negative")),
    "chosen": (_outside((0, 1)), "should be 0 or 1"),
    **dict.fromkeys(("gap", "brightness", "contrast", "gamma"), _FINITE),
}


def fault_of(frame: pd.DataFrame, key: tuple[str, ...], paths: Collection[str] = ()) -> str | None:
    """The first thing that is wrong with a table's cells, with row (from 0) and column; None where nothing is.

    paths: the columns that name files; those called `sha256`, or `..._sha256`, hold hashes.
    """
    for column in frame.columns:
        check = _PLACE if column in paths else _HASH if column.endswith("sha256") else COLUMNS.get(column)
        if check is None:
            continue
        wrong, told = check
        cells = frame[column].dropna()
        bad = cells[wrong(cells)] if len(cells) else cells
        if len(bad):
            return f"row {bad.index[0]}, column {column!r}: {str(bad.iloc[0])[:80]!r} {told}{_more(len(bad))}"
    repeated = frame[frame.duplicated(list(key))]
    if len(repeated):
        row = {column: repeated[column].iloc[0] for column in key}
        return f"row {repeated.index[0]} repeats the key {row}{_more(len(repeated))}"
    return None


def _more(count: int) -> str:
    return f" (and {count - 1} rows more)" if count > 1 else ""
