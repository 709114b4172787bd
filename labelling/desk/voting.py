"""Observers voting on the pairs of a round: what is shown, which side is which, and what an answer means."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from labelling.desk import practice
from labelling.desk.queue import Queue
from labelling.desk.sets import (
    GONE,
    AnswerNotAllowed,
    Ending,
    Showing,
    State,
    UnknownShowing,
    Work,
    after_saving,
    round_seconds,
)
from labelling.store import (
    TIE,
    UNSURE,
    VISITOR,
    Batch,
    Log,
    Observer,
    OpenPair,
    Options,
    Store,
    StoreError,
    Trial,
    Vote,
    pair_key,
)

PURPOSES = ("vote", "repeat", "training")
_ANSWERED_BEFORE = "This pair you had answered otherwise before (in another window?): that answer counts, not this one."


def check_people(store: Store, round: str) -> Batch:
    """The round's batch. Raises UnknownRound, and StoreError where the round is not labelled by people."""
    batch = store.batch(round)
    if batch.kind != "people":
        raise StoreError(
            f"round {round} is labelled by {batch.kind} observers; set labels.source to people in params.yaml, and run "
            "`dvc repro` to its labels stage, to vote yourself"
        )
    return batch


def answers_of(options: Options) -> tuple[str, ...]:
    """The answers that a round asks for."""
    return "left", "right", *((TIE,) if options.allow_tie else ()), *((UNSURE,) if options.allow_unsure else ())


def sides_of(pair: OpenPair, chance: random.Random) -> tuple[str, str]:
    """The pictures left and right: by chance, except in a repeat, which prescribes them."""
    if pair.left is not None:
        first, second = pair.pictures
        return pair.left, second if pair.left == first else first
    left, right = chance.sample(pair.pictures, 2)
    return left, right


def save_answer(
    store: Store, purpose: str, *, id: str, observer: str, round: str, left: str, right: str, answer: str,
    seconds: float, question_id: str,
) -> int:  # fmt: skip
    """Store an answer ('left', 'right', 'tie', 'unsure') durably, as a vote or as a trial; returns how many were new.

    It answers the question that was shown, whatever the round asks by now ("": what it asks now).
    Raises VoteConflict, InvalidVote, StoreUnavailable; nothing was stored then.
    """
    fields: dict[str, Any] = {
        "id": id, "key": pair_key(left, right), "observer": observer, "kind": "people", "round": round, "left": left,
        "preferred": {"left": left, "right": right}.get(answer, answer), "seconds": round_seconds(seconds),
    }  # fmt: skip
    if purpose == "vote":
        return store.add_votes([Vote(**fields)], question_id or None)
    return store.add_trials([Trial(purpose=purpose, **fields)], question_id or None)


