"""What the pages of one observer have in common: the set (a round seen by one observer), showings, and the state.

A browser knows a set, a showing and a picture by sealed tokens alone. They name the round by a tag of fixed length, so
that no token's length tells anything.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from labelling.desk.pictures import Pictures
from labelling.desk.tokens import BadToken, Sealer
from labelling.store import Observer, Store, StoreError

TASKS = ("compare", "rate", "review")
PURPOSES = ("vote", "repeat", "training", "rate", "review")

GONE = "this set is not labelled here any more; open your personal link again"
_BY_HAND = "All answers of this set are in. If a run still waits for them, run `dvc repro`."

_log = logging.getLogger(__name__)


class UnknownShowing(LookupError):
    """A token names no set, showing or picture of this observer."""


class AnswerNotAllowed(ValueError):
    """The answer is not one that this round asks for."""


class SavedButUncounted(Exception):
    """The answer is stored, and the state that goes with it could not be read. Sending it again is harmless."""


@dataclass(frozen=True)
class Set:
    """A round's task for one observer."""

    round: str
    task: str


@dataclass(frozen=True)
class Showing:
    """What was put on screen, as its token says.

    Of a pair: the pictures left and right; of a picture to rate: that picture; of a review: it and the rating's id.
    `question_id` is of what was asked, "" in a token of a Loupe that did not say.
    """

    observer: str
    round: str
    purpose: str
    first: str
    second: str
    question_id: str


@dataclass(frozen=True, kw_only=True)
class State:
    """What the header of a page says.

    `done` and `left` count showings for this observer, `spent` is in seconds; `undo` tells if there is an answer to
    take back, `complete` that the set has all its answers of everybody, and `message` what happens then. `notice` is said
    once, about the answer that this is the state after, and so is `feedback`, after a practice pair: right, wrong,
    most_agree or most_differ, and which side was better.
    """

    done: int
    left: int
    undo: bool
    complete: bool
    message: str | None
    spent: float
    notice: str | None = None
    feedback: tuple[str, str] | None = None


class Names:
    """Seals sets, showings and pictures for an observer, and opens what that observer hands back.

    `rounds` gives the rounds that may be worked on, as they are at the moment.
    """

    def __init__(self, sealer: Sealer, rounds: Callable[[], list[str]]) -> None:
        self._sealer = sealer
        self._rounds = rounds
        self._tags: dict[str, str] = {}

    def set(self, observer: Observer, wanted: Set) -> str:
        """The set's token; the same one every time, so that it can be a page's address."""
        payload = [observer.id, _tag(wanted.round), TASKS.index(wanted.task)]
        return self._sealer.seal("set", payload, fresh=False)

    def open_set(self, observer: Observer, token: str) -> Set:
        """Raises UnknownShowing for a token that is not this observer's."""
        owner, tag, task = self._open("set", token)
        if owner != observer.id:
            raise UnknownShowing("there is no such set here; open your personal link again")
        return Set(self._round(tag), TASKS[task])

    def showing(
        self, observer: Observer, round: str, purpose: str, first: str, second: str = "", *, question_id: str
    ) -> str:
        """A new token for something put on screen."""
        filled = second.ljust(64)  # a repeat, a rating and a review look alike from outside
        payload = [observer.id, _tag(round), PURPOSES.index(purpose), first, filled, question_id]
        return self._sealer.seal("showing", payload)

    def open_showing(self, observer: Observer, token: str, *purposes: str) -> Showing:
        """Raises UnknownShowing for a token that is not this observer's, or shows something else than `purposes`."""
        owner, tag, purpose, first, second, *asked = self._open("showing", token)
        if owner != observer.id or PURPOSES[purpose] not in purposes:
            raise UnknownShowing("this was not shown to you here; reload the page")
        return Showing(owner, self._round(tag), PURPOSES[purpose], first, second.strip(), asked[0] if asked else "")

    def draft(self, observer: Observer, round: str, subject: str, question_id: str) -> str:
        """What a page calls its unfinished answer about `subject`: the same every time, and nobody else's."""
        return self._sealer.sign("draft", "\n".join([observer.id, _tag(round), subject, question_id]))

    def picture(self, observer: Observer, sha256: str) -> str:
        """A new token for a picture."""
        return self._sealer.seal("picture", [observer.id, sha256])

    def open_picture(self, observer: Observer, token: str) -> str:
        """The picture's sha256. Raises UnknownShowing for a token that is not this observer's."""
        owner, sha256 = self._open("picture", token)
        if owner != observer.id:
            raise UnknownShowing("there is no such picture here")
        return str(sha256)

    def _open(self, what: str, token: str) -> Any:
        try:
            return self._sealer.open(what, token)
        except BadToken:
            raise UnknownShowing(f"there is no such {what} here; reload the page") from None

    def _round(self, tag: str) -> str:
        if tag not in self._tags:
            self._tags = {_tag(round): round for round in self._rounds()}
        if tag not in self._tags:
            raise UnknownShowing(GONE)
        return self._tags[tag]


