"""Ratings in and out: JSON lines from a language model or another tool, parquet for training."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from labelling.exchange import manifest
from labelling.exchange.answers import Columns, write_csv, write_parquet
from labelling.exchange.import_report import Report
from labelling.exchange.importing import MAX_FILE, NAMESPACE, ExchangeError, seconds_of
from labelling.exchange.matching import PictureFinder, Unmatched
from labelling.store import (
    MAX_CIRCLES,
    Circle,
    InvalidRating,
    KnownNames,
    Rating,
    Store,
    StoredRating,
    VoteConflict,
    check_rating,
    check_scores,
)
from pictures import FileFault, parse_json, read_text

_FIELDS = {
    "id", "picture", "photo", "method", "observer", "kind", "scores", "circles", "note", "seconds", "round",
}  # fmt: skip
_MAX_LINE = 1 << 20  # characters


def rating_columns(criteria: Sequence[str]) -> Columns:
    """The columns of an export: `score_NAME` for each criterion."""
    scores: Columns = {f"score_{name}": "int" for name in criteria}
    return {
        "round": "str", "picture": "str", "photo": "str", "method": "str", "observer": "str", "kind": "str", **scores,
        "circles": "circles", "note": "str", "seconds": "float", "reviews": "str", "verdict": "str",
        "effective": "bool", "made_at": "str", "id": "str",
    }  # fmt: skip


def rating_rows(store: Store, round: str, unreviewed: bool = False) -> list[dict[str, Any]]:
    """Every rating and review of a round, in the order stored; `effective` marks those that count.

    `unreviewed` lets ratings of language models count that nobody reviewed. A picture that several methods made alike
    has a row for each of them. Raises UnknownRound.
    """
    study = manifest.find(round)
    origins: dict[str, list[tuple[str | None, str | None]]] = {}
    for picture in study.pictures if study is not None else ():
        origins.setdefault(picture.sha256, []).append((picture.photo, picture.method))
    counting = {rating.id for rating in store.ratings(round, unreviewed=unreviewed)}
    rows = []
    for rating in store.ratings(round, effective=False):
        for photo, method in origins.get(rating.item, [(None, None)]):
            rows.append(_row(rating, photo, method, rating.id in counting))
    return rows


def _row(rating: StoredRating, photo: str | None, method: str | None, effective: bool) -> dict[str, Any]:
    return {
        "round": rating.round,
        "picture": rating.item,
        "photo": photo,
        "method": method,
        "observer": rating.observer,
        "kind": rating.kind,
        **{f"score_{name}": score for name, score in rating.scores.items()},
        "circles": [asdict(circle) for circle in rating.circles],
        "note": rating.note,
        "seconds": rating.seconds,
        "reviews": rating.reviews,
        "verdict": rating.verdict,
        "effective": effective,
        "made_at": rating.made_at,
        "id": rating.id,
    }


def export_ratings(store: Store, round: str, out: Path, unreviewed: bool = False) -> str:
    """Write a round's ratings to a .parquet or .csv file; returns what was done. Raises ExchangeError, UnknownRound.

    `unreviewed` as in `rating_rows`.
    """
    batch = store.batch(round)
    if batch.task == "pairs":
        raise ExchangeError(f"round {round} compares pairs; `loupe labels export --round {round}` writes its votes")
    columns = rating_columns([criterion.name for criterion in batch.options.criteria])
    rows = rating_rows(store, round, unreviewed)
    if out.suffix == ".parquet":
        write_parquet(rows, columns, out)
    elif out.suffix == ".csv":
        write_csv(rows, list(columns), out)
    else:
        raise ExchangeError(f"{out} should end in .csv or .parquet")
    reviews = sum(row["reviews"] is not None for row in rows)
    counting = sum(row["effective"] for row in rows)
    reviewed = {row["reviews"] for row in rows}
    open = sum(row["kind"] == "llm" and row["reviews"] is None and row["id"] not in reviewed for row in rows)
    said = "count as well" if unreviewed else "do not (--unreviewed counts them)"
    return f"{len(rows) - reviews} ratings and {reviews} reviews written to {out}; {counting} of them count" + (
        f"; {open} of language models that nobody reviewed {said}" if open else ""
    )


def import_ratings(store: Store, path: Path, round: str | None, images: Path | None) -> Report:
    """Take ratings from JSON lines, one a line, and report; see docs/labelling.md for the fields.

    round: for lines that name none. images: where the files are that lines name. A line that is wrong in any way is
    not taken; the same file can be imported again. Raises ExchangeError, UnknownRound.
    """
    report = Report("ratings")
    readers: dict[str, _Reader] = {}
    ratings: dict[str, tuple[str, Rating]] = {}
    try:
        lines = read_text(path, MAX_FILE, "utf-8-sig").splitlines()
    except FileFault as error:
        raise ExchangeError(str(error)) from error
    known_rounds = {name for name in store.rounds() if store.batch(name).task != "pairs"}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        place = f"line {number}"
        try:
            values = _parsed(line)
            name = values.get("round") or round
            if not isinstance(name, str):
                raise ValueError("no round is named; --round says which")
            if name not in known_rounds:
                listed = ", ".join(sorted(known_rounds)) or "none"
                raise ValueError(f"the label store has no round of ratings {name!r:.60} (there: {listed})")
            if name not in readers:
                readers[name] = _Reader(store, name, images)
            rating = readers[name].read(values)
        except (Unmatched, ValueError) as error:
            report.refuse(place, str(error))
            continue
        if rating.id in ratings:
            report.refuse(place, "the same observer rates the same picture twice; the first rating counts")
            continue
        ratings[rating.id] = (place, rating)
    _store(store, list(ratings.values()), report)
    return report


def _parsed(line: str) -> dict[str, Any]:
    if len(line) > _MAX_LINE:
        raise ValueError("the line is longer than a million characters")
    try:
        values = parse_json(line)
    except ValueError as error:
        raise ValueError(f"the line is not JSON ({error})") from None
    if not isinstance(values, dict):
        raise ValueError("the line is not a JSON object")
    unknown = sorted(set(values) - _FIELDS)
    if unknown:
        raise ValueError(f"unknown fields {', '.join(unknown)[:80]}; known are {', '.join(sorted(_FIELDS))}")
    return values


class _Reader:
    """Turns lines into ratings of one round."""

    def __init__(self, store: Store, round: str, images: Path | None) -> None:
        self._round = round
        self._store = store
        options = store.batch(round).options
        self._criteria = {criterion.name for criterion in options.criteria}
        self._classes = options.classes
        self._rated: dict[tuple[str, str], str] = {}  # by picture and observer: the rating that counts
        for rating in store.ratings(round, effective=False):
            if rating.reviews is None:
                self._rated.setdefault((rating.item, rating.observer), rating.id)
        self._finder = PictureFinder(set(store.items(round)), images)
        study = manifest.find(round)
        pictures = study.pictures if study is not None else ()
        self._people = KnownNames(store.people())
        self._made = {(picture.photo, picture.method): picture.sha256 for picture in pictures}

    def read(self, values: Mapping[str, Any]) -> Rating:
        """The rating that a line holds. Raises ValueError, Unmatched."""
        item = self._item(values)
        observer, kind = values.get("observer"), values.get("kind", "llm")
        if not isinstance(observer, str) or not observer.strip():
            raise ValueError("no observer: the name of the model or the person who rated")
        if kind == "people":
            observer = self._people.resolve(observer)
        scores = values.get("scores")
        if not isinstance(scores, dict) or set(scores) != self._criteria:
            raise ValueError(f"scores must be an object with exactly {', '.join(sorted(self._criteria))}")
        for name, score in scores.items():
            if isinstance(score, bool) or not isinstance(score, int) or not 1 <= score <= 5:
                raise ValueError(f"the score {name} is {json.dumps(score)[:40]}, not a whole number from 1 to 5")
        note = values.get("note", "")
        if not isinstance(note, str):
            raise ValueError("the note is not a text")
        given = values.get("id")
        if given is not None and not isinstance(given, str):
            raise ValueError("the id is not a text")
        rating = Rating(
            id=given or str(uuid.uuid5(NAMESPACE, f"rating\n{self._round}\n{kind}\n{observer}\n{item}")),
            item=item,
            observer=observer,
            kind=str(kind),
            scores=scores,
            circles=_circles(values.get("circles", [])),
            note=note,
            round=self._round,
            seconds=seconds_of(values.get("seconds")),
        )
        try:
            check_rating(rating)
            check_scores(rating, sorted(self._criteria), self._store.picture_size(item), self._classes)
        except InvalidRating as error:
            raise ValueError(_reason(error, rating)) from None
        if self._rated.get((item, observer), rating.id) != rating.id:
            raise ValueError(f"{observer} rated this picture here already; the first rating counts, and a second never")
        return rating

    def _item(self, values: Mapping[str, Any]) -> str:
        if isinstance(values.get("picture"), str):
            return self._finder.find(values["picture"])
        photo, method = values.get("photo"), values.get("method")
        if photo is None or method is None:
            raise ValueError("no picture: give picture (a path or sha256), or photo and method")
        try:
            return self._made[photo, method]
        except (KeyError, TypeError):
            raise ValueError(f"the study has no photo {photo!r:.60} of method {method!r:.60}") from None


def _reason(error: Exception, rating: Rating) -> str:
    """What the store says of a rating, without the id that it has here."""
    return str(error).removeprefix(f"rating {rating.id}: ").removeprefix(f"rating {rating.id!r}: ").partition(";")[0]


def _circles(values: Any) -> tuple[Circle, ...]:
    if not isinstance(values, list) or len(values) > MAX_CIRCLES:
        raise ValueError(f"circles must be a list of at most {MAX_CIRCLES}")
    circles = []
    for value in values:
        if not isinstance(value, dict) or set(value) - {"artifact"} != {"x", "y", "radius"}:
            raise ValueError(
                "a circle must be an object with x, y and radius, in pixels, and perhaps artifact, its class"
            )
        artifact = value.get("artifact") or ""
        if not isinstance(artifact, str):
            raise ValueError("the artifact of a circle is not a text")
        numbers = [value["x"], value["y"], value["radius"]]
        for number in numbers:
            if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
                raise ValueError(f"a circle has {json.dumps(number)[:40]}, not a finite number")
        circles.append(Circle(x=float(numbers[0]), y=float(numbers[1]), radius=float(numbers[2]), artifact=artifact))
    return tuple(circles)


def _store(store: Store, ratings: Sequence[tuple[str, Rating]], report: Report) -> None:
    """Store ratings; where the store refuses one, halve until it is alone, so that the others are taken."""
    if not ratings:
        return
    try:
        new = store.add_ratings([rating for _, rating in ratings])
    except (InvalidRating, VoteConflict) as error:
        if len(ratings) == 1:
            changed = "the rating was changed after it was imported; the first one stands"
            told = _reason(error, ratings[0][1])
            reason = changed if isinstance(error, VoteConflict) else told
            report.refuse(ratings[0][0], reason)
            return
        middle = len(ratings) // 2
        _store(store, ratings[:middle], report)
        _store(store, ratings[middle:], report)
        return
    report.taken += new
    report.known += len(ratings) - new
