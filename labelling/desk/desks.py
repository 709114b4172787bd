"""Which rounds are worked on here, by whom, and the desk that each of them is worked on at."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from labelling.desk.pictures import Pictures
from labelling.desk.rating import RatingDesk
from labelling.desk.sets import GONE, Ending, Names, Set, UnknownShowing, Work
from labelling.desk.tokens import Sealer
from labelling.desk.voting import PairDesk
from labelling.store import Batch, Observer, Store, UnknownRound

REVIEWERS = ("expert", "manager")


class NotYours(Exception):
    """The observer's role does not allow this."""


@dataclass(frozen=True)
class Listed:
    """A set on an observer's list."""

    number: int
    task: str
    set: str
    done: int
    left: int


class Desks:
    """The desks of every round of `store`, or of the given `rounds`, as they are registered at the moment.

    `finish` is called in the background with the round that got its last answer, and returns the sentence that goes to
    `announce` and, without the round's name, to the page.
    """

    def __init__(
        self, store: Store, sealer: Sealer, pictures: Pictures, rounds: Sequence[str] | None,
        finish: Callable[[str], str], announce: Callable[[str], object],
    ) -> None:  # fmt: skip
        self._store = store
        self._only = None if rounds is None else frozenset(rounds)
        self._finish = finish
        self._announce = announce
        self.names = Names(sealer, self.rounds)
        self._work = Work(store, self.names, pictures)
        self._lock = threading.Lock()
        self._endings: dict[str, Ending] = {}
        self._pairs: dict[str, PairDesk] = {}
        self._ratings: dict[Set, RatingDesk] = {}

    def rounds(self) -> list[str]:
        """The rounds that may be worked on here."""
        return [round for round in self._store.rounds() if self._only is None or round in self._only]

    def batch(self, wanted: Set, observer: Observer) -> Batch:
        """What the set's round asks for. Raises UnknownShowing where it is not for people, NotYours for a role."""
        if wanted.task == "review" and observer.role not in REVIEWERS:
            raise NotYours("reviews are for experts; ask whoever runs this server")
        try:
            batch = self._store.batch(wanted.round)
        except UnknownRound:
            batch = None
        if batch is None or wanted.task not in _tasks(batch):
            raise UnknownShowing(GONE)
        return batch

    def pairs(self, round: str, observer: Observer) -> PairDesk:
        """The desk to vote on the round's pairs. Raises as `batch`; a desk that is there already looks for itself."""
        desk = self._pairs.get(round)
        if desk is None:
            self.batch(Set(round, "compare"), observer)
            with self._lock:
                desk = self._pairs.setdefault(round, PairDesk(self._work, round, self._ending(round)))
        return desk

    def ratings(self, round: str, observer: Observer, *, review: bool) -> RatingDesk:
        """The desk to rate the round's pictures, or to review their ratings. Raises as `batch`."""
        wanted = Set(round, "review" if review else "rate")
        self.batch(wanted, observer)
        with self._lock:
            if wanted not in self._ratings:
                self._ratings[wanted] = RatingDesk(self._work, round, self._ending(round), review=review)
            return self._ratings[wanted]

    def desk(self, wanted: Set, observer: Observer) -> PairDesk | RatingDesk:
        """The desk of a set. Raises as `batch`."""
        if wanted.task == "compare":
            return self.pairs(wanted.round, observer)
        return self.ratings(wanted.round, observer, review=wanted.task == "review")

    def pairs_complete(self, round: str) -> bool:
        """True where every pair of a round has its votes. Raises UnknownRound, StoreError for a round of ratings."""
        with self._store.log(round) as (log, _):
            return bool(log.settled().all())

    def listed(self, observer: Observer) -> list[Listed]:
        """The sets in which the observer has or had something to do."""
        found: list[Listed] = []
        for round in self.rounds():
            for task in _tasks(self._store.batch(round)):
                if task == "review" and observer.role not in REVIEWERS:
                    continue
                wanted = Set(round, task)
                state = self.desk(wanted, observer).state(observer)
                if state.done or state.left:
                    token = self.names.set(observer, wanted)
                    found.append(Listed(len(found) + 1, task, token, state.done, state.left))
        return found

    def wait(self, seconds: float) -> None:
        """Give calls that were begun by a last vote this long to end."""
        for ending in list(self._endings.values()):
            ending.wait(seconds)

    def _ending(self, round: str) -> Ending:
        if round not in self._endings:
            self._endings[round] = Ending(round, self._finish, self._announce)
        return self._endings[round]


def _tasks(batch: Batch) -> tuple[str, ...]:
    """What can be done in a round. What an LLM rated is there to be reviewed."""
    if batch.task != "pairs":
        return ("rate", "review") if (batch.task, batch.kind) == ("ratings", "people") else ("review",)
    return ("compare",) if batch.kind == "people" else ()
