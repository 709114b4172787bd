"""The cells of a table of votes, column by column: by arrow where every line is whole, else line by line with their numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from labelling.exchange.csv_files import Table, column_name
from labelling.exchange.vote_columns import VoteFileError
from labelling.store import restore
from models.preference.comparisons import Comparisons
from pictures import open_regular

NAMED = 20  # broken lines that are kept with their reason
NOBODY, NOWHERE = "unknown", "unknown"


@dataclass(frozen=True, kw_only=True, eq=False)
class VoteFile:
    """What a file holds. notes: what was assumed and left out; broken: (place, reason) of the first lines that are no vote;
    refused: how many there are.
    """

    layout: str
    comparisons: Comparisons
    notes: tuple[str, ...]
    broken: tuple[tuple[str, str], ...] = ()
    refused: int = 0


@dataclass(frozen=True, eq=False)
class Coded:
    """A column of N cells: the different ones, and which each is."""

    names: tuple[str, ...]
    codes: np.ndarray


@dataclass
class Broken:
    kept: list[tuple[str, str]] = field(default_factory=list)
    count: int = 0

    def add(self, place: str, reason: str) -> None:
        self.count += 1
        if len(self.kept) < NAMED:
            self.kept.append((place, reason))


Columns = Mapping[str, Coded]


class _Lazy(dict[str, Coded]):
    """Columns of an arrow table, made when they are asked for."""

    def __init__(self, table: object) -> None:
        super().__init__()
        self._table = table

    def __missing__(self, name: str) -> Coded:
        import pyarrow as pa

        column = self._table.column(name)  # type: ignore[attr-defined]
        if isinstance(column.type, pa.DictionaryType):
            column = column.cast(column.type.value_type)
        encoded = column.cast(pa.string()).fill_null("").combine_chunks().dictionary_encode()
        encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
        self[name] = _cleaned(encoded.dictionary.to_pylist(), encoded.indices.to_numpy(zero_copy_only=False))
        return self[name]


def _cleaned(words: Sequence[str], codes: np.ndarray) -> Coded:
    """Names in ascending order, without spaces around, as they were before `csv_files.write_rows`."""
    clean = [restore(word.strip()) for word in words]
    names = sorted(set(clean))
    place = {name: number for number, name in enumerate(names)}
    return Coded(tuple(names), np.array([place[word] for word in clean], dtype=np.int64)[codes])


def parquet_cells(path: Path) -> tuple[tuple[str, ...], Columns]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise VoteFileError(f"{path} is no parquet file that can be read ({str(error).splitlines()[0]})") from error
    table = table.rename_columns([column_name(name) for name in table.column_names])
    return tuple(table.column_names), _Lazy(table)


def fast_cells(path: Path, table: Table) -> Columns | None:
    """All cells by arrow; None where a line is broken, or a quote could go over lines: that is for the careful way."""
    import pyarrow as pa
    from pyarrow import csv as arrow

    if not table.encoding.startswith("utf-8") or len(set(table.columns)) < len(table.columns):
        return None
    with open_regular(path) as file:
        text = file.read()
    if b'"' in text and (b' "' in text or any(line.count(b'"') % 2 for line in text.split(b"\n"))):
        return None
    del text
    try:
        return _Lazy(
            arrow.read_csv(
                path,
                read_options=arrow.ReadOptions(
                    column_names=list(table.columns), skip_rows=table.first_line, use_threads=False
                ),
                parse_options=arrow.ParseOptions(delimiter=table.delimiter),
                convert_options=arrow.ConvertOptions(
                    column_types=dict.fromkeys(table.columns, pa.string()), strings_can_be_null=False
                ),
            )
        )
    except pa.ArrowInvalid:
        return None


def careful_cells(table: Table, broken: Broken) -> tuple[Columns, np.ndarray]:
    """All cells line by line, and the number of each line."""
    known: dict[str, dict[str, int]] = {name: {} for name in table.columns}
    codes: dict[str, list[int]] = {name: [] for name in table.columns}
    places = []
    for place, cells in table.rows(broken.add):
        places.append(int(place.removeprefix("line ")))
        for name in table.columns:
            words = known[name]
            codes[name].append(words.setdefault(cells.get(name, ""), len(words)))
    columns = {name: _cleaned(list(known[name]), np.array(codes[name], dtype=np.int64)) for name in table.columns}
    return columns, np.array(places, dtype=np.int64)
