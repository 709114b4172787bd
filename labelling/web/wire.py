"""Connections that people can count on: none waits for ever, and whoever only holds one open makes room for others.

uvicorn closes what rests between two requests, but neither half a request nor an answer that nobody reads, and asyncio
accepts until there are no descriptors, and then tells each refused one in a traceback. Here every half has a time
limit, there are never more connections than descriptors to spare, and the log gets one line a minute.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
import time
from collections.abc import Callable
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 10.0  # for the head of a request, from its first byte; for the first byte on a new connection, too
BODY_SECONDS = 20.0  # for its body, which has 64 KiB at most
READ_SECONDS = 30.0  # in which a client that is sent something reads at least a part of it
MOST = 1000
SPARED = 128  # descriptors that are not for connections: the store's, pictures', and those that are being closed
_BURST = 16  # connections that may be closing at a time
_MINUTE = 60.0

_BUSY = "the server has as many connections as it can take; try again in a moment"
_TOO_MANY = "More connections than the %d that fit: those that have waited longest without asking anything are closed"
_NO_DESCRIPTORS = "There are no descriptors left for another connection; `ulimit -n` says how many a process may have"
_OUT = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

_log = logging.getLogger(__name__)


def most_connections() -> int:
    """How many connections fit into this process's limit of descriptors."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return MOST
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if soft == resource.RLIM_INFINITY else max(8, min(MOST, soft - SPARED, soft // 2))


class OncePerMinute(logging.Filter):
    """Lets the first of equal messages through, then one a minute, which tells how many there were in between."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._last: dict[str, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info:
            return True
        now, key = self._clock(), str(record.msg)
        when, held = self._last.get(key, (float("-inf"), 0))
        if now - when < _MINUTE:
            self._last[key] = when, held + 1
            return False
        self._last[key] = now, 0
        if held:
            record.msg = f"{record.getMessage()} (and {held} times more since the last line)"
            record.args = ()
        return True


class Gate:
    """The connections that are open, and which of them goes when there is no room for another."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.coming = 0  # accepted, and not yet with a protocol
        self.closing = 0
        self._open: dict[Connection, None] = {}

    def came(self, connection: Connection) -> None:
        self.coming = max(0, self.coming - 1)
        self._open[connection] = None

    def went(self, connection: Connection) -> None:
        if connection in self._open:
            del self._open[connection]
        else:
            self.closing = max(0, self.closing - 1)

    def has_room(self) -> bool:
        """True where one more fits, after that the one which asks nothing for longest was closed, if need be."""
        if len(self._open) + self.coming < self.most:
            return True
        _log.warning(_TOO_MANY, self.most)
        waiting = [connection for connection in self._open if connection.waiting]
        if not waiting:
            return False
        oldest = min(waiting, key=lambda connection: connection.since)
        del self._open[oldest]
        self.closing += 1
        oldest.transport.abort()
        return True


class Listener(socket.socket):
    """A listening socket that accepts what the gate has room for, and answers the rest with 503 at once.

    BlockingIOError means to asyncio that nobody waits just now: it asks again with the next round of its loop.
    """

    gate: Gate
    _spare: int | None = None

    def guard(self, gate: Gate) -> None:
        """Listen for `gate`, with a descriptor held back, by which one can be refused where there are no others."""
        self.gate = gate
        self._spare = os.open(os.devnull, os.O_RDONLY)

    def accept(self) -> tuple[socket.socket, Any]:
        if self._spare is None:
            return super().accept()
        if self.gate.closing > _BURST:
            raise BlockingIOError
        try:
            found, address = super().accept()
        except OSError as error:
            if error.errno not in _OUT:
                raise
            self._without_descriptors()
            raise BlockingIOError from None
        if not self.gate.has_room():
            _turn_away(found)
            raise BlockingIOError
        self.gate.coming += 1
        return found, address

    def close(self) -> None:
        super().close()
        if self._spare is not None and self._spare >= 0:
            os.close(self._spare)
        self._spare = None

    def _without_descriptors(self) -> None:
        _log.warning(_NO_DESCRIPTORS)
        if self._spare is not None and self._spare >= 0:
            os.close(self._spare)
        self._spare = -1
        try:
            _turn_away(super().accept()[0])
            self._spare = os.open(os.devnull, os.O_RDONLY)
        except OSError:  # others were faster; the loop must not spin meanwhile
            time.sleep(0.01)


class Connection(H11Protocol):
    """uvicorn's protocol with time limits; `gate` is of the server that it belongs to."""

    gate: Gate | None = None

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.since = self.loop.time()  # when the last whole request was answered, or the connection made
        self._what: tuple[str, int] | None = None
        self._limit: asyncio.TimerHandle | None = None
        self._unread = 0
        self._reading: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> bool:
        """True where there is no whole request to be answered."""
        return self.cycle is None or self.cycle.response_complete or self.cycle.more_body

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.gate is not None:
            self.gate.came(self)
        self._wait_for("head")

    def connection_lost(self, exc: Exception | None) -> None:
        for handle in (self._limit, self._reading):
            if handle is not None:
                handle.cancel()
        if self.gate is not None:
            self.gate.went(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self.conn.their_state is h11.SEND_BODY:
            self._wait_for("body")
        elif self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]:
            self._wait_for("head")
        else:
            self._wait_for(None)

    def on_response_complete(self) -> None:
        self.since = self.loop.time()
        super().on_response_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = self.transport.get_write_buffer_size()
        self._reading = self.loop.call_later(READ_SECONDS, self._look_whether_read)

    def resume_writing(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None
        super().resume_writing()

    def _wait_for(self, part: str | None) -> None:
        """Begin the time for a part of a request; one that trickles in gets no more of it."""
        what = None if part is None else (part, id(self.cycle))
        if what == self._what:
            return
        if self._limit is not None:
            self._limit.cancel()
        self._what, self._limit = what, None
        if part is not None:
            self._limit = self.loop.call_later(HEAD_SECONDS if part == "head" else BODY_SECONDS, self._too_slow)

    def _too_slow(self) -> None:
        if self.transport.is_closing():
            return
        if self._what is not None and (self._what[0] == "head" or not self.cycle.response_started):
            self.transport.write(_refusal(408, "Request Timeout", "the request did not come in whole; send it again"))
        self.transport.close()

    def _look_whether_read(self) -> None:
        size = self.transport.get_write_buffer_size()
        if size >= self._unread:
            self.transport.abort()
            return
        self._unread = size
        self._reading = self.loop.call_later(READ_SECONDS, self._look_whether_read)


def guarded(gate: Gate) -> type[Connection]:
    """The protocol of a server with this gate."""
    return type("GuardedConnection", (Connection,), {"gate": gate})


def _refusal(status: int, phrase: str, detail: str) -> bytes:
    body = f'{{"detail": "{detail}"}}'
    head = f"HTTP/1.1 {status} {phrase}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Connection: close\r\nRetry-After: 1\r\n\r\n{body}".encode("ascii")


def _turn_away(found: socket.socket) -> None:
    try:
        found.setblocking(False)
        found.send(_refusal(503, "Service Unavailable", _BUSY))
        found.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # gone already
    finally:
        found.close()
