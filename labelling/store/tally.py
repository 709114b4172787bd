"""All answers of a round as arrays: read once, then kept up to date by what is new in the database's log.

The log's position is the newest `seq` of each table. The order of `seq` is the order of commits, so whatever any
process stores later lies behind the position, and reading up to it misses nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from sqlalchemy import (
    URL,
    Column,
    ColumnElement,
    Connection,
    Row,
    ScalarSelect,
    Select,
    Table,
    bindparam,
    func,
    select,
)

from labelling.store.checks import findable
from labelling.store.database import schema
from labelling.store.database.base import Database
from labelling.store.database.errors import StoreError
from labelling.store.records import CHOICES, PURPOSES, TIE, UNSURE, Batch
from labelling.store.undecidable import is_undecidable

_votes, _trials, _pairs, _batch_pairs = schema.votes, schema.trials, schema.pairs, schema.batch_pairs
_retractions, _skips = schema.retractions, schema.skips
_LOGS = (_votes, _trials, _retractions, _skips, schema.ratings)
_ROWS = 5000  # read at once
_NOTHING, _VOTE, _UNSURE = range(3)  # what an observer said about a pair
_COLUMNS = {
    "seq": np.int64, "after": np.int64, "position": np.int32, "observer": np.int16, "choice": np.int8,
    "left_low": np.bool_, "seconds": np.float32, "here": np.bool_, "purpose": np.int8, "stands": np.bool_,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class Tally:
    """A round's effective votes ("can't tell" among them), and its trials that were not taken back, as arrays of one
    length, in no set order.

    `position`: place of the pair among the `pairs` of the round; `observer`: index into `names`; `choice`: index into
    CHOICES; `left_low`: the low picture (by sha256) was left; `seconds`: NaN where unknown; `purpose`: index into
    PURPOSES; `seq`: the order of storing; a trial has that of the newest vote before it. `at` changes when anything
    does. The arrays are shared: do not write to them.
    """

    position: np.ndarray
    observer: np.ndarray
    choice: np.ndarray
    left_low: np.ndarray
    seconds: np.ndarray
    purpose: np.ndarray
    seq: np.ndarray
    names: tuple[str, ...]
    pairs: int
    votes_per_pair: int
    at: tuple[Any, ...]


class Answers:
    """Votes or trials as growing columns, sorted by seq."""

    def __init__(self) -> None:
        self.count = 0
        self._columns: dict[str, np.ndarray] = {name: np.zeros(64, dtype) for name, dtype in _COLUMNS.items()}

    def __getitem__(self, name: str) -> np.ndarray:
        return self._columns[name][: self.count]

    def append(self, rows: Mapping[str, Sequence[Any]]) -> None:
        """Add rows, given as one sequence for each column."""
        end = self.count + len(rows["seq"])
        for name, column in self._columns.items():
            if end > len(column):
                self._columns[name] = np.concatenate(
                    [column, np.zeros(max(end - len(column), len(column)), column.dtype)]
                )
            self._columns[name][self.count : end] = rows[name]
        self.count = end

    def of(self, observer: int) -> np.ndarray:
        """Rows of one observer that were not taken back, in the order of seq."""
        return np.flatnonzero((self["observer"] == observer) & self["stands"])

    def take_back(self, seqs: Sequence[int]) -> np.ndarray:
        """Mark the answers with these seq as taken back; returns their rows."""
        rows = np.searchsorted(self["seq"], np.asarray(seqs, np.int64))
        rows = rows[rows < self.count]
        rows = rows[np.isin(self["seq"][rows], seqs)]
        self["stands"][rows] = False
        return rows


class Log:
    """The answers to the pairs of a round, as this process last read them. Hold `lock` while looking.

    `counts`, `unsure`: (pairs,) distinct observers of the batch's kind whose effective answer to the batch's question is
    a vote, or "can't tell"; `twice`: numbers of the observers who answered a pair more than once; `skips`: observer ->
    position -> seq of the newest skip; `at`: how far the database's log was read, None where nothing was.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.at: tuple[Any, ...] | None = None
        self.batch: Batch
        self._tally: Tally | None = None

    def refresh(self, store: Database, db: Connection, round: str) -> None:
        """Read what is new, and begin anew where the round was registered otherwise. Raises UnknownRound."""
        at = position(store, db, round)
        if at == self.at:
            return
        if self.at is None or at[:2] != self.at[:2]:
            batch = store._batch(db, round)
            if self.at is None or batch.id != self.batch.id:
                self._begin(batch)
            self.batch = batch
        last = (0,) * len(_LOGS) if self.at is None else self.at[2:]
        self.at, self._tally = None, None  # whatever fails below makes the next refresh begin anew
        self._read_answers(db, last, at[2:])
        self._read_skips(db, last[3], at[5])
        self.at = at

    def number(self, observer: str) -> int:
        """Index into `names` of an observer, -1 for one without answers."""
        return self._numbers.get(observer, -1)

    def voted(self, number: int) -> np.ndarray:
        """(pairs,) bool: has a standing answer of the observer with that number, "can't tell" included."""
        return self._said[number] != _NOTHING if number in self._said else np.zeros(self.batch.pairs, bool)

    def settled(self) -> np.ndarray:
        """(pairs,) bool: has the votes that are asked for, or is undecidable; all of them once the budget is spent."""
        return np.ones_like(self._settled) if self.remaining() == 0 else self._settled

    def remaining(self) -> int | None:
        """Votes that the budget still allows; None for a round without one."""
        if self.batch.options.budget is None:
            return None
        asked = self.batch.votes_per_pair
        counting = ~is_undecidable(self.counts, self.unsure, asked)
        return max(0, self.batch.options.budget - int(np.minimum(self.counts, asked)[counting].sum()))

    def tally(self) -> Tally:
        """The effective answers; the same object as long as nothing is new."""
        if self._tally is None:
            both = [(answers, _effective(answers, self.batch.pairs)) for answers in (self.votes, self.trials)]
            names = ("position", "observer", "choice", "left_low", "seconds", "purpose", "after")
            columns = {name: np.concatenate([answers[name][rows] for answers, rows in both]) for name in names}
            self._tally = Tally(
                seq=columns.pop("after"), names=tuple(self.names), pairs=self.batch.pairs,
                votes_per_pair=self.batch.votes_per_pair, at=self.at or (), **columns,
            )  # fmt: skip
        return self._tally

    def _begin(self, batch: Batch) -> None:
        if batch.task != "pairs":
            raise StoreError(f"round {batch.round} asks for ratings of single pictures, not about pairs")
        self.at = None
        self.names: list[str] = []
        self._numbers: dict[str, int] = {}
        self.votes, self.trials = Answers(), Answers()
        self.counts, self.unsure = np.zeros(batch.pairs, np.int32), np.zeros(batch.pairs, np.int32)
        self._settled = np.zeros(batch.pairs, bool)
        self._said: dict[int, np.ndarray] = {}
        self.twice: set[int] = set()
        self.skips: dict[str, dict[int, int]] = {}

    def _read_answers(self, db: Connection, last: Sequence[int], top: Sequence[int]) -> None:
        of = {"batch": self.batch.id, "kind": self.batch.kind, "round": self.batch.round}
        of["question"] = self.batch.question_id
        for i, (answers, table) in enumerate(((self.votes, _votes), (self.trials, _trials))):
            begin = answers.count
            for start in range(last[i], top[i], _ROWS):  # in pieces, so that no more than these are objects at a time
                piece = {"last": start, "top": min(start + _ROWS, top[i])}
                rows = db.execute(_new_answers(table), of | piece).all()
                answers.append(_columns(rows, self._numbers, self.batch, table))
            if table is _votes:
                self._count(begin)
            if top[2] > last[2]:
                found = db.execute(_new_retractions(table), {"last": last[2], "top": top[2]})
                taken_back = answers.take_back(found.scalars().all())
                if table is _votes:
                    self._recount(np.unique(answers["observer"][taken_back]))
        self.names = list(self._numbers)

    def _count(self, begin: int) -> None:
        """Count the votes from row `begin` on."""
        for number in np.unique(self.votes["observer"][begin:]):
            self._said.setdefault(int(number), np.zeros(self.batch.pairs, np.int8))
            self._add_up(int(number), begin + np.flatnonzero(self.votes["observer"][begin:] == number))

    def _recount(self, numbers: np.ndarray) -> None:
        for number in numbers:
            said = self._said[int(number)]
            self.counts -= said == _VOTE
            self.unsure -= said == _UNSURE
            self._settle(np.flatnonzero(said))
            said[:] = _NOTHING
            self.twice.discard(int(number))
            self._add_up(int(number), self.votes.of(int(number)))

    def _add_up(self, number: int, rows: np.ndarray) -> None:
        """Count these rows of an observer, who has no earlier ones that were not counted; the first on a pair counts."""
        said = self._said[number]
        cast, first = np.unique(self.votes["position"][rows], return_index=True)
        new = said[cast] == _NOTHING
        cast, first = cast[new], first[new]
        if len(cast) < len(rows):
            self.twice.add(number)
        said[cast] = np.where(self.votes["choice"][rows[first]] == CHOICES.index(UNSURE), _UNSURE, _VOTE)
        self.counts[cast] += said[cast] == _VOTE
        self.unsure[cast] += said[cast] == _UNSURE
        self._settle(cast)

    def _settle(self, at: np.ndarray) -> None:
        votes, asked = self.counts[at], self.batch.votes_per_pair
        self._settled[at] = (votes >= asked) | is_undecidable(votes, self.unsure[at], asked)

    def _read_skips(self, db: Connection, last: int, top: int) -> None:
        if top > last:
            values = {"batch": self.batch.id, "round": self.batch.round, "last": last, "top": top}
            for seq, observer, place in db.execute(_new_skips(), values):
                if place is not None:
                    self.skips.setdefault(observer, {})[place] = seq


