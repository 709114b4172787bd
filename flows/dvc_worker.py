"""One warm process that runs stages of the DVC graph: it imports DVC once and forks a child for every stage.

A child leads a session of its own and writes to a file. Should the flow die, the children finish their stages and record
them; only the warm process ends. Knows no Prefect.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import Any

_MESSAGE = 64 * 1024
_DESCRIPTORS = 16


class WorkerError(RuntimeError):
    """The worker process cannot be started, or it died."""


class Task:
    """A stage on its way: `pid` of its process, which leads a process group; `result()` waits for its end."""

    def __init__(self, report: int) -> None:
        self._report = os.fdopen(report, "rb")
        first = self._report.readline()
        if not first:
            self._report.close()
            raise WorkerError("the process that runs DVC's stages died; start again to go on")
        self.pid = int(json.loads(first)["pid"])
        self._ended: dict[str, Any] | None = None

    def result(self) -> dict[str, Any]:
        """What `_repro` found; {"how": "killed"} where its process died before it could say."""
        if self._ended is None:
            last = self._report.read()
            self._report.close()
            try:
                self._ended = dict(json.loads(last))
            except ValueError:
                self._ended = {"how": "killed"}
        return self._ended


class DvcWorker:
    """The warm process, for the project in `root`; started at the first stage, safe for threads."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.Lock()
        self._process: Popen[bytes] | None = None
        self._socket: socket.socket | None = None

    def start(self) -> None:
        """Begin to import DVC, where it has not begun yet. Returns at once."""
        with self._lock:
            self._connection()

    def run(self, name: str, log: Path, inherit: tuple[int, ...] = ()) -> Task:
        """Bring stage `name` up to date in a process of its own that writes to `log`.

        inherit: file descriptors that it keeps open as long as it lives. Raises WorkerError.
        """
        read, write = os.pipe()
        try:
            with log.open("wb") as output, self._lock:
                message = json.dumps({"name": name}).encode() + b"\n"
                for attempt in (1, 2):
                    try:
                        socket.send_fds(self._connection(), [message], [write, output.fileno(), *inherit])
                        break
                    except OSError as error:  # it was killed while nothing ran
                        self._forget()
                        if attempt == 2:
                            raise WorkerError(
                                f"the process that runs DVC's stages cannot be started: {error}"
                            ) from error
        except BaseException:
            os.close(read)
            raise
        finally:
            os.close(write)
        return Task(read)

    def close(self) -> None:
        """End the warm process; stages that run are not touched."""
        with self._lock:
            self._forget()

    def _connection(self) -> socket.socket:
        if self._socket is None:
            ours, theirs = socket.socketpair()
            self._process = Popen(
                [sys.executable, "-m", "flows.dvc_worker", str(theirs.fileno())],
                cwd=self._root,
                stdin=DEVNULL,
                stdout=DEVNULL,
                stderr=sys.stderr if os.environ.get("LOUPE_DEBUG") else DEVNULL,
                start_new_session=True,
                pass_fds=(theirs.fileno(),),
                env=_environment(),
            )
            theirs.close()
            self._socket = ours
        return self._socket

    def _forget(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket, process, self._process = None, self._process, None
        if process is not None:
            threading.Thread(target=process.wait, name="reap dvc_worker", daemon=True).start()


def _environment() -> dict[str, str]:
    """What a stage runs in: `python` of its command is the interpreter of this process, activated or not."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    ours = str(Path(__file__).resolve().parents[1])
    python_path = os.pathsep.join([*filter(None, [os.environ.get("PYTHONPATH")]), ours])
    return {**os.environ, "PATH": path, "PYTHONPATH": python_path, "PYTHONUNBUFFERED": "1", "DVC_NO_ANALYTICS": "1"}


def serve(connection: socket.socket) -> None:
    """The warm process: fork a child for every request, until the flow closes its end or is gone."""
    _warm_up()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children: the report says how they ended
    gc.freeze()
    pending = b""
    descriptors: list[int] = []
    while True:
        data, received, _, _ = socket.recv_fds(connection, _MESSAGE, _DESCRIPTORS)
        if not data:
            return
        descriptors += received
        pending += data
        while b"\n" in pending:
            line, pending = pending.split(b"\n", 1)
            # A message and its descriptors arrive together, and the next message not before they are taken.
            if os.fork() == 0:
                connection.close()
                _child(json.loads(line)["name"], *descriptors)
            for descriptor in descriptors:
                os.close(descriptor)
            descriptors = []


def _warm_up() -> None:
    """Import what a stage will need, so that no child has to: DVC imports half of itself when it is first used."""
    import dvc.cachemgr
    import dvc.data_cloud
    import dvc.repo.stage
    import dvc.rwlock
    import dvc.stage.run  # noqa: F401
    import dvc_data.hashfile.db.local
    import dvc_data.hashfile.status  # noqa: F401
    from dvc.repo import Repo

    # Whatever is wrong with the graph is for the stage to report. No lock is taken, and no file left open.
    with suppress(Exception), Repo(str(Path.cwd())) as repo:
        repo.index.graph  # noqa: B018


def _child(name: str, report: int, output: int, *inherited: int) -> None:
    """Run one stage and end. The descriptors `inherited` stay open, also in the command of the stage."""
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    with suppress(OSError):
        os.write(report, json.dumps({"pid": os.getpid()}).encode() + b"\n")
    try:
        found = _repro(name)
    except BaseException as error:  # whatever it was, the flow hears of it
        import traceback

        traceback.print_exc()
        found = {"how": "failed", "message": f"{type(error).__name__}: {error}"}
    sys.stdout.flush()
    sys.stderr.flush()
    with suppress(OSError):  # the flow is gone: nobody asks
        os.write(report, json.dumps(found).encode())
    os._exit(0)


def _repro(name: str) -> dict[str, Any]:
    """`dvc repro -s NAME`: {"how": ran, cached, restored, busy, exited (with `status`) or failed, "message": ...}."""
    import dvc.stage.run as running
    from dvc.exceptions import DvcException
    from dvc.lock import LockError
    from dvc.repo import Repo
    from dvc.ui import ui

    ran: list[str] = []
    cmd_run = running.cmd_run

    def noted(stage: Any, *arguments: Any, **options: Any) -> None:
        ran.append(stage.addressing)
        cmd_run(stage, *arguments, **options)

    running.cmd_run = noted
    running.StageCmdFailedError = _command_failed(running.StageCmdFailedError)  # type: ignore[misc]
    ui.enable()
    try:
        with Repo(str(Path.cwd()), _wait_for_lock=True) as repo:
            repo.scm_context.quiet = True
            changed = repo.reproduce([name], single_item=True)
    except DvcException as error:
        causes = list(_causes(error))
        status = next((cause.status for cause in causes if hasattr(cause, "status")), None)
        if status is not None:
            return {"how": "exited", "status": status}
        message = ": ".join(str(cause) for cause in causes)
        if not ran and any(isinstance(cause, LockError) for cause in causes):
            return {"how": "busy", "message": message}
        print(f"ERROR: {message}", file=sys.stderr)
        return {"how": "failed", "message": message}
    return {"how": "ran" if ran else "restored" if changed else "cached"}


def _command_failed(base: type[Exception]) -> type[Exception]:
    """DVC's error of a command, which says its exit status in words alone, with the status itself."""

    class CommandFailed(base):  # type: ignore[misc, valid-type]
        def __init__(self, cmd: str, status: int | None = None) -> None:
            super().__init__(cmd, status)
            self.status = status

    return CommandFailed


def _causes(error: BaseException | None) -> list[BaseException]:
    found = []
    while error is not None:
        found.append(error)
        error = error.__cause__
    return found


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