class Ending:
    """What happens when a round has all its answers: `finish` runs once, in the background.

    An answer that is taken back afterwards makes the next last one count anew.
    """

    def __init__(self, round: str, finish: Callable[[str], str], announce: Callable[[str], object]) -> None:
        self._round = round
        self._finish = finish
        self._announce = announce
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._message: str | None = None

    def begin(self) -> None:
        """The last answer has just come in."""
        with self._lock:
            if self._thread is None:
                self._message = "All answers are in. Telling the run that waits for them …"
                self._thread = threading.Thread(target=self._tell, name="after-last-vote", daemon=True)
                self._thread.start()

    def message(self, complete: bool) -> str | None:
        """What the page says, by whether the round is complete now."""
        with self._lock:
            if complete:
                return self._message or _BY_HAND
            if self._thread is not None and not self._thread.is_alive():
                self._thread = self._message = None
            return None

    def wait(self, seconds: float) -> None:
        """Give a call that runs in the background this long to end."""
        thread = self._thread
        if thread is not None:
            thread.join(seconds)

    def _tell(self) -> None:
        message = _BY_HAND
        try:
            said = self._finish(self._round)
            self._announce(said)
            # The round's name is for the terminal; the page is blind.
            blind = said.replace(f"round {self._round}", "this set")
            message = _BY_HAND if self._round in blind else blind
        except Exception:  # the answers are stored; whatever is wrong here, the page says what to do by hand
            _log.exception("round %s is complete, and the waiting run could not be told", self._round)
        finally:
            with self._lock:
                self._message = message


class Work:
    """What every set's desk needs: the store, the tokens, and the pictures."""

    def __init__(self, store: Store, names: Names, pictures: Pictures) -> None:
        self.store = store
        self.names = names
        self.pictures = pictures

    def show(self, observer: Observer, sha256: str) -> dict[str, Any]:
        """A picture as a page gets it."""
        width, height = self.pictures.size(sha256)
        levels = self.pictures.levels(sha256)
        return {"id": self.names.picture(observer, sha256), "width": width, "height": height, "levels": levels}

    def show_sources(self, observer: Observer, sources: tuple[tuple[str, str], ...]) -> list[dict[str, Any]]:
        """Source pictures as a page gets them, with their names (infrared, visible, ...)."""
        return [self.show(observer, picture) | {"name": name} for name, picture in sources]


def round_seconds(seconds: float) -> float:
    """Seconds to a thousandth, as they are stored."""
    return round(seconds, 3)


def after_saving(state: Callable[[], State]) -> State:
    """The state after an answer was stored. Raises SavedButUncounted where it cannot be read."""
    try:
        return state()
    except StoreError as error:
        raise SavedButUncounted(str(error)) from error


def _tag(round: str) -> str:
    return sha256(round.encode()).hexdigest()[:32]