class Tallies(Database):
    """The part of the Store that keeps the answers of rounds in memory, each up to date when it is looked at."""

    def __init__(self, url: URL, busy_timeout: float) -> None:
        super().__init__(url, busy_timeout)
        self._logs: dict[str, Log] = {}
        self._logs_lock = threading.Lock()

    def tally(self, round: str) -> Tally:
        """All effective answers to the round's pairs as arrays. Raises UnknownRound, StoreError for a round of ratings."""
        with self.log(round) as (log, _):
            return log.tally()

    def log_position(self, round: str) -> tuple[Any, ...]:
        """Something that changes whenever an answer, a skip or the registration does. Raises UnknownRound."""
        with self._reading() as db:
            return position(self, db, round)

    @contextmanager
    def log(self, round: str) -> Iterator[tuple[Log, Connection]]:
        """The answers of a round as they are now, locked, and a connection to ask more. Raises as `tally`."""
        self._check_process()
        with self._logs_lock:
            log = self._logs.setdefault(round, Log())
        with log.lock, self._reading() as db:
            log.refresh(self, db, round)
            yield log, db

    def _forked(self) -> None:
        super()._forked()
        self._logs, self._logs_lock = {}, threading.Lock()


def position(store: Database, db: Connection, round: str) -> tuple[Any, ...]:
    """(batch, options, newest seq of votes, trials, retractions, skips, ratings) at one moment. Raises UnknownRound."""
    row = db.execute(_position(), {"round": findable(round)}).first()
    if row is None:
        batch = store._batch(db, round)  # raises, unless it was registered this moment
        return (batch.id, "", *(0 for _ in _LOGS))
    return tuple(row)


