"""What each observer is asked next: everybody in an order of their own, until every pair has its votes.

An observer gets training pairs first (the first ones of the round; for real they come last), then the pairs that still
owe votes in the observer's own shuffled order, and in between hidden repeats with the sides swapped. Who can't tell is
not asked about that pair again. Nothing is handed out or reserved: two observers may hold the same pair, and whatever
comes in is stored. In a round with a goal the next pair that owes votes is chosen by all votes so far
(labelling.desk.adaptive), and a budget of votes ends the round.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import Connection, Select, bindparam, select

from labelling.store import PURPOSES, Batch, Log, OpenPair, Progress, Store, chosen, shuffled
from labelling.store.database import schema
from labelling.store.queries import chunks, sources_of

if TYPE_CHECKING:
    from labelling.desk.adaptive import Chooser

REPEAT_AFTER = 8  # votes cast between a pair and its repeat, as long as there are other pairs
_REMEMBERED = 32  # observers whose order is kept; another one's is made anew
_REPEAT, _TRAINING = PURPOSES.index("repeat"), PURPOSES.index("training")

_pairs, _batch_pairs = schema.pairs, schema.batch_pairs


@dataclass(frozen=True, eq=False)
class _Own:
    """One observer's way through a round. All but the last three are (pairs,) bool."""

    open: np.ndarray  # owes votes, and has no answer of this observer
    voted: np.ndarray
    trained: np.ndarray
    untrained: np.ndarray  # still to be shown for training
    repeated: np.ndarray
    rows: np.ndarray  # of this observer's votes in the log, in the order cast in this round
    trials: np.ndarray  # rows of this observer's trials
    skips: dict[int, int]


class Queue:
    """What observers are asked in one round; one for each process and round, shared by its threads.

    Raises UnknownRound, and StoreError for a round of ratings.
    """

    def __init__(self, store: Store, round: str) -> None:
        self.round = round
        self._store = store
        self._orders: OrderedDict[tuple[object, ...], tuple[np.ndarray, np.ndarray]] = OrderedDict()
        self._chooser: tuple[object, Chooser | None] = (None, None)
        with store.log(round) as (log, _):
            self._batch = log.batch

    @property
    def batch(self) -> Batch:
        """What the round asks for, as of the last call."""
        return self._batch

    def next(self, observer: str, skip: Collection[str] = (), most: int | None = None) -> OpenPair | None:
        """What to show `observer` next, else None; `skip` names pairs that are on screen, or whose answer is on its way.

        `most`: from how many voted pairs of this round on no other one is asked about; None: never.
        """
        with self._looking() as (log, db):
            own = self._own(log, observer, most)
            order, repeats = self._order(observer)
            passed = np.zeros(self._batch.pairs, bool)
            passed[_positions(db, self._batch, skip)] = True
            later = passed.copy()
            later[list(own.skips)] = True
            training = _first(order, own.untrained & ~later)
            if training is not None:
                return _open_pair(db, self._batch, training, "training")
            candidates = _candidates(log, own, repeats & ~later)
            due = candidates[candidates < len(own.rows) - REPEAT_AFTER]
            if len(due):
                return _repeat(db, log, own.rows[due[0]])
            fresh = self._fresh(log, db, observer, order, own.open & ~later)
            if fresh is not None:
                return _open_pair(db, self._batch, fresh, "vote")
            apart = candidates if passed.any() else candidates[~_is_last(log, own, candidates)]
            if len(apart):
                return _repeat(db, log, own.rows[apart[0]])
            skipped = [(seq, place) for place, seq in own.skips.items() if own.open[place] and not passed[place]]
            if skipped:
                return _open_pair(db, self._batch, min(skipped)[1], "vote")
            return _repeat(db, log, own.rows[candidates[0]]) if len(candidates) else None

    def progress(self, observer: str, most: int | None = None) -> Progress:
        """How far `observer` is, repeats and training included, and the seconds spent on it; `most` as in `next`."""
        with self._looking() as (log, _):
            own = self._own(log, observer, most)
            _, repeats = self._order(observer)
            cast = np.zeros(self._batch.pairs, bool)
            cast[log.votes["position"][own.rows]] = True
            owed = repeats & ~own.repeated
            owed[list(own.skips)] = False
            # Of many open pairs this person, or the study, may still ask a part: repeats are as many in it as in all.
            open_pairs = int(own.open.sum())
            bounds = [log.remaining(), None if most is None else max(most - int(cast.sum()), 0)]
            to_come = min([open_pairs, *(bound for bound in bounds if bound is not None)])
            to_repeat = int((owed & own.open & ~cast).sum()) * to_come // max(1, open_pairs)
            done = own.voted.sum() + own.trained.sum() + own.repeated.sum()
            left = to_come + own.untrained.sum() + (owed & cast).sum() + to_repeat
            spent = np.nansum(log.votes["seconds"][own.rows], dtype=np.float64)
            spent += np.nansum(log.trials["seconds"][own.trials], dtype=np.float64)
        return Progress(done=int(done), left=int(left), seconds=float(spent))

    def complete(self) -> bool:
        """True if every pair has its votes, or is undecidable, or the budget is spent."""
        with self._looking() as (log, _):
            return bool(log.settled().all())

    def _fresh(self, log: Log, db: Connection, observer: str, order: np.ndarray, wanted: np.ndarray) -> int | None:
        """The position of the next pair that owes votes, of those wanted."""
        batch = self._batch
        if not batch.options.goal:
            return _first(order, wanted)
        key = (batch.id, batch.options.goal)
        if self._chooser[0] != key:
            from labelling.desk.adaptive import chooser  # its mathematics takes memory that other rounds need not pay

            self._chooser = (key, chooser(db, batch))
        found = self._chooser[1]
        if found is None:
            return _first(order, wanted)
        return found.choose(log, log.number(observer), order, wanted)

    @contextmanager
    def _looking(self) -> Iterator[tuple[Log, Connection]]:
        with self._store.log(self.round) as (log, db):
            self._batch = log.batch
            yield log, db

    def _order(self, observer: str) -> tuple[np.ndarray, np.ndarray]:
        """The observer's order, training pairs last, and which pairs come twice."""
        batch, options = self._batch, self._batch.options
        key = (batch.id, options.training, options.repeats, observer)
        if key not in self._orders:
            order = shuffled(batch.pairs, batch.id, observer)
            order = np.concatenate([order[order >= options.training], order[order < options.training]])
            self._orders[key] = (order, chosen(batch.pairs, options.repeats, batch.id, observer))
            while len(self._orders) > _REMEMBERED:
                self._orders.popitem(last=False)
        self._orders.move_to_end(key)
        return self._orders[key]

    def _own(self, log: Log, observer: str, most: int | None) -> _Own:
        number = log.number(observer)
        voted = log.voted(number)
        open = ~log.settled() & ~voted
        trials = log.trials.of(number)
        place, purpose = log.trials["position"][trials], log.trials["purpose"][trials]
        trained, repeated, untrained = (np.zeros(self._batch.pairs, bool) for _ in range(3))
        trained[place[purpose == _TRAINING]] = True
        repeated[place[purpose == _REPEAT]] = True
        skips = log.skips.get(observer, {})
        rows = log.votes.of(number)
        rows = rows[log.votes["here"][rows]]
        if most is not None and len(np.unique(log.votes["position"][rows])) >= most:
            open[:] = False
        if open.any():  # nobody trains for nothing
            untrained[: self._batch.options.training] = True
            untrained &= ~trained & ~voted
            untrained[list(skips)] = False
        return _Own(
            open=open, voted=voted, trained=trained, untrained=untrained, repeated=repeated,
            rows=rows, trials=trials, skips=skips,
        )  # fmt: skip


