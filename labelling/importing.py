"""Taking votes from elsewhere into the label store, and saying what was taken and what was not, and why."""

from __future__ import annotations

import csv
import io
import math
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from labelling.errors import InvalidVote, VoteConflict
from labelling.matching import PictureFinder, Unmatched
from labelling.people import KnownNames
from labelling.records import TIE, UNSURE, Vote, pair_key
from labelling.store import Store
from pictures import FileFault, read_text, shortened

NAMESPACE = uuid.UUID("b7c9a3f2-2f0e-4a31-9d65-5b8f6e1c7d04")
MAX_FILE = 256 << 20
"""Bytes of a file of votes or ratings: some millions of them."""
_AT_ONCE = 1000  # votes in one transaction
_SHOWN_REASONS, _SHOWN_PLACES = 12, 3


class ExchangeError(ValueError):
    """A file cannot be read as votes or written, as a whole; nothing was stored."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer read from a file. `place` says where it stands in the file; pictures are sha256.

    `preferred` is one of the two pictures, 'tie' or 'unsure'; `round` the one the file names, if any.
    """

    place: str
    id: str
    first: str
    second: str
    left: str
    preferred: str
    observer: str
    kind: str = "people"
    seconds: float | None = None
    round: str | None = None


@dataclass
class Report:
    """What became of an import. `known` were stored before; `refused` are (place in the file, reason)."""

    what: str = "votes"
    taken: int = 0
    known: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def refuse(self, place: str, reason: str) -> None:
        self.refused.append((place, reason))

    def lines(self) -> list[str]:
        """The report as it is printed: the sums, the notes, and each reason with the first places it was found at."""
        what = self.what if self.taken != 1 else self.what.removesuffix("s")
        lines = [f"{self.taken} {what} taken, {self.known} there already, {len(self.refused)} not taken"]
        lines += [f"note: {note}" for note in dict.fromkeys(self.notes)]
        places: dict[str, list[str]] = {}
        for place, reason in self.refused:
            places.setdefault(reason, []).append(place)
        by_count = sorted(places.items(), key=lambda entry: -len(entry[1]))
        for reason, found in by_count[:_SHOWN_REASONS]:
            more = f" and {len(found) - _SHOWN_PLACES} more" if len(found) > _SHOWN_PLACES else ""
            lines.append(f"not taken ({len(found)}): {reason}: {', '.join(found[:_SHOWN_PLACES])}{more}")
        if len(by_count) > _SHOWN_REASONS:
            rest = sum(len(found) for _, found in by_count[_SHOWN_REASONS:])
            lines.append(f"not taken ({rest}): {len(by_count) - _SHOWN_REASONS} more reasons")
        return lines


def registered_pictures(store: Store, round: str | None) -> set[str]:
    """sha256 of the pictures in the pairs of `round`, or of every round. Raises UnknownRound."""
    rounds = [round] if round is not None else pair_rounds(store)
    return {sha256 for name in rounds for _, low, high in store.pairs(name) for sha256 in (low, high)}


def pair_rounds(store: Store) -> list[str]:
    """The rounds whose task is to compare pairs."""
    return [name for name in store.rounds() if store.batch(name).task == "pairs"]


class _Cell(NamedTuple):
    """What an observer answers once."""

    observer: str
    pair: str
    kind: str
    question: str


