"""Running the labelling app on this machine, and telling people their links."""

from __future__ import annotations

import ipaddress
import logging
import signal
import socket
import threading
import webbrowser
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from fastapi import FastAPI

from labelling.desk.tokens import observer_link
from labelling.desk.voting import check_people
from labelling.store import Store, project_root
from labelling.web import wire
from labelling.web.addresses import noted
from labelling.web.app import create_app
from labelling.web.language import Language
from labelling.web.wire import Gate, Listener, OncePerMinute, guarded, most_connections
from pictures import read_text

MANAGER = "manager"  # the observer whose link is printed for whoever runs the server

_BACKLOG = 128  # connections that wait to be accepted
_PATIENCE = 5.0  # seconds to wait for a locked store before the person is told that the vote is not saved


def serve(
    store: Store | None = None,
    rounds: Sequence[str] | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    allowed_hosts: Iterable[str] = (),
    open_for: str | None = None,
    open_browser: bool = False,
    announce: Callable[[str], object] = print,
    language: Language | None = None,
) -> None:
    """Serve the app until Ctrl-C or SIGTERM; port 0 takes that of the last time, or a free one where it is taken.

    A browser keeps votes that are not sent yet by address: a server that comes back elsewhere would not get them.

    `rounds` None: every round of the store. `open_for` names the observer to make a link for, who is added where not
    known yet, as an expert where reviews are asked for; `open_browser` opens that link. `host` is the address to listen
    on: loopback alone, unless another one is given, and `allowed_hosts` the further names that browsers may call it by.
    `language` is that of the pages. The address is in `.loupe/label-address` while the server runs, for commands that
    print links. Raises UnknownRound, StoreError for a round that people do not label, StoreUnavailable, and OSError where
    host or port cannot be had.
    """
    opened = store or Store.open(busy_timeout=_PATIENCE)
    try:
        for round in rounds or ():
            _check(opened, round)
        reviews = any(opened.batch(round).task == "reviews" for round in rounds or opened.rounds())
        named = tuple(allowed_hosts)
        hosts = named if _is_any(host) else (*named, _in_url(host))
        app = create_app(opened, rounds=rounds, allowed_hosts=hosts, announce=announce, language=language)
        with _listen_as_before(host) if port == 0 else _listen(host, port) as listener:
            name = _in_url((*named, "127.0.0.1")[0] if _is_any(host) else host)
            address = f"http://{name}:{listener.getsockname()[1]}"
            with noted(address):
                _greet(opened, address, open_for, reviews, open_browser, announce, rounds)
                if _is_any(host) and not named:
                    announce("Other machines are refused until you name this one: --allow-host NAME")
                with _until_stopped():
                    _run(app, listener)
    finally:
        if store is None:
            opened.close()


def _run(app: FastAPI, listener: Listener) -> None:
    """Serve the app on the socket until a signal comes."""
    import uvicorn

    gate = Gate(most_connections())
    listener.guard(gate)
    # No access log: it would write personal links down.
    config = uvicorn.Config(
        app, http=guarded(gate), log_level="warning", access_log=False, server_header=False, backlog=_BACKLOG,
        timeout_graceful_shutdown=10,
    )  # fmt: skip
    calm = OncePerMinute()
    logs = [logging.getLogger(name) for name in ("uvicorn.error", wire.__name__)]
    for log in logs:
        log.addFilter(calm)
    try:
        uvicorn.Server(config).run(sockets=[listener])
    finally:
        for log in logs:
            log.removeFilter(calm)


def _check(store: Store, round: str) -> None:
    if store.batch(round).task == "pairs":
        check_people(store, round)


def _greet(
    store: Store,
    address: str,
    open_for: str | None,
    reviews: bool,
    open_browser: bool,
    announce: Callable[[str], object],
    rounds: Sequence[str] | None,
) -> None:
    announce(f"The labelling app runs at {address} (stop with Ctrl-C)")
    if open_for is not None:
        # Who runs the server may do what it is run for.
        name = store.add_observer(open_for, role="expert" if reviews else "observer").name
        link = observer_link(store, name, address)
        announce(f"Personal link of {name}: {link}")
        if open_browser:
            webbrowser.open(link)
    store.add_observer(MANAGER, role="manager")
    announce(f"To watch (keep it to yourself): {observer_link(store, MANAGER, address)}")
    for round in store.rounds() if rounds is None else rounds:
        open_link = store.link_of(round)
        if open_link is not None and open_link.closed_at is None:
            announce(f"Open link of {round}, for everybody: {address}/s/{open_link.token}")
    announce("Links for others: loupe observers add NAME" + (" --role expert (who may review)" if reviews else ""))


def _listen_as_before(host: str) -> Listener:
    """Listen on the port of the last time, or on a free one, which is kept in `.loupe/label-port`."""
    kept = project_root() / ".loupe" / "label-port"
    try:
        return _listen(host, int(read_text(kept)))
    except (OSError, ValueError, OverflowError):
        listener = _listen(host, 0)
    _write(kept, str(listener.getsockname()[1]))
    return listener


def _listen(host: str, port: int) -> Listener:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Only sockets that say they are TCP get TCP_NODELAY from asyncio; without it every answer waits some 40 ms.
    listener = Listener(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"cannot listen on {host} port {port}: {error.strerror}; choose another") from error
    return listener


@contextmanager
def _until_stopped() -> Iterator[None]:
    """Ends quietly on Ctrl-C and, in the main thread, on SIGTERM, which uvicorn raises once more when it has ended."""
    main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, _stop) if main else None
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        if main:
            signal.signal(signal.SIGTERM, before)


def _stop(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _is_any(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return host == ""


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _write(path: Path, line: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_text(f"{line}\n", encoding="utf-8")
    part.replace(path)