def _first(order: np.ndarray, wanted: np.ndarray) -> int | None:
    """The first position in `order` that is wanted."""
    found = wanted[order]
    at = int(found.argmax())
    return int(order[at]) if found[at] else None


def _candidates(log: Log, own: _Own, repeats: np.ndarray) -> np.ndarray:
    """Indices into `own.rows` of the votes that a repeat is still to come for, in the order cast."""
    places = log.votes["position"][own.rows]
    wanted = np.flatnonzero((repeats & ~own.repeated)[places])
    _, first = np.unique(places[wanted], return_index=True)
    return wanted[np.sort(first)]


def _is_last(log: Log, own: _Own, candidates: np.ndarray) -> np.ndarray:
    """True where the vote is the newest answer of the observer."""
    seqs = log.votes["seq"][own.rows]
    newest = max(seqs.max(initial=0), 0 if not len(own.trials) else log.trials["after"][own.trials].max() + 0.5)
    return seqs[candidates] == newest


def _positions(db: Connection, batch: Batch, keys: Collection[str]) -> list[int]:
    query = select(_batch_pairs.c.position).where(_batch_pairs.c.batch == batch.id)
    found: list[int] = []
    for chunk in chunks(sorted(set(keys))):
        found += db.execute(query.where(_batch_pairs.c.pair.in_(chunk))).scalars()
    return found


def _open_pair(db: Connection, batch: Batch, position: int, purpose: str, left_low: bool | None = None) -> OpenPair:
    row = db.execute(_pair_at(), {"batch": batch.id, "position": position}).one()
    left = None if left_low is None else (row.low if left_low else row.high)
    pictures, sources = (row.low, row.high), sources_of(db, batch.id, row.key)
    return OpenPair(
        key=row.key, pictures=pictures, question=batch.question, question_id=batch.question_id, purpose=purpose, left=left,
        sources=sources,
    )  # fmt: skip


@cache
def _pair_at() -> Select[Any]:
    query = select(_pairs).join(_batch_pairs, _batch_pairs.c.pair == _pairs.c.key)
    return query.where(_batch_pairs.c.batch == bindparam("batch"), _batch_pairs.c.position == bindparam("position"))


def _repeat(db: Connection, log: Log, row: int) -> OpenPair:
    """The pair of a vote again, the other picture left."""
    position, left_low = int(log.votes["position"][row]), bool(log.votes["left_low"][row])
    return _open_pair(db, log.batch, position, "repeat", not left_low)
