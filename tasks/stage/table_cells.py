"""Rows and data frames as pyarrow's columns, some rows at a time, and whether a key repeats: of a million rows in seconds."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from numbers import Integral
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

ROWS = 1 << 16
"""That are Python objects at a time while a table is written, or its rows are gone through."""


class TableError(ValueError):
    """A table on disk or about to be written does not fit its schema."""


def columns_of(
    rows: Iterable[Mapping[str, Any]] | pd.DataFrame, names: Sequence[str], later: Collection[str], where: str
) -> Iterator[dict[str, list[Any]]]:
    """The cells by column, of some rows at a time; those of `later` may be missing, and are then empty. Raises `TableError`."""
    if isinstance(rows, pd.DataFrame):
        if len(rows):
            _refuse_others(rows.columns, names, later, where)
        for start in range(0, len(rows), ROWS):
            part = rows.iloc[start : start + ROWS]
            yield {name: part[name].tolist() if name in part else [None] * len(part) for name in names}
        return
    wanted, remaining = set(names), iter(rows)
    while piece := list(islice(remaining, ROWS)):
        for row in piece:
            if row.keys() != wanted:
                _refuse_others(row, names, later, where)
        yield {name: [row.get(name) if name in later else row[name] for row in piece] for name in names}


def _refuse_others(found: Iterable[Any], names: Collection[str], later: Collection[str], where: str) -> None:
    odd = sorted(str(column) for column in set(found) ^ set(names) if column not in later)
    if odd:
        raise TableError(f"{where}: columns {odd} are missing or unknown")


def arrays_of(columns: Mapping[str, list[Any]], schema: pa.Schema, where: str) -> pa.Table:
    """A table of these cells. Raises `TableError`, and pyarrow's own errors, for cells of another type."""
    arrays = []
    for field in schema:
        cells = columns[field.name]
        if pa.types.is_integer(field.type):  # pyarrow would cut it off
            odd = next((cell for cell in cells if not isinstance(cell, Integral | None) and not _is_nan(cell)), None)
            if odd is not None:
                raise TableError(f"{where}: {field.name} is {odd!r}, not a whole number")
        # pandas keeps empty cells as NaN; a table keeps them as null. Within a list NaN is a number.
        if pa.types.is_list(field.type):
            arrays.append(pa.array([None if _is_nan(cell) else cell for cell in cells], field.type))
        else:
            arrays.append(pa.array(cells, field.type, from_pandas=True))
    return pa.Table.from_arrays(arrays, schema=schema)


def repeated(data: pa.Table, key: Sequence[str]) -> int | None:
    """The first row of a sorted table whose key is that of the row after it."""
    same: Any = None
    for name in key:
        column = data.column(name)
        equal = pc.equal(column.slice(0, max(len(column) - 1, 0)), column.slice(1))
        same = equal if same is None else pc.and_(same, equal)
    place = pc.index(same, True).as_py()
    return None if place < 0 else place


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)
