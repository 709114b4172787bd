"""A CSV with one row per vote, as people keep it in spreadsheets and as `loupe labels export` writes it, as answers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from labelling.exchange.csv_files import CsvError, Table, open_table
from labelling.exchange.import_report import Report
from labelling.exchange.importing import Answer, ExchangeError, seconds_of
from labelling.exchange.matching import PictureFinder, Unmatched
from labelling.store import TIE, UNSURE, check_name

COLUMNS = (
    "observer", "choice", "first", "second", "first_sha256", "second_sha256", "left", "seconds", "kind", "round", "id",
    "purpose", "question",
)  # fmt: skip
_GROUPED = re.compile(r"[+-]?\d{1,3}([., '’\u00a0\u202f]\d{3})+(?!\1)[.,]\d+")


def read_csv(path: Path, finder: PictureFinder, report: Report) -> Iterator[Answer]:
    """Answers of a CSV with one row per vote, one at a time; see docs/labelling.md.

    Needs the columns observer, choice (first, second, left, right, tie, unsure) and the two pictures: first_sha256 and
    second_sha256, or first and second. Rows that say nothing usable are refused in `report` as they come, and optional
    cells that cannot be read are dropped. Raises ExchangeError, before the first answer.
    """
    try:
        table = open_table(path, COLUMNS)
    except CsvError as error:
        raise ExchangeError(str(error)) from error
    pictures = _picture_columns(table)
    for note in table.notes:
        report.note(note)
    return _answers(table, pictures, finder, report)


def _answers(table: Table, pictures: tuple[str, str], finder: PictureFinder, report: Report) -> Iterator[Answer]:
    uncounted: Counter[str] = Counter()
    for place, cells in table.rows(report.refuse):
        purpose = cells.get("purpose", "").lower() or "vote"
        if purpose != "vote":
            uncounted[purpose[:40] if len(uncounted) < 100 else "other purposes"] += 1
            continue
        if "left" not in table.columns:
            report.note("the file has no column left: first is taken as shown left")
        try:
            yield _answer(cells, place, pictures, finder, report)
        except (Unmatched, ValueError) as error:
            report.refuse(place, str(error))
    if uncounted:
        listed = ", ".join(f"{count} of {purpose}" for purpose, count in sorted(uncounted.items()))
        report.note(f"answers that never count are left out: {listed}")


def _picture_columns(table: Table) -> tuple[str, str]:
    path, names = table.path, table.columns
    if "label_first" in names and "observer" not in names:
        raise ExchangeError(f"{path} holds majorities, not single votes; import the file that has one row per vote")
    holds = ", ".join(filter(None, names))
    holds = f"{holds[:199]}…" if len(holds) > 200 else holds or "nothing"
    for needed in ("choice", "observer"):
        if needed not in names:
            raise ExchangeError(f"{path} lacks the column {needed}; it holds {holds}")
    for pair in (("first_sha256", "second_sha256"), ("first", "second")):
        if all(name in names for name in pair):
            return pair
    raise ExchangeError(f"{path} lacks the columns first and second (or first_sha256 and second_sha256)")


def _answer(
    cells: Mapping[str, str], place: str, pictures: tuple[str, str], finder: PictureFinder, report: Report
) -> Answer:
    observer, kind = cells.get("observer", ""), cells.get("kind", "").lower() or "people"
    if not observer:
        raise ValueError("no observer")
    first, second = (_picture(cells, name, finder) for name in pictures)
    sides = {"first": first, "second": second}
    choice, said_left = cells.get("choice", "").lower(), cells.get("left", "").lower()
    left = sides.get(said_left or "first")
    if left is None and choice in ("left", "right"):
        raise ValueError("the column left is neither first nor second, so that the choice cannot be told")
    words = (*sides, "left", "right", TIE, UNSURE)
    if choice not in words:
        raise ValueError(f"the choice is {cells.get('choice', '')!r:.40}, not {', '.join(words[:-1])} or {words[-1]}")
    if left is None:
        report.drop(place, f"left is {said_left!r:.40}, neither first nor second: first is taken as shown left")
        left = first
    sides |= {"left": left, "right": second if left == first else first, TIE: TIE, UNSURE: UNSURE}
    return Answer(
        place=place,
        id=_id(cells.get("id", ""), place, report) or None,
        first=first,
        second=second,
        left=left,
        preferred=sides[choice],
        observer=observer,
        kind=kind,
        seconds=_seconds(cells.get("seconds", ""), place, report),
        round=cells.get("round") or None,
        question=cells.get("question") or None,
    )


def _picture(cells: Mapping[str, str], name: str, finder: PictureFinder) -> str:
    if not cells.get(name):
        raise ValueError(f"the cell {name} is empty: a vote is on two pictures")
    return finder.find(cells[name])


def _id(cell: str, place: str, report: Report) -> str:
    if cell:
        try:
            check_name("an id", cell)
        except ValueError as error:
            report.drop(place, str(error))
            return ""
    return cell


def _seconds(cell: str, place: str, report: Report) -> float | None:
    if not cell:
        return None
    try:
        return seconds_of(number(cell))
    except ValueError:
        report.drop(place, f"seconds are {cell!r:.40}, not a number from 0")
        return None


def number(cell: str) -> str:
    """A number with a decimal comma or point, and perhaps thousands set apart, as Python writes it; else `cell`."""
    text = cell.strip()
    if _GROUPED.fullmatch(text):
        mark = max(text.rfind("."), text.rfind(","))
        return re.sub(r"[^\d+-]", "", text[:mark]) + "." + text[mark + 1 :]
    return text.replace(",", ".") if text.count(",") == 1 and "." not in text else text
