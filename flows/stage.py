"""Runs one stage with `dvc repro -s`, and says what became of it. Knows no Prefect."""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, get_args

from flows.dvc_worker import DvcWorker, Task, WorkerError

LABELS_MISSING = 75
UNAVAILABLE = 69  # what the stage downloads could not be had now, and might be a little later
Status = Literal["ran", "cached", "restored", "awaiting"]

_POLL_SECONDS = 0.02
_LONGEST_WAIT_SECONDS = 5.0
_LAST_LINES = 20
_BLOCKER = re.compile(r"^\s+\(PID (\d+)\): (.*)$", re.MULTILINE)


class StageError(RuntimeError):
    """A stage ended with an error; the message has its last lines and names its log."""


class UnavailableError(StageError):
    """A stage ended because something that it downloads could not be had; another try may do."""


class StageStoppedError(RuntimeError):
    """The run was told to stop while the stage was running or waiting."""


@dataclass(frozen=True)
class Outcome:
    """How a stage ended: its command ran, nothing had changed, the run cache had the result, or labels are missing."""

    status: Status
    log: Path


class StageRunner:
    """Runs stages of the project in `root`; `stop()` ends what runs and what waits, `close()` the warm DVC process.

    The output goes to a file and each stage's process leads a session of its own: should this process die, DVC finishes
    the stage and records it. Through a pipe it would die before it wrote dvc.lock.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.stopped = threading.Event()
        self._worker = DvcWorker(root)
        self._running: set[int] = set()

    def start(self) -> None:
        """Get DVC ready while other things go on; without it the first stage waits for it."""
        self._worker.start()

    def run(self, name: str, say: Callable[[str], None], inherit: Collection[int] = ()) -> Outcome:
        """Brings stage `name` up to date; `say` gets its output line by line.

        inherit: file descriptors that the process keeps open as long as it lives (a lock, say).
        Raises StageError, of which UnavailableError is worth another try; StageStoppedError after `stop()`. Where another
        DVC process holds the files of the stage, as one that a killed run left behind does, this waits until it is done.
        """
        wait = 0.5
        while True:
            found, log = self._repro(name, say, inherit)
            if self.stopped.is_set():
                raise StageStoppedError(f"stage {name} was stopped")
            if found["how"] in get_args(Status):
                return Outcome(found["how"], log)
            if found.get("status") == LABELS_MISSING:
                return Outcome("awaiting", log)
            if found.get("status") == UNAVAILABLE:
                raise UnavailableError(_failure(name, found, log))
            if found["how"] != "busy":
                raise StageError(_failure(name, found, log))
            _check_blockers(name, found["message"], self.root)
            say(f"{name} waits for another DVC process: {_blockers(found['message'])}")
            if self.stopped.wait(wait):
                raise StageStoppedError(f"stage {name} was stopped")
            wait = min(2 * wait, _LONGEST_WAIT_SECONDS)

    def stop(self) -> None:
        """Ends every running stage with its children; stages that wait give up."""
        self.stopped.set()
        for pid in list(self._running):
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGTERM)

    def close(self) -> None:
        """Ends the warm DVC process, and no stage."""
        self._worker.close()

    def _repro(self, name: str, say: Callable[[str], None], inherit: Collection[int]) -> tuple[dict[str, Any], Path]:
        log = self.root / ".loupe" / "logs" / (re.sub(r"[^\w.@-]+", "_", name) + ".log")
        log.parent.mkdir(parents=True, exist_ok=True)
        if log.exists():  # an orphan may still write to it: move it, never truncate it
            log.replace(log.with_suffix(".previous.log"))
        if self.stopped.is_set():
            raise StageStoppedError(f"stage {name} was stopped")
        try:
            task = self._worker.run(name, log, tuple(inherit))
        except WorkerError as error:
            raise StageError(f"stage {name}: {error}") from error
        self._running.add(task.pid)
        try:
            if self.stopped.is_set():  # `stop` came before it was among the running ones
                self.stop()
            with log.open("rb") as tail:
                _follow(task, tail, say)
        finally:
            self._running.discard(task.pid)
        return task.result(), log


def _follow(task: Task, tail: IO[bytes], say: Callable[[str], None]) -> None:
    """Says every whole line the stage writes until it ends. Of a progress bar only the last state counts."""
    ending = threading.Thread(target=task.result, name="stage", daemon=True)
    ending.start()
    rest = b""
    while True:
        ending.join(_POLL_SECONDS)
        ended = not ending.is_alive()
        rest += tail.read()
        *lines, rest = rest.split(b"\n")
        if ended and rest:
            lines.append(rest)
        for line in lines:
            text = line.rstrip(b"\r").rsplit(b"\r", 1)[-1].decode("utf-8", errors="replace").rstrip()
            if text:
                say(text)
        if ended:
            return


def _blockers(text: str) -> str:
    found = [f"{command} (process {pid})" for pid, command in _BLOCKER.findall(text)]
    return ", ".join(found) or "the repository is locked"


def _check_blockers(name: str, text: str, root: Path) -> None:
    """DVC takes any process with the recorded number for the holder of a lock, and after a restart of the machine that
    may be a stranger: waiting for it would never end."""
    import psutil

    for pid, command in _BLOCKER.findall(text):
        try:
            real = " ".join(psutil.Process(int(pid)).cmdline())
        except psutil.Error:
            continue
        if "dvc" not in real and command.split(" ")[-1] not in real:
            raise StageError(
                f"stage {name}: {root / '.dvc/tmp/rwlock'} says that process {pid} works on its files, but that "
                f"process is not DVC ({real[:80]!r}). If no other DVC command runs in this project, delete that file "
                "and start again"
            )


def _failure(name: str, found: dict[str, Any], log: Path) -> str:
    if found["how"] == "exited":
        how = f"its command exited with {found['status']}"
    elif found["how"] == "killed":
        how = "its process was killed"
    else:
        how = "DVC could not run it"
    text = log.read_text(encoding="utf-8", errors="replace")
    last = [line for line in text.splitlines() if line.strip()][-_LAST_LINES:]
    return f"stage {name} failed: {how} (log: {log})\n" + "\n".join(last)
