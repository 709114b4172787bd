"""The calls of the pages: JSON in, JSON out, with the cookie and the code of one session."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from anyio import to_thread
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse

from labelling.desk.desks import Desks
from labelling.desk.sets import PURPOSES, Set, Showing, State, UnknownShowing
from labelling.desk.tokens import Doorkeeper
from labelling.desk.visits import Visits
from labelling.desk.voting import PURPOSES as PAIR_PURPOSES
from labelling.store import Circle, Observer, Store
from labelling.web.access import EXPECTED, check_manager, refusal, session_of
from labelling.web.bodies import (
    B,
    NextBody,
    NoBody,
    PageBody,
    RateBody,
    ReviewBody,
    SetBody,
    ShowingBody,
    VoteBody,
    parse,
    read,
)
from labelling.web.language import Language

CODE_HEADER = "X-Loupe-Session"
_READING = ("/api/next", "/api/rate/next", "/api/review/next", "/api/state", "/api/watch")


class Calls:
    """What every call does, for the observer whose session it comes with."""

    def __init__(self, desks: Desks, store: Store) -> None:
        self._desks = desks
        self._names = desks.names
        self._store = store

    def next(self, task: str) -> Callable[[Observer, NextBody], dict[str, Any]]:
        """The call for the next showing of a set with that task."""

        def act(observer: Observer, body: NextBody) -> dict[str, Any]:
            wanted = self._names.open_set(observer, body.set)
            if wanted.task != task:
                raise UnknownShowing("there is no such set here; open your personal link again")
            skip = self._shown(observer, body.skip, wanted)
            shown, state = self._desks.desk(wanted, observer).next(observer, skip)
            return {"showing": shown, "state": asdict(state)}

        return act

    def vote(self, observer: Observer, body: VoteBody) -> dict[str, Any]:
        """An answer about a pair."""
        shown = self._names.open_showing(observer, body.showing, *PAIR_PURPOSES)
        desk = self._desks.pairs(shown.round, observer)
        return _stated(desk.vote(observer, body.id, shown, body.answer, body.seconds))

    def rate(self, observer: Observer, body: RateBody) -> dict[str, Any]:
        """Scores and circles of a picture, or an expert's review of somebody's."""
        verdict = body.verdict if isinstance(body, ReviewBody) else None
        shown = self._names.open_showing(observer, body.showing, "rate" if verdict is None else "review")
        desk = self._desks.ratings(shown.round, observer, review=verdict is not None)
        circles = [Circle(x=c.x, y=c.y, radius=c.radius, artifact=c.artifact) for c in body.circles]
        state = desk.rate(
            observer, body.id, shown, verdict=verdict, scores=body.scores, circles=circles, note=body.note,
            seconds=body.seconds,
        )  # fmt: skip
        return _stated(state)

    def skip(self, observer: Observer, body: ShowingBody) -> dict[str, Any]:
        """Put what is on screen off."""
        shown = self._names.open_showing(observer, body.showing, *PURPOSES)
        return _stated(self._desks.desk(Set(shown.round, _task(shown)), observer).skip(observer, shown))

    def undo(self, observer: Observer, body: SetBody) -> dict[str, Any]:
        """Take back the newest answer in a set."""
        return _stated(self._desks.desk(self._names.open_set(observer, body.set), observer).undo(observer))

    def state(self, observer: Observer, body: SetBody) -> dict[str, Any]:
        """The state of a set."""
        return _stated(self._desks.desk(self._names.open_set(observer, body.set), observer).state(observer))

    def watch(self, observer: Observer, _: NoBody) -> dict[str, Any]:
        """The numbers of every round, for a manager."""
        from labelling.desk.overview import overview

        check_manager(observer)
        return overview(self._store)

    def _shown(self, observer: Observer, tokens: Sequence[str], wanted: Set) -> list[Showing]:
        # Only a wish: what is not a showing of this set (but of another one, in the same browser) is no reason to stop.
        found = []
        for token in tokens:
            try:
                shown = self._names.open_showing(observer, token, *PURPOSES)
            except UnknownShowing:
                continue
            if shown.round == wanted.round and _task(shown) == wanted.task:
                found.append(shown)
        return found


def add_calls(
    app: FastAPI, door: Doorkeeper, desks: Desks, store: Store, visits: Visits, language_of: Callable[[Observer], Language]
) -> None:  # fmt: skip
    """Add every call to the app; what is said to an observer is in that one's language."""

    def call(path: str, model: type[B], act: Callable[[Observer, B], dict[str, Any]]) -> None:
        saving = path not in _READING

        def work(request: Request, content: bytes) -> Response:
            session = session_of(door, request, saving=saving)
            if not door.is_code(session, request.headers.get(CODE_HEADER, "")):
                raise HTTPException(403, "this page belongs to a session that has ended; reload it")
            body = parse(content, model)
            try:
                return JSONResponse(in_language(act(session.observer, body), session.observer))
            except EXPECTED as error:
                status, sentence = refusal(error, saving=saving)
                raise HTTPException(status, language_of(session.observer).said(sentence)) from error

        def in_language(answer: dict[str, Any], observer: Observer) -> dict[str, Any]:
            state = answer.get("state")
            if state and (state["message"] or state["notice"]):
                said = language_of(observer).said
                answer["state"] = state | {name: state[name] and said(state[name]) for name in ("message", "notice")}
            return answer

        async def answer(request: Request) -> Response:
            content = await read(request)
            return await to_thread.run_sync(work, request, content)

        app.post(path)(answer)

    def page(observer: Observer, body: PageBody) -> dict[str, Any]:
        visits.answer(observer, body.page, body.answers)
        return {}

    calls = Calls(desks, store)
    call("/api/next", NextBody, calls.next("compare"))
    call("/api/vote", VoteBody, calls.vote)
    call("/api/skip", ShowingBody, calls.skip)
    call("/api/undo", SetBody, calls.undo)
    call("/api/state", SetBody, calls.state)
    call("/api/rate/next", NextBody, calls.next("rate"))
    call("/api/rate", RateBody, calls.rate)
    call("/api/review/next", NextBody, calls.next("review"))
    call("/api/review", ReviewBody, calls.rate)
    call("/api/watch", NoBody, calls.watch)
    call("/api/page", PageBody, page)


def _task(shown: Showing) -> str:
    return "compare" if shown.purpose in PAIR_PURPOSES else shown.purpose


def _stated(state: State) -> dict[str, Any]:
    return {"state": asdict(state)}
