"""A plain page to vote on pairs, for one observer on this machine.

The server binds to loopback. Every request needs a loopback Host header (against DNS rebinding), every call that reads
or changes votes the session's token, which only the page itself has. Pictures go by ids made for one showing.
"""

from __future__ import annotations

import html
import logging
import secrets
import socket
import string
import webbrowser
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.middleware.trustedhost import TrustedHostMiddleware

from labelling.records import TIE, UNSURE
from labelling.resume import after_last_vote
from labelling.store import InvalidVote, Store, StoreError, UnknownPicture, UnknownRound, UnknownVote, VoteConflict
from labelling.voting import AnswerNotAllowed, Showing, State, UnknownShowing, VotingSession

TOKEN_HEADER = "X-Loupe-Session"
MAX_BODY = 64 * 1024  # bytes; a vote has about 150
_STATIC = Path(__file__).parent / "static"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_SAFE = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
# Exceptions a request can cause -> status; the first that fits counts.
_STATUS: tuple[tuple[type[Exception], int], ...] = (
    (UnknownShowing, 404),
    (UnknownPicture, 404),
    (UnknownVote, 404),
    (UnknownRound, 409),
    (AnswerNotAllowed, 400),
    (InvalidVote, 400),
    (VoteConflict, 409),
)

_log = logging.getLogger(__name__)


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


_Id = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]


class _NextBody(_Body):
    skip: Annotated[list[_Id], Field(max_length=1000)] = []


class _VoteBody(_Body):
    id: Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
    showing: _Id
    answer: Literal["left", "right", "tie", "unsure"]
    seconds: Annotated[float, Field(ge=0, le=1e7, allow_inf_nan=False)]


class _UndoBody(_Body):
    vote: Annotated[str, Field(min_length=1, max_length=200)]


class _StateBody(_Body):
    pass


_B = TypeVar("_B", bound=_Body)


def create_app(
    store: Store,
    round: str,
    observer: str,
    *,
    allow_tie: bool = False,
    allow_unsure: bool = False,
    finish: Callable[[str], str] = after_last_vote,
) -> FastAPI:
    """The app in which `observer` votes on the pairs of `round`.

    `allow_tie` and `allow_unsure` offer "about the same" and "can't tell"; `finish` is called in the background with
    the round when its last vote is in, and returns the sentence to show. Raises UnknownRound, and StoreError where the
    round is not labelled by people.
    """
    session = VotingSession(
        store, round, observer, allow_tie=allow_tie, allow_unsure=allow_unsure, finish=finish
    )  # fmt: skip
    token = secrets.token_urlsafe(32)
    page = _page(session, token)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"], www_redirect=False)

    @app.middleware("http")
    async def add_headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await call_next(request)
        response.headers.update(_SAFE)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    async def answer(request: Request, model: type[_B], act: Callable[[_B], dict[str, Any]]) -> Response:
        sent = request.headers.get(TOKEN_HEADER, "")
        if not secrets.compare_digest(sent.encode(), token.encode()):
            raise HTTPException(403, "this page belongs to a session that has ended; reload it")
        body = await _read(request, model)
        try:
            return JSONResponse(await run_in_threadpool(act, body))
        except (StoreError, UnknownShowing, AnswerNotAllowed) as error:
            raise _refusal(error) from error

    @app.get("/")
    def show_page() -> HTMLResponse:
        return HTMLResponse(page)

    @app.get("/vote.js")
    def script() -> Response:
        return Response((_STATIC / "vote.js").read_bytes(), media_type="text/javascript")

    @app.get("/vote.css")
    def style() -> Response:
        return Response((_STATIC / "vote.css").read_bytes(), media_type="text/css")

    @app.get("/favicon.ico")
    def icon() -> Response:
        return Response(status_code=204)

    @app.get("/picture/{id}")
    def picture(id: str) -> Response:
        try:
            png = session.picture(id)
        except (StoreError, UnknownShowing) as error:
            raise _refusal(error) from error
        # The id is good for one showing only, so the browser may keep what it loaded ahead.
        return Response(png, media_type="image/png", headers={"Cache-Control": "private, max-age=3600, immutable"})

    @app.post("/next")
    async def next_pair(request: Request) -> Response:
        return await answer(request, _NextBody, lambda body: _shown(session.show(body.skip), session.state()))

    @app.post("/vote")
    async def vote(request: Request) -> Response:
        return await answer(
            request,
            _VoteBody,
            lambda body: {"state": asdict(session.vote(body.id, body.showing, body.answer, body.seconds))},
        )

    @app.post("/undo")
    async def undo(request: Request) -> Response:
        return await answer(request, _UndoBody, lambda body: {"state": asdict(session.undo(body.vote))})

    @app.post("/state")
    async def state(request: Request) -> Response:
        return await answer(request, _StateBody, lambda body: {"state": asdict(session.state())})

    return app


def serve(
    round: str,
    observer: str,
    port: int = 0,
    open_browser: bool = False,
    *,
    store: Store | None = None,
    allow_tie: bool = False,
    allow_unsure: bool = False,
    announce: Callable[[str], object] = print,
) -> None:
    """Serve the page on 127.0.0.1 until interrupted; port 0 takes a free one. `announce` is told the address.

    Raises as `create_app`, and OSError where the port is taken.
    """
    import uvicorn

    opened = store or Store.open()
    try:
        app = create_app(opened, round, observer, allow_tie=allow_tie, allow_unsure=allow_unsure)
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", port))
            listener.listen(128)
            address = f"http://127.0.0.1:{listener.getsockname()[1]}/"
            announce(f"Label round {round} at {address} (stop with Ctrl-C)")
            if open_browser:
                webbrowser.open(address)
            uvicorn.Server(uvicorn.Config(app, log_level="warning", server_header=False)).run(sockets=[listener])
    finally:
        if store is None:
            opened.close()


async def _read(request: Request, model: type[_B]) -> _B:
    if request.headers.get("content-type", "").split(";")[0].strip() != "application/json":
        raise HTTPException(415, "JSON is expected")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise HTTPException(413, "the request is too large")
    try:
        return model.model_validate_json(bytes(body))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "request"
        raise HTTPException(400, f"malformed {place}: {first['msg']}") from error


def _refusal(error: Exception) -> HTTPException:
    for kind, status in _STATUS:
        if isinstance(error, kind):
            return HTTPException(status, str(error) if not isinstance(error, StoreError) else _plain(error))
    # What is wrong with the store is for the person at the terminal; the page must not name files.
    _log.error("%s", error)
    return HTTPException(503, "the label store cannot be used right now; the terminal of `loupe label` says why")


def _plain(error: StoreError) -> str:
    if isinstance(error, UnknownRound):
        return "this round is no longer registered; reload the page"
    if isinstance(error, VoteConflict):
        return "this vote is already stored with another answer"
    return "no such vote or pair; reload the page"


def _shown(showing: Showing | None, state: State) -> dict[str, Any]:
    shown = None
    if showing is not None:
        left, right = f"/picture/{showing.left_picture}", f"/picture/{showing.right_picture}"
        shown = {"id": showing.id, "left": left, "right": right}
    return {"showing": shown, "state": asdict(state)}


def _page(session: VotingSession, token: str) -> str:
    template = string.Template((_STATIC / "page.html").read_text(encoding="utf-8"))
    return template.substitute(
        token=token,
        question=html.escape(session.batch.question),
        observer=html.escape(session.observer),
        tie="" if TIE in session.answers else "hidden",
        unsure="" if UNSURE in session.answers else "hidden",
    )