class PairDesk:
    """The votes of every observer on one round; made once per server and round, used by many threads."""

    def __init__(self, work: Work, round: str, ending: Ending) -> None:
        self.round = round
        self._work = work
        self._ending = ending
        self._chance = random.SystemRandom()
        self._opening = threading.Lock()
        self._opened: Queue | None = None
        self._log: Log
        self._complete: bool | None = None  # as last seen

    def next(self, observer: Observer, skip: Sequence[Showing]) -> tuple[dict[str, Any] | None, State]:
        """The next pair to vote on, else None, and the state; the pairs of the showings `skip` are passed over."""
        most = self._most(observer)
        waiting = sum(shown.purpose == "vote" for shown in skip)
        keys = [pair_key(shown.first, shown.second) for shown in skip]
        pair = self._queue.next(observer.name, keys, None if most is None else most - waiting)
        self._check_people()
        if pair is None:
            return None, self.state(observer)
        left, right = sides_of(pair, self._chance)
        self._work.pictures.prepare([left, right, *(picture for _, picture in pair.sources)])
        shown = {
            "id": self._work.names.showing(
                observer, self.round, pair.purpose, left, right, question_id=pair.question_id
            ),
            "question": pair.question,
            "left": self._work.show(observer, left),
            "right": self._work.show(observer, right),
            "sources": self._work.show_sources(observer, pair.sources),
            "training": pair.purpose == "training",
            "feedback": pair.purpose == "training" and practice.tells(self._work.store, self.round, pair.key),
        }
        return shown, self.state(observer)

    def vote(self, observer: Observer, id: str, shown: Showing, answer: str, seconds: float) -> State:
        """Store an answer under the id that the page made.

        Returns only after the answer is durably stored; the same one again is fine. The state's `notice` says where the
        observer had answered the pair otherwise before, so that this answer does not count. Raises AnswerNotAllowed,
        VoteConflict, StoreUnavailable, and nothing was stored then; SavedButUncounted, and it was.
        """
        was_complete = self._queue.complete() if self._complete is None else self._complete
        self._check_people()
        allowed = answers_of(self._queue.batch.options)
        if answer not in allowed:
            raise AnswerNotAllowed(f"the answer must be one of {', '.join(allowed)}")
        new = save_answer(
            self._work.store, shown.purpose, id=id, observer=observer.name, round=self.round, left=shown.first,
            right=shown.second, answer=answer, seconds=seconds, question_id=shown.question_id,
        )  # fmt: skip
        said = {"left": shown.first, "right": shown.second}.get(answer, answer)
        return after_saving(
            lambda: replace(
                self._counted(observer, late=was_complete and bool(new)),
                notice=self._notice(observer, shown.purpose, id, said),
                feedback=self._feedback(shown, said),
            )
        )

    def skip(self, observer: Observer, shown: Showing) -> State:
        """Put a pair off: it comes back when nothing else is left."""
        self._work.store.skip_pair(self.round, observer.name, pair_key(shown.first, shown.second))
        return self.state(observer)

    def undo(self, observer: Observer) -> State:
        """Take back this observer's newest answer in this round, where there is one."""
        last = self._work.store.last_answer(self.round, observer.name)
        if last is not None:
            self._work.store.retract(last, observer.name)
        return self.state(observer)

    def state(self, observer: Observer) -> State:
        """The state as it is now, by one look at the database."""
        progress = self._queue.progress(observer.name, self._most(observer))
        self._check_people()
        log = self._log
        with log.lock:
            number = log.number(observer.name)
            undo = bool(log.votes["here"][log.votes.of(number)].any() or len(log.trials.of(number)))
            complete = self._complete = bool(log.settled().all())
        return State(
            done=progress.done, left=progress.left, undo=undo, complete=complete,
            message=self._ending.message(complete), spent=round_seconds(progress.seconds),
        )  # fmt: skip

    def source_names(self, observer: Observer) -> list[str]:
        """Names of the source pictures that go with a pair (infrared, visible, ...)."""
        pair = self._queue.next(observer.name)
        return [] if pair is None else [name for name, _ in pair.sources]

    def _check_people(self) -> None:
        """Raises UnknownShowing where the round, as last looked at, is not labelled by people any more."""
        if self._queue.batch.kind != "people":
            raise UnknownShowing(GONE)

    def _most(self, observer: Observer) -> int | None:
        """How many pairs are asked of the observer: a visitor has a quota."""
        link = self._work.store.link_of(self.round) if observer.role == VISITOR else None
        return None if link is None else link.limits.quota

    def _feedback(self, shown: Showing, said: str) -> tuple[str, str] | None:
        if shown.purpose != "training":
            return None
        key = pair_key(shown.first, shown.second)
        return practice.feedback(self._work.store, self.round, key, (shown.first, shown.second), said)

    def _notice(self, observer: Observer, purpose: str, id: str, said: str) -> str | None:
        log = self._log
        with log.lock:
            twice = log.number(observer.name) in log.twice
        before = self._work.store.effective_instead(id) if purpose == "vote" and twice else None
        return None if before is None or before.preferred == said else _ANSWERED_BEFORE

    def _counted(self, observer: Observer, late: bool) -> State:
        state = self.state(observer)
        # A retry of the last vote counts as the last vote: the server may have been killed before it told anybody.
        if state.complete and not late:
            self._ending.begin()
            return replace(state, message=self._ending.message(True))
        return state

    @property
    def _queue(self) -> Queue:
        with self._opening:
            if self._opened is None:
                with self._work.store.log(self.round) as (self._log, _):
                    self._opened = Queue(self._work.store, self.round)
            return self._opened
