"""Runs one stage with `dvc repro -s`, and says what became of it. Knows no Prefect."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

LABELS_MISSING = 75
Status = Literal["ran", "cached", "restored", "awaiting"]

_POLL_SECONDS = 0.05
_LONGEST_WAIT_SECONDS = 5.0
_LAST_LINES = 20
_BUSY = re.compile(r"is busy, it is being blocked by|Unable to acquire lock")
_BLOCKER = re.compile(r"^\s+\(PID (\d+)\): (.*)$", re.MULTILINE)


class StageError(RuntimeError):
    """A stage ended with an error; the message has its last lines and names its log."""


class StageStoppedError(RuntimeError):
    """The run was told to stop while the stage was running or waiting."""


@dataclass(frozen=True)
class Outcome:
    """How a stage ended: its command ran, nothing had changed, the run cache had the result, or labels are missing."""

    status: Status
    log: Path


class StageRunner:
    """Runs stages of the project in `root`; `stop()` ends what runs and what waits.

    The output goes to a file and the process leads a session of its own: should this process die, DVC finishes the
    stage and records it. Through a pipe it would die before it wrote dvc.lock.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.stopped = threading.Event()
        self._running: set[subprocess.Popen[bytes]] = set()

    def run(self, name: str, say: Callable[[str], None], inherit: Collection[int] = ()) -> Outcome:
        """Brings stage `name` up to date; `say` gets its output line by line.

        inherit: file descriptors that the process keeps open as long as it lives (a lock, say).
        Raises StageError; StageStoppedError after `stop()`. Where another DVC process holds the files of the stage, as
        one that a killed run left behind does, this waits until that one is done.
        """
        wait = 0.5
        while True:
            code, text, log = self._repro(name, say, inherit)
            if self.stopped.is_set():
                raise StageStoppedError(f"stage {name} was stopped")
            if code == 0:
                return Outcome(_success(name, text), log)
            if _ran(name, text) or not _BUSY.search(text):
                break
            _check_blockers(name, text, self.root)
            say(f"{name} waits for another DVC process: {_blockers(text)}")
            if self.stopped.wait(wait):
                raise StageStoppedError(f"stage {name} was stopped")
            wait = min(2 * wait, _LONGEST_WAIT_SECONDS)
        if _stage_exit(name, text) == LABELS_MISSING:
            return Outcome("awaiting", log)
        raise StageError(_failure(name, code, text, log))

    def stop(self) -> None:
        """Ends every running stage with its children; stages that wait give up."""
        self.stopped.set()
        for process in list(self._running):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)

    def _repro(self, name: str, say: Callable[[str], None], inherit: Collection[int]) -> tuple[int, str, Path]:
        log = self.root / ".loupe" / "logs" / (re.sub(r"[^\w.@-]+", "_", name) + ".log")
        log.parent.mkdir(parents=True, exist_ok=True)
        if log.exists():  # an orphan may still write to it: move it, never truncate it
            log.replace(log.with_suffix(".previous.log"))
        with log.open("wb") as output, log.open("rb") as tail:
            if self.stopped.is_set():
                raise StageStoppedError(f"stage {name} was stopped")
            process = subprocess.Popen(
                [sys.executable, "-m", "dvc", "--wait-for-lock", "repro", "-s", name],
                cwd=self.root,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=tuple(inherit),
                env=_environment(),
            )
            self._running.add(process)
            try:
                code = _follow(process, tail, say)
            finally:
                self._running.discard(process)
        return code, log.read_text(encoding="utf-8", errors="replace"), log


def _environment() -> dict[str, str]:
    """What a stage runs in: `python` of its command is the interpreter of this process, activated or not."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return {**os.environ, "PATH": path, "PYTHONUNBUFFERED": "1", "DVC_NO_ANALYTICS": "1"}


def _follow(process: subprocess.Popen[bytes], tail: IO[bytes], say: Callable[[str], None]) -> int:
    """Says every whole line the process writes until it ends. Of a progress bar only the last state counts."""
    rest = b""
    while True:
        ended = process.poll() is not None
        rest += tail.read()
        *lines, rest = rest.split(b"\n")
        if ended and rest:
            lines.append(rest)
        for line in lines:
            text = line.rstrip(b"\r").rsplit(b"\r", 1)[-1].decode("utf-8", errors="replace").rstrip()
            if text:
                say(text)
        if ended:
            return process.returncode
        time.sleep(_POLL_SECONDS)


def _success(name: str, text: str) -> Status:
    if _ran(name, text):
        return "ran"
    return "restored" if f"Stage '{name}' is cached - skipping run" in text else "cached"


def _ran(name: str, text: str) -> bool:
    return re.search(rf"^Running stage '{re.escape(name)}':", text, re.MULTILINE) is not None


def _stage_exit(name: str, text: str) -> int | None:
    """The exit status of the stage's command, as DVC's last error line tells it; DVC itself always exits 255."""
    start = text.rfind(f"ERROR: failed to reproduce '{name}'")
    found = re.search(r", exited with (-?\d+)\s*$", text[start:]) if start >= 0 else None
    return int(found.group(1)) if found else None


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


def _failure(name: str, code: int, text: str, log: Path) -> str:
    status = _stage_exit(name, text)
    if status is not None:
        how = f"its command exited with {status}"
    elif code < 0:
        how = f"dvc was killed by signal {-code}"
    else:
        how = f"dvc exited with {code}"
    last = [line for line in text.splitlines() if line.strip()][-_LAST_LINES:]
    return f"stage {name} failed: {how} (log: {log})\n" + "\n".join(last)
