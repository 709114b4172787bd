"""How far the labelling of a waiting round is, moved along in Prefect's pages while votes come in."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from labelling.desk import project
from labelling.desk.resume import ask, client_of
from labelling.store import Store, StoreError, labels_status

if TYPE_CHECKING:
    import httpx

_SECONDS = 5.0
_TIMEOUT = 5.0

_log = logging.getLogger(__name__)


@contextmanager
def shown(store: Store, seconds: float = _SECONDS) -> Iterator[None]:
    """While the context lasts, the progress artifacts of this project's gates follow the votes in `store`.

    Every `seconds`, and nothing is asked where nothing was voted; a vote waits for none of it. Without PREFECT_API_URL
    there is nothing to do. What Prefect does not answer is tried again with the next vote.
    """
    address = os.environ.get("PREFECT_API_URL", "").strip().rstrip("/")
    if not address:
        yield
        return
    stop = threading.Event()
    thread = threading.Thread(target=_follow, args=(store, address, stop, seconds), name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(_TIMEOUT + 1)


def _follow(store: Store, address: str, stop: threading.Event, seconds: float) -> None:
    seen: dict[str, Any] = {}
    while not stop.wait(seconds):
        try:
            changed = {
                round: position
                for round in store.rounds()
                if seen.get(round) != (position := store.log_position(round))
            }
            if not changed:
                continue
            import httpx

            try:
                with client_of(address, _TIMEOUT) as client:
                    for round in changed:
                        move(client, store, round)
            except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
                _log.debug("Prefect at %s does not show the progress: %s", address, error)
                continue
            seen |= changed
        except StoreError as error:
            _log.debug("the progress could not be counted: %s", error)


def move(client: httpx.Client, store: Store, round: str) -> bool:
    """Set the round's progress artifact, where there is one, to the share of votes that are in; True where it was set."""
    wanted = {"artifacts": {"key": {"any_": [project.progress_key(round)]}}}
    found = ask(client, "POST", "/artifacts/latest/filter", wanted).json()
    if not found:
        return False
    status = labels_status(round, store)
    share = 100.0 * min(1.0, status.have / status.need) if status.need else 0.0
    subject = str(found[0].get("description") or "").split(":")[0] or f"Labels of round {round}"
    moved = {"data": share, "description": f"{subject}: {status.have} of {status.need} votes"}
    ask(client, "PATCH", f"/artifacts/{found[0]['latest_id']}", moved)
    return True
