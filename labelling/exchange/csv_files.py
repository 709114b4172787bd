"""CSV files: written so that no spreadsheet runs what is in them, read as spreadsheets of any country save them."""

from __future__ import annotations

import codecs
import csv
import io
import json
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from labelling.store import neutralise, restore
from pictures import FileFault, atomic_path, open_regular

DELIMITERS = ",;\t|"
_MAX_LINE = 1 << 20  # characters
_MAX_RECORD = 200  # lines that one quoted cell may go over
_NO_TEXT = re.compile("[\udc80-\udcff]")  # what surrogateescape makes of bytes that cannot be decoded
_HEAD = 4096  # bytes by which the kind of file is told
_MAX_FILE = 2_000_000_000  # bytes: some ten million votes


class CsvError(ValueError):
    """A file is no CSV that can be read, or cannot be written; the message names it."""


# Out


def write_rows(rows: Iterable[Sequence[Any]], path: Path) -> None:
    """Write rows as CSV in UTF-8, whole or not at all; lists and mappings as JSON, texts as formulas.neutralise.

    Raises OSError.
    """
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([_written(value) for value in row] for row in rows)


def _written(value: Any) -> Any:
    if isinstance(value, list | dict):
        value = json.dumps(value, ensure_ascii=False)
    return neutralise(value) if isinstance(value, str) else value


# In


@dataclass(frozen=True)
class Table:
    """A CSV that was opened. columns: its header, as `column_name`; `notes`: what was assumed; the rows are read once."""

    path: Path
    columns: tuple[str, ...]
    notes: tuple[str, ...]
    encoding: str
    delimiter: str
    first_line: int

    def rows(self, broken: Callable[[str, str], object]) -> Iterator[tuple[str, dict[str, str]]]:
        """(place, column -> cell) of the rows that are not blank, one at a time; cells without spaces around.

        `broken` is told place and reason of lines that are no row; reading goes on behind them.
        """
        with _opened(self.path, self.encoding) as file:
            lines = _Lines(file, self.encoding)
            for _ in range(self.first_line):
                lines.next()
            while (line := lines.next()) is not None:
                place = f"line {lines.number}"
                cells, reason = _record(line, lines, self.delimiter, len(self.columns))
                if reason:
                    broken(place, reason)
                elif any(cells):
                    yield place, dict(zip(self.columns, cells, strict=False))


def open_table(path: Path, known: Collection[str]) -> Table:
    """Find out how a CSV is written: encoding, delimiter, header. `known`: names of columns that may be expected.

    UTF-8 or UTF-16 (a byte order mark says which), else Windows-1252, as older Excel saves in Western Europe. The delimiter
    is what a first line `sep=;` says, else the one of , ; tab | that makes the most known columns of the header.
    Raises CsvError.
    """
    encoding, notes = _encoding(path)
    with _opened(path, encoding) as file:
        lines = _Lines(file, encoding)
        head = lines.next() or ""
        said = head.strip().strip('"')
        delimiters = DELIMITERS
        if said[:4].lower() == "sep=" and len(set(said[4:])) <= 1:
            delimiters = head.strip('\r\n"')[4:5] or DELIMITERS
            head = lines.next() or ""
        while head and not head.strip():
            head = lines.next() or ""
        number = lines.number
    found = [(delimiter, _header(head, delimiter)) for delimiter in delimiters]
    delimiter, columns = max(found, key=lambda each: (len(set(each[1]) & set(known)), len(each[1])))
    twice = sorted({name for name in columns if name in known and columns.count(name) > 1})
    if twice:
        raise CsvError(f"{path} has two columns {twice[0]}; take one out")
    return Table(path, columns, notes, encoding, delimiter, number)


def column_name(cell: str) -> str:
    """A cell of a header as a column is called: lower case, words joined by underscores."""
    return "_".join(cell.casefold().replace("_", " ").replace("-", " ").split())


def _header(line: str, delimiter: str) -> tuple[str, ...]:
    try:
        rows = list(csv.reader([line], delimiter=delimiter, skipinitialspace=True))
    except csv.Error:
        return ()
    return tuple(column_name(cell) for cell in (rows[0] if rows else ()))


