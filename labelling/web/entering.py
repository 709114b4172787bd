"""How a personal link becomes a browser's session, and that nobody is changed into somebody else unasked.

A link that another site or a mail leads to comes without the cookie, which is SameSite=Strict: whether somebody else
works in this browser can be told only by a request that the site's own page makes. So such a visit, and one of a
browser that does not say where it comes from, gets a page which asks for entry by POST.
"""

from __future__ import annotations

from typing import Any

from anyio import to_thread
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from labelling.desk.tokens import Doorkeeper, NoAccess, Session
from labelling.web.access import COOKIE, EXPECTED, refusal
from labelling.web.bodies import EnterBody, parse, read
from labelling.web.calls import CODE_HEADER
from labelling.web.pages import Pages

_COOKIE_AGE = 90 * 24 * 3600  # seconds; a link that is revoked ends at once all the same
_KNOWN_WAYS = ("none", "same-origin")  # Sec-Fetch-Site of visits that bring the cookie along


def add_entrance(app: FastAPI, door: Doorkeeper, pages: Pages) -> None:
    """Add personal links, and the call by which their page asks for entry."""

    @app.get("/o/{token}")
    def enter(request: Request, token: str) -> Response:
        try:
            session = door.admit(token)
            present = present_in(door, request)
        except EXPECTED as error:
            return pages.refuse(*refusal(error))
        if present is not None and present.observer.id != session.observer.id:
            return pages.show("enter", 200, session=present.code, link=token, **_names(present, session))
        if present is None and _may_hide_a_cookie(request):
            return pages.show("enter", session="", link=token, you="", other="")
        return let_in(RedirectResponse("/", 303), session)

    def work(request: Request, body: EnterBody) -> Response:
        """Let the observer of a link in; where somebody else is there, only with the code of that one's page."""
        try:
            session = door.admit(body.link)
            present = present_in(door, request)
        except EXPECTED as error:
            raise HTTPException(*refusal(error)) from error
        other = present is not None and present.observer.id != session.observer.id
        if present is not None and other and not door.is_code(present, request.headers.get(CODE_HEADER, "")):
            return JSONResponse({"entered": False, "code": present.code, **_names(present, session)})
        return let_in(JSONResponse({"entered": True}), session)

    @app.post("/api/enter")
    async def ask(request: Request) -> Response:
        check_own_page(request)
        return await to_thread.run_sync(work, request, parse(await read(request), EnterBody))


def let_in(response: Response, session: Session) -> Response:
    """The response with the session's cookie."""
    response.set_cookie(
        COOKIE, session.cookie, max_age=_COOKIE_AGE, path="/", httponly=True, samesite="strict"
    )  # fmt: skip
    return response


def check_own_page(request: Request) -> None:
    """Raises HTTPException 403 for a request for entry that no page of this server made."""
    if request.headers.get("sec-fetch-site", "same-origin") not in _KNOWN_WAYS or _is_foreign(request):
        raise HTTPException(403, "only a page of this server can ask for entry; open your personal link")


def present_in(door: Doorkeeper, request: Request) -> Session | None:
    """Whose cookie the request brings; None where there is none, or one that is not valid any more."""
    cookie = request.cookies.get(COOKIE)
    if not cookie:
        return None
    try:
        return door.admit(cookie)
    except NoAccess:
        return None


def _may_hide_a_cookie(request: Request) -> bool:
    """True for a page's visit from elsewhere. Whatever asks for no page (a program, a picture's address) has no such
    cookie to replace: browsers take SameSite=Strict ones from the pages of the address bar alone.
    """
    way = request.headers.get("sec-fetch-site")
    if way is not None:
        return way not in _KNOWN_WAYS
    return "text/html" in request.headers.get("accept", "")


def _is_foreign(request: Request) -> bool:
    origin = request.headers.get("origin")
    return origin is not None and origin.partition("://")[2].lower() != request.headers.get("host", "").lower()


def _names(present: Session, session: Session) -> dict[str, Any]:
    return {"you": present.observer.name, "other": session.observer.name}
