"""A Prefect server, the deployments of the flows, and the labelling app, for people who work in the browser.

    python -m flows.serve [--port 4200] [--label-port 4201]

runs until Ctrl-C or SIGTERM. Where PREFECT_API_URL names a server (one's own, or Prefect Cloud), that one is used and none
is started. The labelling app knows Prefect's address, so the last vote of a round resumes the run that waits for it. What
dies is started again; what dies again and again ends all of it, with one sentence.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

from flows import deployments, params, project_root, reports
from flows.child import Supervised
from flows.server import OWN_SERVER, LocalServer, ServerError, free_port, taken
from flows.server_log import ServerLog
from labelling.desk.project import note_own_server

PORT, LABEL_PORT = 4200, 4201
_WATCH_SECONDS = 1.0
# One run does the work, the lock of the project sees to that; of ten scheduled at once, one at a time finds that out. (A
# concurrency limit of the deployment would do so without a process, but Prefect 3.8.8 then cancels every run.)
_PROCESSES = 2
_told_to_stop = threading.Event()


def main(arguments: Sequence[str] | None = None) -> int:
    """Starts what is missing, then serves until told to stop; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m flows.serve", description="Serve the pipeline with Prefect's UI.")
    parser.add_argument("--port", type=int, help=f"port of the server on 127.0.0.1 (default: {PORT}, or a free one)")
    parser.add_argument(
        "--label-port", type=int, help=f"port of the labelling app (default: {LABEL_PORT}, or a free one)"
    )
    chosen = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _stop)
    root = project_root()
    try:
        with ExitStack() as running:
            running.enter_context(_only_one(root))
            deployments.schedules(params.settings(root))  # said before anything starts
            _serve_all(root, chosen.port, chosen.label_port, running)
    except (ServerError, deployments.ScheduleError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    except Exception:
        if not _told_to_stop.is_set():  # where the signal comes in the middle of a serializer, that wraps it
            raise
    return _exit_code


_exit_code = 0


def _serve_all(root: Path, port: int | None, label_port: int | None, running: ExitStack) -> None:
    address = os.environ.get("PREFECT_API_URL", "").rstrip("/")
    server = None
    if address:
        print(f"Starting the labelling app, for Prefect at {address} ...", flush=True)
    else:
        print(
            "Starting Prefect's server and the labelling app; the first start takes about half a minute ...", flush=True
        )
        server = LocalServer(root, port or (free_port() if taken(PORT) else PORT), ui=True)
        running.callback(server.stop)
        address = server.address
        os.environ["PREFECT_API_URL"] = address
        os.environ[OWN_SERVER] = "1"
        note_own_server(address, root)
        running.callback(note_own_server, None, root)
    os.environ.setdefault("PREFECT_RUNNER_POLL_FREQUENCY", "2")
    pages = os.environ.get("PREFECT_UI_URL", "").rstrip("/") or address.removesuffix("/api")
    print(f"Prefect's pages: {pages}  (deployments {', '.join(deployments.full_names(root))})", flush=True)
    print(f"For other commands: export PREFECT_API_URL={address}", flush=True)
    print(f"Reports: {running.enter_context(reports.served(root))}/KIND", flush=True)
    labels = label_port if label_port is not None else (free_port() if taken(LABEL_PORT) else LABEL_PORT)
    # Where people's browsers are is for the links in Prefect's pages.
    app = Supervised(
        "cli.main",
        ["label", "--no-browser", "--port", str(labels)],
        root,
        {"PREFECT_API_URL": address},
        "The labelling app",
        f"PREFECT_API_URL={address} loupe label --no-browser --port {labels}",
    )
    running.callback(app.stop)
    stopping = threading.Event()
    running.callback(stopping.set)
    watcher = threading.Thread(target=_watch, args=(server, app, stopping), name="watch", daemon=True)
    watcher.start()
    _serve_flows(root)


def _watch(server: LocalServer | None, app: Supervised, stopping: threading.Event) -> None:
    """Starts again what has ended, and says so, and what the server's services report."""
    log = ServerLog(server.log) if server else None
    restarts = 0
    while not stopping.wait(_WATCH_SECONDS):
        app.look()
        for line in log.new_errors() if log else ():
            print(f"Prefect's server reports: {line}  (log: {log.path if log else ''})", flush=True)
        if server is None or server.ended is None:
            continue
        restarts += 1
        print(
            f"Prefect's server has ended (exit code {server.ended}, log: {server.log}); starting it again ...",
            flush=True,
        )
        try:
            if restarts > 5:
                raise ServerError("it has ended six times")
            server.restart()
            print(f"Prefect's server answers again at {server.address}", flush=True)
        except ServerError as error:
            _give_up(f"Prefect's server could not be started again: {error}")


def _give_up(sentence: str) -> None:
    global _exit_code  # noqa: PLW0603
    _exit_code = 1
    print(sentence, file=sys.stderr, flush=True)
    os.kill(os.getpid(), signal.SIGTERM)


def _serve_flows(root: Path) -> None:
    """Registers the deployments and runs what is scheduled or started, until told to stop."""
    # Imported only now: prefect reads the address of its server when it is imported.
    import logging

    from prefect import serve

    logging.getLogger("prefect.runner").setLevel(logging.WARNING)
    found = deployments.built(params.settings(root))
    print("Ready. Stop with Ctrl-C.", flush=True)
    serve(*found, print_starting_message=False, pause_on_shutdown=False, limit=_PROCESSES)


@contextmanager
def _only_one(root: Path) -> Iterator[None]:
    """One instance a project, whatever its ports. Raises ServerError."""
    import fcntl

    path = root / ".loupe" / "serve.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise ServerError(
                f"this project is served already (process {lock.read().strip() or 'unknown'}); use its pages, or stop it first"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _stop(number: int, frame: FrameType | None) -> None:
    _told_to_stop.set()
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