def take(store: Store, answers: Iterable[Answer], round: str | None, report: Report) -> Report:
    """Store the answers that belong to a registered pair (of `round`, if given), and report.

    An answer is to the question of the round that it names, else of the round that asks about its pair; where several
    do, with different questions, it is not taken. A vote stored before is left as it is, so the same file can be
    imported again; an observer's second answer on a pair is not taken. Raises UnknownRound, StoreUnavailable.
    """
    rounds = [round] if round is not None else pair_rounds(store)
    batches = {name: store.batch(name) for name in rounds}
    kinds = {name: batch.kind for name, batch in batches.items()}
    holders: dict[str, list[str]] = {}
    for name in rounds:
        for key, _, _ in store.pairs(name):
            holders.setdefault(key, []).append(name)
    votes: dict[_Cell, tuple[str, Vote]] = {}
    people = KnownNames(store.people())
    for answer in answers:
        place = answer.place
        if answer.first == answer.second:
            report.refuse(place, "both sides are the same picture")
            continue
        key = pair_key(answer.first, answer.second)
        holding = holders.get(key, [])
        fitting = [name for name in holding if kinds[name] == answer.kind]
        if not fitting:
            where = f"in round {round}" if round is not None else "in any round"
            report.refuse(
                place,
                f"votes of {answer.kind} do not count in round {holding[0]}, which is for {kinds[holding[0]]}"
                if holding
                else f"these two pictures are no pair {where} of the label store",
            )
            continue
        named = answer.round if answer.round in fitting else fitting[0]
        if named != answer.round and len({batches[name].question_id for name in fitting}) > 1:
            listed = ", ".join(fitting[:_SHOWN_PLACES])
            report.refuse(
                place, f"rounds ask different questions about this pair ({listed}); --round says which is meant"
            )
            continue
        try:
            observer = people.resolve(answer.observer) if answer.kind == "people" else answer.observer
        except ValueError as error:
            report.refuse(place, str(error))
            continue
        vote = Vote(
            id=answer.id,
            key=key,
            observer=observer,
            kind=answer.kind,
            preferred=answer.preferred,
            left=answer.left,
            round=named,
            seconds=answer.seconds,
        )
        cell = _Cell(vote.observer, key, vote.kind, batches[named].question)
        if cell in votes:
            report.refuse(place, "a second answer of the same observer on the same pair; the first one counts")
            continue
        votes[cell] = (place, vote)
    _store(store, _without_known(store, votes, report), report)
    return report


def _without_known(store: Store, votes: Mapping[_Cell, tuple[str, Vote]], report: Report) -> list[tuple[str, Vote]]:
    """The votes on pairs that their observer has no vote on yet; the others are counted or refused."""
    standing = {
        _Cell(vote.observer, vote.key, kind, question): vote
        for kind, question in {(cell.kind, cell.question) for cell in votes}
        for vote in store.votes({cell.pair for cell in votes}, kind, question)
    }
    fresh = []
    for cell, (place, vote) in votes.items():
        before = standing.get(cell)
        if before is None:
            fresh.append((place, vote))
        elif before.id != vote.id:
            report.refuse(place, "the observer has voted on this pair already; the first vote counts")
        elif before.preferred != vote.preferred:
            report.refuse(place, "the answer was changed after it was imported; the first one stands")
        else:
            report.known += 1
    return fresh


def _store(store: Store, votes: Sequence[tuple[str, Vote]], report: Report) -> None:
    for start in range(0, len(votes), _AT_ONCE):
        _store_some(store, votes[start : start + _AT_ONCE], report)


def _store_some(store: Store, votes: Sequence[tuple[str, Vote]], report: Report) -> None:
    """Store votes; where the store refuses one, halve until it is alone, so that the others are taken."""
    try:
        new = store.add_votes([vote for _, vote in votes])
    except (InvalidVote, VoteConflict) as error:
        if len(votes) == 1:
            place, vote = votes[0]
            report.refuse(place, str(error).removeprefix(f"vote {vote.id}: ").removesuffix("; nothing was stored"))
            return
        middle = len(votes) // 2
        _store_some(store, votes[:middle], report)
        _store_some(store, votes[middle:], report)
        return
    report.taken += new
    report.known += len(votes) - new  # taken back here after an earlier import


# CSV