def _encoding(path: Path) -> tuple[str, tuple[str, ...]]:
    """Encoding, and notes. Goes through the whole file: it is UTF-8 unless what is not ASCII in it never is."""
    try:
        with open_regular(path) as file:
            if os.fstat(file.fileno()).st_size > _MAX_FILE:
                raise CsvError(f"{path} is larger than {_MAX_FILE / 1e9:g} GB, too large for a file of votes; split it")
            head = file.read(_HEAD)
            if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                return "utf-16", ()
            if head.startswith(b"PK\x03\x04"):
                raise CsvError(f"{path} is a workbook, not a CSV file; save it as CSV UTF-8")
            if head[1::2].count(0) > len(head) // 4 > head[::2].count(0):
                return "utf-16-le", ()
            if b"\0" in head:
                raise CsvError(f"{path} is not a CSV file: it has zero bytes; save it as CSV UTF-8")
            if head.startswith(codecs.BOM_UTF8):
                return "utf-8-sig", ()
            file.seek(0)
            good = bad = False
            while line := file.readline(_MAX_LINE):
                if not line.isascii():
                    try:
                        line.decode()
                        good = True
                    except UnicodeDecodeError:
                        bad = True
    except FileFault as error:
        raise CsvError(str(error)) from error
    except OSError as error:
        raise CsvError(f"{path} cannot be read ({error.strerror})") from error
    if bad and not good:
        return "cp1252", ("the file is not UTF-8; it is read as Windows-1252 (check the letters that are not English)",)
    return "utf-8", ()


def _opened(path: Path, encoding: str) -> TextIO:
    errors = "replace" if encoding.startswith("utf-16") else "surrogateescape"
    try:
        return io.TextIOWrapper(open_regular(path), encoding=encoding, errors=errors, newline="")
    except FileFault as error:
        raise CsvError(str(error)) from error


class _Lines:
    """The lines of a file, of bounded length, that can be given back. `number` is that of the last one, from 1."""

    def __init__(self, file: TextIO, encoding: str) -> None:
        self._file = file
        self._back: list[str] = []
        self._replaced = encoding.startswith("utf-16")
        self.number = 0

    def next(self) -> str | None:
        if self._back:
            line = self._back.pop()
        else:
            line = self._file.readline(_MAX_LINE)
            rest = line
            while len(rest) == _MAX_LINE and not rest.endswith(("\n", "\r")):  # what is too long is not kept
                rest = self._file.readline(_MAX_LINE)
        if not line:
            return None
        self.number += 1
        return line

    def give_back(self, lines: Sequence[str]) -> None:
        self._back += reversed(lines)
        self.number -= len(lines)

    def fault(self, line: str) -> str:
        """Why a line is none, else ""."""
        if len(line) >= _MAX_LINE:
            return "the line is longer than a million characters"
        if _NO_TEXT.search(line) or (self._replaced and "\ufffd" in line):
            return "the line has bytes that are no text"
        return ""


def _record(line: str, lines: _Lines, delimiter: str, width: int) -> tuple[list[str], str]:
    """The cells of the record that begins with `line`, or a reason; a broken one takes no other line with it."""
    reason = "" if line.isascii() and len(line) < _MAX_LINE else lines.fault(line)
    if reason:
        return [], reason
    taken = [line]
    if line.count('"') % 2:
        while len(taken) < _MAX_RECORD and (more := lines.next()) is not None:
            taken.append(more)
            if more.count('"') % 2:
                break
    cells, reason = _parsed(taken, delimiter, width)
    if reason and len(taken) > 1:
        lines.give_back(taken[1:])
        cells, one = _parsed(taken[:1], delimiter, width)
        reason = one and "a quote is opened and not closed"
    return cells, reason


def _parsed(taken: Sequence[str], delimiter: str, width: int) -> tuple[list[str], str]:
    try:
        rows = list(csv.reader(taken, delimiter=delimiter, skipinitialspace=True, strict=True))
    except csv.Error as error:
        return [], f"the line is broken ({error})"
    if len(rows) > 1:
        return [], "a quote is opened and not closed"
    cells = [restore(cell.strip()) for cell in rows[0]] if rows else []
    if any(cells[width:]):
        return [], f"the line has {len(cells)} cells, and the header {width}"
    return cells, ""


def mapped(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> Iterator[Sequence[Any]]:
    """The header, and the values of `columns` of each row."""
    yield columns
    for row in rows:
        yield [row.get(name) for name in columns]