# Statements are made once: making one takes longer than running it.


@cache
def _position() -> Select[Any]:
    tops = [select(func.coalesce(func.max(table.c.seq), 0)).scalar_subquery() for table in _LOGS]
    rounds = schema.rounds
    return select(rounds.c.batch, rounds.c.options, *tops).where(rounds.c.round == bindparam("round"))


@cache
def _new_answers(table: Table) -> Select[Any]:
    # Looked up for each answer: a join might begin with the pairs of the batch, of which there are many more.
    low = select(_pairs.c.low).where(_pairs.c.key == table.c.pair).scalar_subquery()
    columns = [table.c[name] for name in ("seq", "observer", "preferred", "left", "seconds", "round")]
    if table is _trials:
        columns += [table.c.after, table.c.purpose]
    query = select(*columns, _position_of(table.c.pair).label("position"), low.label("low")).order_by(table.c.seq)
    query = query.where(*_between(table), table.c.kind == bindparam("kind"), table.c.question == bindparam("question"))
    return query.where(table.c.round == bindparam("round")) if table is _trials else query


@cache
def _new_retractions(table: Table) -> Select[Any]:
    query = select(table.c.seq).join(_retractions, _retractions.c.vote == table.c.id)
    return query.where(*_between(_retractions))


@cache
def _new_skips() -> Select[Any]:
    query = select(_skips.c.seq, _skips.c.observer, _position_of(_skips.c.subject)).order_by(_skips.c.seq)
    return query.where(_skips.c.round == bindparam("round"), *_between(_skips))


def _position_of(pair: Column[Any]) -> ScalarSelect[Any]:
    query = select(_batch_pairs.c.position).where(
        _batch_pairs.c.batch == bindparam("batch"), _batch_pairs.c.pair == pair
    )
    return query.scalar_subquery()


def _between(table: Table) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return table.c.seq > bindparam("last"), table.c.seq <= bindparam("top")


def _columns(rows: Sequence[Row[Any]], numbers: dict[str, int], batch: Batch, table: Table) -> dict[str, list[Any]]:
    """Rows of `_new_answers` as columns of Answers; new observers are added to `numbers`."""
    mine = [row for row in rows if row.position is not None]
    choices = {TIE: CHOICES.index(TIE), UNSURE: CHOICES.index(UNSURE)}
    return {
        "seq": [row.seq for row in mine],
        "after": [row.after for row in mine] if table is _trials else [row.seq for row in mine],
        "position": [row.position for row in mine],
        "observer": [numbers.setdefault(row.observer, len(numbers)) for row in mine],
        "choice": [choices.get(row.preferred, int(row.preferred != row.low)) for row in mine],
        "left_low": [row.left == row.low for row in mine],
        "seconds": [np.nan if row.seconds is None else row.seconds for row in mine],
        "here": [row.round == batch.round for row in mine],
        "purpose": [PURPOSES.index(row.purpose if table is _trials else "vote") for row in mine],
        "stands": [True] * len(mine),
    }


def _effective(answers: Answers, pairs: int) -> np.ndarray:
    """Rows of the first standing answer of each purpose of each observer to each pair."""
    rows = np.flatnonzero(answers["stands"])
    of = answers["purpose"][rows].astype(np.int64) * 2**15 + answers["observer"][rows]
    _, first = np.unique(of * pairs + answers["position"][rows], return_index=True)
    return rows[first]
