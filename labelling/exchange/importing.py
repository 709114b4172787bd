"""Taking votes from elsewhere into the label store, and saying what was taken and what was not, and why."""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from labelling.exchange.import_report import Report
from labelling.store import (
    Batch,
    InvalidVote,
    KnownNames,
    Store,
    Vote,
    VoteConflict,
    check_no_formula,
    pair_key,
    same_question,
)

NAMESPACE = uuid.UUID("b7c9a3f2-2f0e-4a31-9d65-5b8f6e1c7d04")
MAX_FILE = 256 << 20
"""Bytes of a file of votes or ratings: some millions of them."""
_AT_ONCE = 1000  # votes in one transaction
_SHOWN_ROUNDS = 3


class ExchangeError(ValueError):
    """A file cannot be read as votes or written, as a whole; nothing was stored."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer read from a file. `place` says where it stands in the file; pictures are sha256.

    `preferred` is one of the two pictures, 'tie' or 'unsure'; `round` and `question` are those that the file names, if any.
    `id` None: the file has none, and it follows from who answered what.
    """

    place: str
    id: str | None
    first: str
    second: str
    left: str
    preferred: str
    observer: str
    kind: str = "people"
    seconds: float | None = None
    round: str | None = None
    question: str | None = None


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


class _Entry(NamedTuple):
    """A vote, what it answers, and where it stands in the file."""

    place: str
    cell: _Cell
    vote: Vote
    earlier: str  # the id that the vote may have, too


def take(store: Store, answers: Iterable[Answer], round: str | None, report: Report) -> Report:
    """Store the answers that belong to a registered pair (of `round`, if given), some at a time, and report.

    An answer is to the question that it names, else to that of the round that it names, else of the round that asks
    about its pair; where several do, with different questions, it is not taken. A vote stored before is left as it is,
    so the same file can be imported again; an observer's second answer on a pair is not taken. Raises UnknownRound,
    StoreUnavailable.
    """
    rounds = [round] if round is not None else pair_rounds(store)
    batches = {name: store.batch(name) for name in rounds}
    holders: dict[str, list[str]] = {}
    for name in rounds:
        for key, _, _ in store.pairs(name):
            holders.setdefault(key, []).append(name)
    people = KnownNames(store.people())
    seen: set[int] = set()  # hashes of cells: a file may have a million rows

    def votes() -> Iterator[_Entry]:
        for answer in answers:
            try:
                named = _round_of(answer, holders, batches, round)
                if answer.kind == "people":
                    observer = people.resolve(answer.observer)
                else:
                    observer = answer.observer
                    check_no_formula(observer)
            except ValueError as error:
                report.refuse(answer.place, str(error))
                continue
            key = pair_key(answer.first, answer.second)
            # The id of earlier versions said nothing of the question, so that one answered two questions in vain.
            earlier = answer.id or _id(answer.kind, answer.observer, key)
            vote = Vote(
                id=answer.id or _id(answer.kind, answer.observer, key, batches[named].question_id),
                key=key,
                observer=observer,
                kind=answer.kind,
                preferred=answer.preferred,
                left=answer.left,
                round=named,
                seconds=answer.seconds,
            )
            cell = _Cell(vote.observer, vote.key, vote.kind, batches[named].question)
            if hash(cell) in seen:
                report.refuse(
                    answer.place, "a second answer of the same observer on the same pair; the first one counts"
                )
                continue
            seen.add(hash(cell))
            yield _Entry(answer.place, cell, vote, earlier)

    coming = votes()
    while some := list(islice(coming, _AT_ONCE)):
        _store_some(store, _without_known(store, some, report), report)
    return report


def _round_of(
    answer: Answer, holders: Mapping[str, Sequence[str]], batches: Mapping[str, Batch], round: str | None
) -> str:
    """The round that an answer is to. holders: pair -> the rounds that have it. Raises ValueError with the reason."""
    if answer.first == answer.second:
        raise ValueError("both sides are the same picture")
    holding = holders.get(pair_key(answer.first, answer.second), ())
    fitting = [name for name in holding if batches[name].kind == answer.kind]
    if not fitting and holding:
        wanted = batches[holding[0]].kind
        raise ValueError(f"votes of {answer.kind:.40} do not count in round {holding[0]}, which is for {wanted}")
    if not fitting:
        where = f"in round {round}" if round is not None else "in any round"
        raise ValueError(f"these two pictures are no pair {where} of the label store")
    if answer.question is not None:
        fitting = [name for name in fitting if same_question(answer.question) == same_question(batches[name].question)]
        if not fitting:
            raise ValueError(f"it answers {answer.question!r:.80}, and no round asks that about this pair")
    if answer.round in fitting:
        return answer.round
    if len({batches[name].question_id for name in fitting}) > 1:
        listed = ", ".join(fitting[:_SHOWN_ROUNDS])
        raise ValueError(f"rounds ask different questions about this pair ({listed}); --round says which is meant")
    return fitting[0]


def _id(*content: str) -> str:
    """The id of a vote whose file has none: importing it again is importing it once."""
    return str(uuid.uuid5(NAMESPACE, "\n".join(("csv", *content))))


def _without_known(store: Store, entries: Sequence[_Entry], report: Report) -> list[tuple[str, Vote]]:
    """The votes on pairs that their observer has no vote on yet; the others are counted or refused."""
    standing = {}
    for kind, question in {(entry.cell.kind, entry.cell.question) for entry in entries}:
        places = {(entry.cell.pair, entry.cell.observer) for entry in entries}
        for stored in store.votes_at(places, kind, question):
            standing[_Cell(stored.observer, stored.key, kind, question)] = stored
    fresh: list[tuple[str, Vote]] = []
    for place, cell, vote, earlier in entries:
        before = standing.get(cell)
        if before is None:
            fresh.append((place, vote))
        elif before.id not in (vote.id, earlier):
            report.refuse(place, "the observer has voted on this pair already; the first vote counts")
        elif before.preferred != vote.preferred:
            report.refuse(place, "the answer was changed after it was imported; the first one stands")
        else:
            report.known += 1
    return fresh


def _store_some(store: Store, votes: Sequence[tuple[str, Vote]], report: Report) -> None:
    """Store votes; where the store refuses one, halve until it is alone, so that the others are taken."""
    if not votes:
        return
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
