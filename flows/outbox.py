"""What has been told, and what waits to be delivered: `.loupe/notify.json`, changed whole or not at all.

What is told is remembered in the same write that puts it into the outbox, and it leaves that after it was delivered: an
event may arrive twice where a process is killed in between, and is never lost.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flows.sending import NotSentError, Target
from pictures import AbsentFile, FileFault, read_json, write_json

_SECONDS = 20.0  # that all of a delivery may take
_POLL_SECONDS = 0.1


@dataclass
class Memory:
    """told: key -> when, ISO 8601; None before the first look. outbox: [target, event], the oldest first."""

    told: dict[str, str] | None = None
    outbox: list[tuple[str, dict[str, Any]]] = field(default_factory=list)


class Outbox:
    """The file of a project, for any number of processes."""

    def __init__(self, root: Path) -> None:
        self._path = root / ".loupe" / "notify.json"
        self.lines: list[str] = []
        """What there is to say."""

    @contextmanager
    def changed(self) -> Iterator[Memory]:
        """The memory, which is stored when the block ends without an error; others wait."""
        with self._locked("notify.lock", None):
            memory = self._read()
            yield memory
            write_json(
                self._path,
                {
                    "told": memory.told,
                    "outbox": [{"to": target, "event": event} for target, event in memory.outbox],
                },
            )

    def deliver(self, targets: Mapping[str, Target], seconds: float = _SECONDS) -> bool:
        """Send what waits, in its order; after a failure nothing more to the same target. True where nothing waits any more."""
        deadline = time.monotonic() + seconds
        failing: set[str] = set()
        with self._locked("notify-sending.lock", deadline) as alone:
            while alone:
                waiting = [(to, event) for to, event in self._now().outbox if to in targets and to not in failing]
                if not waiting:
                    break
                to, event = waiting[0]
                if time.monotonic() > deadline:
                    self.lines.append(
                        f"notify: {len(waiting)} messages wait for the next run, {seconds:.0f} s are over"
                    )
                    return False
                try:
                    targets[to].send(event)
                except NotSentError as error:
                    failing.add(to)
                    self.lines.append(f"notify: {targets[to].name} {error}; it is tried again at the next run")
                    continue
                with self.changed() as memory:
                    memory.outbox = [entry for entry in memory.outbox if entry != (to, event)]
            else:
                self.lines.append("notify: another process has been sending for long; what waits is left to it")
        return not self._dropped(targets)

    def _dropped(self, targets: Mapping[str, Target]) -> list[tuple[str, dict[str, Any]]]:
        """What still waits; what was for a target that params.yaml no longer names is given up."""
        gone = [to for to, _ in self._now().outbox if to not in targets]
        if gone:
            with self.changed() as memory:
                memory.outbox = [(to, event) for to, event in memory.outbox if to in targets]
            self.lines.append(
                f"notify: {len(gone)} messages given up, as params.yaml no longer names {', '.join(set(gone))}"
            )
        return self._now().outbox

    def _now(self) -> Memory:
        with self._locked("notify.lock", None):
            return self._read()

    def _read(self) -> Memory:
        try:
            values = read_json(self._path)
            told, outbox = values["told"], values["outbox"]
            return Memory(
                None if told is None else {str(key): str(when) for key, when in told.items()},
                [(str(entry["to"]), dict(entry["event"])) for entry in outbox],
            )
        except AbsentFile:
            return Memory()
        except (FileFault, KeyError, TypeError, ValueError, AttributeError):
            kept = self._path.with_name("notify.damaged.json")
            self._path.replace(kept)
            self.lines.append(
                f"notify: {self._path} is damaged and now called {kept.name}; what waits is told once more"
            )
            return Memory()

    @contextmanager
    def _locked(self, name: str, deadline: float | None) -> Iterator[bool]:
        """True while the lock is held; False where it could not be had by the deadline."""
        path = self._path.with_name(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as lock:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | (fcntl.LOCK_NB if deadline is not None else 0))
                    break
                except BlockingIOError:
                    if deadline is not None and time.monotonic() > deadline:
                        yield False
                        return
                    time.sleep(_POLL_SECONDS)
            yield True