def read_csv(path: Path, finder: PictureFinder, report: Report) -> list[Answer]:
    """Answers of a CSV with one row per vote, as `loupe labels export` writes it; see docs/labelling.md.

    Needs the columns observer, choice (first, second, left, right, tie, unsure) and the two pictures: first_sha256 and
    second_sha256, or first and second. Rows that say nothing usable are refused in `report`. Raises ExchangeError.
    """
    try:
        text = read_text(path, MAX_FILE, "utf-8-sig")
        delimiter = max(",;\t", key=text.partition("\n")[0].count)
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
        names = {(name or "").strip().lower(): name for name in reader.fieldnames or ()}
        pictures = _picture_columns(path, names)
        rows = list(reader)
    except FileFault as error:
        raise ExchangeError(f"{error}; save it as a CSV file in UTF-8") from error
    except csv.Error as error:
        raise ExchangeError(f"{path} is not a CSV file in UTF-8 ({error}); save it as one") from error
    if "left" not in names and rows:
        report.notes.append("the file has no column left: first is taken as shown left")
    if "observer" not in names:
        raise ExchangeError(
            f"{path} lacks the column observer; it holds {shortened(', '.join(filter(None, names)), 200)}"
        )
    answers = []
    uncounted: Counter[str] = Counter()
    for number, row in enumerate(rows, start=2):
        cells = {name: (row.get(original) or "").strip() for name, original in names.items() if name}
        purpose = cells.get("purpose") or "vote"
        if purpose != "vote":
            uncounted[purpose] += 1
            continue
        place = f"row {number}"
        try:
            answers.append(_answer(cells, place, pictures, finder))
        except (Unmatched, ValueError) as error:
            report.refuse(place, str(error))
    if uncounted:
        listed = ", ".join(f"{count} of {purpose}" for purpose, count in sorted(uncounted.items()))
        report.notes.append(f"answers that never count are left out: {listed}")
    return answers


def _picture_columns(path: Path, names: Mapping[str, str]) -> tuple[str, str]:
    if "label_first" in names and "observer" not in names:
        raise ExchangeError(f"{path} holds majorities, not single votes; import the file that has one row per vote")
    if "choice" not in names:
        raise ExchangeError(
            f"{path} lacks the column choice; it holds {shortened(', '.join(filter(None, names)), 200) or 'nothing'}"
        )
    for pair in (("first_sha256", "second_sha256"), ("first", "second")):
        if all(name in names for name in pair):
            return pair
    raise ExchangeError(f"{path} lacks the columns first and second (or first_sha256 and second_sha256)")


def _answer(cells: Mapping[str, str], place: str, pictures: tuple[str, str], finder: PictureFinder) -> Answer:
    first, second = (finder.find(cells[name]) for name in pictures)
    sides = {"first": first, "second": second}
    left = sides.get(cells.get("left") or "first")
    if left is None:
        raise ValueError("the column left is neither first nor second")
    sides |= {"left": left, "right": second if left == first else first, TIE: TIE, UNSURE: UNSURE}
    if cells["choice"] not in sides:
        raise ValueError(f"the choice is {cells['choice']!r:.40}, not first, second, left, right, tie or unsure")
    observer, kind = cells["observer"], cells.get("kind") or "people"
    if not observer:
        raise ValueError("no observer")
    content = f"csv\n{kind}\n{observer}\n{pair_key(first, second)}"
    return Answer(
        place=place,
        id=cells.get("id") or str(uuid.uuid5(NAMESPACE, content)),
        first=first,
        second=second,
        left=left,
        preferred=sides[cells["choice"]],
        observer=observer,
        kind=kind,
        seconds=seconds_of(cells.get("seconds") or None),
        round=cells.get("round") or None,
    )


def seconds_of(value: object) -> float | None:
    """Seconds as a finite number from 0, None for None. Raises ValueError."""
    if value is None:
        return None
    try:
        seconds = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise ValueError(f"seconds are {value!r:.40}, not a number") from None
    if not math.isfinite(seconds) or seconds < 0:
        raise ValueError(f"seconds are {value!r:.40}, not a number from 0")
    return seconds
