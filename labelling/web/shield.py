"""What holds for every request and every response, whichever page or call it is for."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_SAFE = tuple(
    (name.encode(), value.encode())
    for name, value in {
        "content-security-policy": _POLICY,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-resource-policy": "same-origin",
        "cross-origin-opener-policy": "same-origin",
    }.items()
)
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]]+)(:[0-9]{1,5})?")

_log = logging.getLogger(__name__)


class Shield:
    """Answers requests for another host with 400 (DNS rebinding), and adds the safe headers to every response.

    An error that nobody handled becomes a plain 500; what it was goes to the log alone.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str] = ()) -> None:
        self._app = app
        self._hosts = frozenset((*LOOPBACK, *(_bare(host) for host in hosts)))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def safely(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                headers = [*message.get("headers", ()), *_SAFE]
                if not any(name.lower() == b"cache-control" for name, _ in headers):
                    headers.append((b"cache-control", b"no-store"))
                message = {**message, "headers": headers}
            await send(message)

        named = [value for name, value in scope["headers"] if name == b"host"]
        if len(named) != 1 or _bare(named[0].decode("latin-1")) not in self._hosts:
            await _refuse(safely, 400, "this server does not answer for that host name; use the address it printed")
            return
        try:
            await self._app(scope, receive, safely)
        except ClientDisconnect:
            return  # went away in the middle of asking: there is nothing to answer, and nobody to answer to
        except Exception:
            _log.exception("%s %s failed", scope["method"], scope["path"].split("/")[1])
            if begun:
                raise
            await _refuse(safely, 500, "something went wrong; the server's terminal says what")


def _bare(host: str) -> str:
    """The name in a Host header: without the port, in lower case; empty where it is malformed."""
    found = _HOST.fullmatch(host.strip().lower())
    return found[1] if found else ""


async def _refuse(send: Send, status: int, detail: str) -> None:
    body = json.dumps({"detail": detail}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
