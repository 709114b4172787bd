"""The labelling app: pages, pictures and calls for every observer with a personal link.

No page and no picture without a valid link; every call that reads or changes answers needs, beside the cookie, the code
that only a page of the same session has. Sets, showings and pictures go by sealed tokens made for one observer.
"""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import RedirectResponse

from labelling.desk import progress
from labelling.desk.desks import Desks
from labelling.desk.pictures import NoTile, Pictures
from labelling.desk.resume import after_last_vote
from labelling.desk.sets import Set, UnknownShowing
from labelling.desk.tokens import Doorkeeper, Sealer, Session
from labelling.desk.visits import WORK, Visits
from labelling.desk.voting import answers_of
from labelling.store import TIE, UNSURE, VISITOR, Store
from labelling.web.access import COOKIE, EXPECTED, check_manager, refusal, session_of
from labelling.web.calls import add_calls
from labelling.web.entering import add_entrance
from labelling.web.language import Language
from labelling.web.pages import Pages, static_files
from labelling.web.shield import Shield
from labelling.web.visiting import Speaker, add_visits

_TILE_THREADS = 8
_NUMBER = re.compile(r"[0-9]{1,6}")

_log = logging.getLogger(__name__)


def create_app(
    store: Store,
    *,
    rounds: Sequence[str] | None = None,
    allowed_hosts: Iterable[str] = (),
    finish: Callable[[str], str] = after_last_vote,
    announce: Callable[[str], object] = _log.info,
    language: Language | None = None,
) -> FastAPI:
    """The app in which the observers of `store` work on its `rounds` (None: on all that are registered).

    `allowed_hosts` are the names beside the loopback ones that the server answers for; `finish` is called in the
    background with a round when its last answer is in, and the sentence that it returns goes to `announce`. `language` is
    that of all pages whose study has none of its own; None: English.
    """
    sealer = Sealer(store.secret())
    door, pages, pictures = Doorkeeper(store, sealer), Pages(language), Pictures(store)
    desks = Desks(store, sealer, pictures, rounds, finish, announce)
    visits = Visits(store, desks)
    speaker = Speaker(visits, pages)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        with progress.shown(store):
            yield
        await to_thread.run_sync(desks.wait, 5.0)
        await to_thread.run_sync(pictures.close)

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.add_middleware(Shield, hosts=tuple(allowed_hosts))
    add_entrance(app, door, pages)
    _add_pages(app, door, desks, pages, visits, speaker)
    _add_pictures(app, door, desks, pictures)
    add_calls(app, door, desks, store, visits, speaker.to)
    return app


def _add_pages(
    app: FastAPI, door: Doorkeeper, desks: Desks, pages: Pages, visits: Visits, speaker: Speaker
) -> None:  # fmt: skip
    def page(request: Request, make: Callable[[Session], Response]) -> Response:
        try:
            return make(session_of(door, request))
        except HTTPException as error:
            return pages.refuse(error.status_code, str(error.detail))
        except EXPECTED as error:
            status, sentence = refusal(error)
            return pages.refuse(status, sentence)

    def set_page(request: Request, token: str, task: str, more: Callable[[Session, Set], dict[str, Any]]) -> Response:
        def make(session: Session) -> Response:
            wanted = desks.names.open_set(session.observer, token)
            if wanted.task != task:
                raise UnknownShowing("there is no such page here; open your personal link again")
            question = desks.batch(wanted, session.observer).question
            visitor = session.observer.role == VISITOR
            if visitor and visits.step(session.observer)[0] != WORK:
                return RedirectResponse("/visit", 303)
            values = more(session, wanted) | {"visitor": visitor, "question": question, "set": token}
            return pages.show(task, language=speaker.to(session.observer), session=session.code, **values)

        return page(request, make)

    def compared(session: Session, wanted: Set) -> dict[str, Any]:
        answers = answers_of(desks.batch(wanted, session.observer).options)
        sources = desks.pairs(wanted.round, session.observer).source_names(session.observer)
        return {"tie": TIE in answers, "unsure": UNSURE in answers, "sources": sources}

    def rated(session: Session, wanted: Set) -> dict[str, Any]:
        options = desks.batch(wanted, session.observer).options
        return {"criteria": [asdict(criterion) for criterion in options.criteria], "classes": options.classes}

    @app.get("/")
    def sets(request: Request) -> Response:
        if COOKIE not in request.cookies and request.headers.get("sec-fetch-site") == "cross-site":
            return pages.go_on()

        def make(session: Session) -> Response:
            if session.observer.role == VISITOR:
                return RedirectResponse("/visit", 303)
            listed = desks.listed(session.observer)
            manager = session.observer.role == "manager"
            if len(listed) == 1 and not manager:
                return RedirectResponse(f"/{listed[0].task}/{listed[0].set}", 303)
            return pages.show("sets", session=session.code, sets=[asdict(each) for each in listed], manager=manager)

        return page(request, make)

    add_visits(app, door, pages, visits, speaker, page)

    @app.get("/compare/{token}")
    def compare(request: Request, token: str) -> Response:
        return set_page(request, token, "compare", compared)

    @app.get("/rate/{token}")
    def rate(request: Request, token: str) -> Response:
        return set_page(request, token, "rate", rated)

    @app.get("/review/{token}")
    def review(request: Request, token: str) -> Response:
        return set_page(request, token, "review", rated)

    @app.get("/watch")
    def watch(request: Request) -> Response:
        def make(session: Session) -> Response:
            check_manager(session.observer)
            return pages.show("watch", session=session.code)

        return page(request, make)


def _add_pictures(app: FastAPI, door: Doorkeeper, desks: Desks, pictures: Pictures) -> None:
    static = static_files()
    # Votes must not wait for threads that wait for a large picture.
    limiter = CapacityLimiter(_TILE_THREADS)

    @app.get("/static/{name}")
    def script_or_style(name: str) -> Response:
        if name not in static:
            raise HTTPException(404, "there is no such file")
        content, kind = static[name]
        return Response(content, media_type=kind)

    @app.get("/favicon.ico")
    def icon() -> Response:
        return Response(status_code=204)

    @app.get("/tile/{picture}/{level}/{x}/{y}")
    async def tile(request: Request, picture: str, level: str, x: str, y: str) -> Response:
        def cut() -> bytes:
            observer = session_of(door, request, picture=True).observer
            sha256 = desks.names.open_picture(observer, picture)
            if not all(_NUMBER.fullmatch(number) for number in (level, x, y)):
                raise NoTile("there is no such tile")
            return pictures.tile(sha256, int(level), int(x), int(y))

        try:
            png = await to_thread.run_sync(cut, limiter=limiter)
        except EXPECTED as error:
            raise HTTPException(*refusal(error)) from error
        # The address is good for one showing only, so the browser may keep what it loaded.
        return Response(png, media_type="image/png", headers={"Cache-Control": "private, max-age=3600, immutable"})
