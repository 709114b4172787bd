"""One observer voting on one round: what is shown, which side is which, and what an answer means."""

from __future__ import annotations

import random
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from labelling.checks import check_name
from labelling.errors import StoreError
from labelling.records import TIE, UNSURE, Batch, Vote
from labelling.resume import after_last_vote
from labelling.store import Store

_REMEMBERED = 5000  # showings of one session; the oldest are forgotten

_BY_HAND = "All votes of this round are in. If the run still waits, run `dvc repro`."


class UnknownShowing(LookupError):
    """An answer, or a request for a picture, names no showing of this session."""


class AnswerNotAllowed(ValueError):
    """The answer is not among those this round allows."""


@dataclass(frozen=True, kw_only=True)
class Showing:
    """A pair on screen: opaque ids for the showing and its pictures, and what they stand for."""

    id: str
    key: str
    left: str
    right: str
    left_picture: str
    right_picture: str


@dataclass(frozen=True, kw_only=True)
class State:
    """What the header of the page says.

    `done` and `left` count pairs for this observer; `undo` is the id of the vote that could be taken back; `complete`
    tells that the round has all its votes of everybody, and `message` what happens then.
    """

    done: int
    left: int
    undo: str | None
    complete: bool
    message: str | None


def check_people(store: Store, round: str) -> Batch:
    """The round's batch. Raises UnknownRound, and StoreError where the round is not labelled by people."""
    batch = store.batch(round)
    if batch.kind != "people":
        raise StoreError(
            f"round {round} is labelled by {batch.kind} observers; set labels.source to people in params.yaml, and run "
            "`dvc repro` to its labels stage, to vote yourself"
        )
    return batch


class VotingSession:
    """The votes of `observer` on `round`; made once per server, used by many threads.

    Raises UnknownRound, StoreError where the round is not labelled by people, ValueError for a malformed name.
    """

    def __init__(
        self,
        store: Store,
        round: str,
        observer: str,
        *,
        allow_tie: bool = False,
        allow_unsure: bool = False,
        finish: Callable[[str], str] = after_last_vote,
    ) -> None:
        check_name("observer", observer)
        self.batch = check_people(store, round)
        self.round = round
        self.observer = observer
        self.answers = ("left", "right", *((TIE,) if allow_tie else ()), *((UNSURE,) if allow_unsure else ()))
        self._store = store
        self._finish = finish
        self._sides = random.SystemRandom()
        self._showings: OrderedDict[str, Showing] = OrderedDict()
        self._pictures: dict[str, str] = {}
        self._lock = threading.Lock()
        self._finishing: threading.Thread | None = None
        self._message: str | None = None

    def show(self, skip: Sequence[str] = ()) -> Showing | None:
        """The next pair to vote on, sides at random, else None; `skip` are showings whose pairs are passed over."""
        with self._lock:
            keys = {self._showings[id].key for id in skip if id in self._showings}
        pair = self._store.next_pair(self.round, self.observer, keys)
        if pair is None:
            return None
        left, right = self._sides.sample(pair.pictures, 2)
        ids = [secrets.token_urlsafe(16) for _ in range(3)]
        showing = Showing(
            id=ids[0], key=pair.key, left=left, right=right, left_picture=ids[1], right_picture=ids[2]
        )  # fmt: skip
        with self._lock:
            self._showings[showing.id] = showing
            self._pictures |= {showing.left_picture: left, showing.right_picture: right}
            while len(self._showings) > _REMEMBERED:
                _, old = self._showings.popitem(last=False)
                del self._pictures[old.left_picture], self._pictures[old.right_picture]
        return showing

    def picture(self, id: str) -> bytes:
        """PNG bytes of a picture shown in this session. Raises UnknownShowing."""
        with self._lock:
            sha256 = self._pictures.get(id)
        if sha256 is None:
            raise UnknownShowing("no such picture in this session; reload the page")
        return self._store.picture(sha256)

    def vote(self, id: str, showing: str, answer: str, seconds: float) -> State:
        """Store an answer ('left', 'right', and 'tie', 'unsure' where allowed) under the client-made vote id.

        Returns only after the vote is durably stored; the same vote again is fine. Raises UnknownShowing,
        AnswerNotAllowed, VoteConflict, StoreUnavailable; nothing was stored then.
        """
        if answer not in self.answers:
            raise AnswerNotAllowed(f"the answer must be one of {', '.join(self.answers)}")
        with self._lock:
            shown = self._showings.get(showing)
        if shown is None:
            raise UnknownShowing("this pair was not shown in this session; reload the page")
        preferred = {"left": shown.left, "right": shown.right}.get(answer, answer)
        self._store.add_votes(
            [
                Vote(
                    id=id, key=shown.key, observer=self.observer, kind="people", preferred=preferred, left=shown.left,
                    round=self.round, seconds=round(seconds, 3),
                )
            ]
        )  # fmt: skip
        if self._store.status(self.round).complete:
            self._begin_to_finish()
        return self.state()

    def undo(self, vote: str) -> State:
        """Take back this observer's vote with that id; twice is fine. Raises UnknownVote."""
        self._store.retract(vote, self.observer)
        return self.state()

    def state(self) -> State:
        """The state as it is now."""
        progress = self._store.progress(self.round, self.observer)
        last = self._store.last_vote(self.observer, self.round)
        complete = self._store.status(self.round).complete
        with self._lock:
            message = None
            if complete:
                message = self._message or _BY_HAND
            elif not (self._finishing and self._finishing.is_alive()):
                self._finishing = self._message = None  # a vote was taken back: the next last vote counts anew
        return State(
            done=progress.done, left=progress.left, undo=None if last is None else last.id, complete=complete,
            message=message,
        )  # fmt: skip

    def _begin_to_finish(self) -> None:
        with self._lock:
            if self._finishing is None:
                self._message = "All votes are in. Telling the run that waits for them …"
                self._finishing = threading.Thread(target=self._tell, name="after-last-vote", daemon=True)
                self._finishing.start()

    def _tell(self) -> None:
        message = _BY_HAND
        try:
            message = self._finish(self.round)
        finally:
            with self._lock:
                self._message = message
