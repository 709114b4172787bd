"""Open links: whoever has one may come in under a random name, and goes through the pages of its study.

Looking at a link makes nobody: programs that fetch links to preview them leave no trace. A visitor is made by POST, from
this server's own page, when a person begins; at most a few in a second, so that no program fills the store.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from labelling.desk.plates import plate
from labelling.desk.sets import UnknownShowing
from labelling.desk.tokens import Doorkeeper, Session
from labelling.desk.visits import END, EXCLUDED, LAPSED, WORK, Study, Visits
from labelling.store import VISITOR, Observer, Visitor
from labelling.web.access import EXPECTED, refusal, session_of
from labelling.web.bodies import JoinBody, parse, read
from labelling.web.calls import CODE_HEADER
from labelling.web.entering import check_own_page, let_in, present_in
from labelling.web.language import Language, language_of
from labelling.web.markdown import html
from labelling.web.pages import Pages

BURST = 200  # visitors that may begin at once: a lecture hall
PER_SECOND = 2.0  # and from then on
_PLATE_THREADS = 2


class Turnstile:
    """Lets `burst` through at once, and `per_second` after that; it does not know who is who."""

    def __init__(self, burst: int, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._left, self._burst, self._per_second, self._clock = float(burst), burst, per_second, clock
        self._at = clock()
        self._lock = threading.Lock()

    def passes(self) -> bool:
        """True where one more may come now."""
        with self._lock:
            now = self._clock()
            self._left = min(self._burst, self._left + (now - self._at) * self._per_second)
            self._at = now
            if self._left < 1:
                return False
            self._left -= 1
            return True


class Speaker:
    """The language in which an observer is spoken to: a visitor's study may have one of its own."""

    def __init__(self, visits: Visits, pages: Pages) -> None:
        self._visits = visits
        self._pages = pages

    def to(self, observer: Observer) -> Language:
        """The language for an observer."""
        return self.of(self._visits.study_of(observer)) if observer.role == VISITOR else self._pages.language

    def of(self, study: Study) -> Language:
        """The language of a study."""
        return language_of(study.language, study.texts) if study.texts else self._pages.language


def add_visits(
    app: FastAPI, door: Doorkeeper, pages: Pages, visits: Visits, speaker: Speaker,
    page: Callable[[Request, Callable[[Session], Response]], Response],
) -> None:  # fmt: skip
    """Add open links, the pages before and after, and the plates of the colour check."""
    turnstile = Turnstile(BURST, PER_SECOND)

    @app.get("/s/{token}")
    def landing(token: str) -> Response:
        try:
            study, closed = visits.study(token), visits.closed(token)
        except EXPECTED as error:
            return pages.refuse(*refusal(error))
        return pages.show(
            "join", language=speaker.of(study), session="", link=token, title=study.pages.title, closed=closed
        )

    def join(request: Request, body: JoinBody) -> Response:
        try:
            round, present = visits.study(body.link).round, present_in(door, request)
            here = present is not None and present.observer.role == VISITOR
            if present is not None and here and visits.study_of(present.observer).round == round:
                return JSONResponse({"entered": True})
            # Somebody with a personal link of their own is not changed into a visitor unasked.
            person = present is not None and not here
            if present is not None and person and not door.is_code(present, request.headers.get(CODE_HEADER, "")):
                return JSONResponse({"entered": False, "you": present.observer.name, "code": present.code})
            found = visits.join(body.link, body.browser, begin=False)
            if found is None and body.begin:
                if not turnstile.passes():
                    raise HTTPException(429, "many people come just now; try again in a moment")
                found = visits.join(body.link, body.browser, begin=True)
            if found is None:
                return JSONResponse({"entered": False})
            return let_in(JSONResponse({"entered": True}), door.admit(door.token(found)))
        except EXPECTED as error:
            raise HTTPException(*refusal(error, saving=True)) from error

    @app.post("/api/join")
    async def ask(request: Request) -> Response:
        check_own_page(request)
        return await to_thread.run_sync(join, request, parse(await read(request), JoinBody))

    @app.get("/visit")
    def visit(request: Request) -> Response:
        def make(session: Session) -> Response:
            observer = session.observer
            if observer.role != VISITOR:
                return RedirectResponse("/", 303)
            step, found = visits.step(observer)
            if step == WORK:
                return RedirectResponse(f"/compare/{visits.work(observer)}", 303)
            study = visits.study_of(observer)
            values = _values(step, study, found)
            return pages.show("visit", language=speaker.of(study), session=session.code, step=step, **values)

        return page(request, make)

    limiter = CapacityLimiter(_PLATE_THREADS)  # drawing one takes a moment, and votes must not wait for it

    @app.get("/plate/{number}")
    async def colour_plate(request: Request, number: int) -> Response:
        def draw() -> bytes:
            observer = session_of(door, request, picture=True).observer
            check = visits.study_of(observer).pages.colour_check if observer.role == VISITOR else None
            if check is None or not 1 <= number <= check.plates:
                raise UnknownShowing("there is no such picture here")
            return plate(observer.id, number)

        try:
            png = await to_thread.run_sync(draw, limiter=limiter)
        except EXPECTED as error:
            raise HTTPException(*refusal(error)) from error
        return Response(png, media_type="image/png")


def _values(step: str, study: Study, found: Visitor) -> dict[str, Any]:
    """What the template shows of a step."""
    pages = study.pages
    asked = pages.asked(step) if step in ("before", "after") else []
    text = {"consent": pages.consent, "instructions": pages.instructions, END: pages.thanks}.get(step)
    return {
        "title": pages.title,
        "text": html(text or ""),
        "questions": [question.model_dump() | {"html": html(question.text)} for question in asked],
        "plates": pages.colour_check.plates if step == "colour" and pages.colour_check else 0,
        "display": pages.display_check.model_dump() if step == "display" and pages.display_check else None,
        "code": found.code if step == END else "",
        "form": step not in (END, EXCLUDED, LAPSED),
    }
