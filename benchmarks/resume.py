"""From the last vote of a round to the next stage: a real label store, the real labelling app, a real Prefect server."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx

from benchmarks.flow import project
from benchmarks.labelling import Observer, pairs
from benchmarks.measure import Result
from flows.server import free_port
from labelling.desk.project import deployment_name
from labelling.desk.resume import ask, client_of
from labelling.desk.tokens import observer_link
from labelling.store import Store

GOAL_SECONDS = 10.0
_PATIENCE_SECONDS = 240.0
_TIME = "import time; print(time.time())"
_ROUND = "low_light-r01"
_STAGES = f"""
stages:
  labels:
    foreach: [{_ROUND}]
    do:
      cmd: "{sys.executable} gate.py && {sys.executable} -c '{_TIME}' > voted"
      outs: [voted]
  report:
    foreach: [low_light]
    do:
      cmd: "{sys.executable} -c '{_TIME}' > began && cp began report"
      deps: [voted]
      outs: [report]
"""
_GATE = f"""
from labelling.store import labels_status
raise SystemExit(0 if labels_status({_ROUND!r}).complete else 75)
"""


def results(repeats: int) -> list[Result]:
    """Seconds from the answer to the last vote until the next stage's command begins: beside `make ui`, and by a worker."""
    ways: dict[str, Callable[[Path, dict[str, str], int], list[float]]] = {
        "make ui": _served,
        "a worker": lambda root, found, count: _worked(root, found, count, {}),
        "a worker that asks every 2 s": lambda root, found, count: _worked(
            root, found, count, {"PREFECT_WORKER_QUERY_SECONDS": "2"}
        ),
    }
    rows = []
    for way, measure in ways.items():
        with tempfile.TemporaryDirectory() as name:
            root = Path(name) / "project"
            found = project(root, _STAGES)
            (root / "gate.py").write_text(_GATE)
            _ask(root, 0)
            seconds = statistics.median(measure(root, found, repeats))
        rows.append(
            Result(f"last vote to next stage, {way}", seconds, "s", GOAL_SECONDS, "goal", seconds / GOAL_SECONDS)
        )
    return rows


def _ask(root: Path, number: int) -> None:
    """One pair, another each time, is what the round waits for."""
    with Store.open(str(root / ".loupe" / "labels.sqlite")) as store:
        store.register(_ROUND, "people", [pairs(number + 1)[number]], 1, "Which looks better?")
        store.add_observer("observer")


def _served(root: Path, found: dict[str, str], count: int) -> list[float]:
    port, label = free_port(), free_port()
    command = ["-m", "flows.serve", "--port", str(port), "--label-port", str(label)]
    with _process(root, found, command, "Ready."):
        return _voted(root, f"http://127.0.0.1:{port}/api", label, count, deployment_name(True, root))


def _worked(root: Path, found: dict[str, str], count: int, asks: dict[str, str]) -> list[float]:
    """A server, a worker and a labelling app, each started by hand."""
    port, label = free_port(), free_port()
    address = f"http://127.0.0.1:{port}/api"
    told = found | {"PREFECT_API_URL": address}
    with ExitStack() as running:
        serve = ["-m", "prefect", "server", "start", "--port", str(port)]
        running.enter_context(_process(root, found, serve, "Check out the dashboard"))
        _wait_for(lambda: _answers(address), "the server")  # it says so before it listens
        deploy = [sys.executable, "-m", "cli.main", "deploy", "--pool", "bench"]
        subprocess.run(deploy, cwd=root, env=told, check=True, capture_output=True)
        work = ["-m", "prefect", "worker", "start", "--pool", "bench"]
        running.enter_context(_process(root, told | asks, work, "started!"))
        app = ["-m", "cli.main", "label", "--no-browser", "--port", str(label)]
        running.enter_context(_process(root, told, app, "/o/"))
        return _voted(root, address, label, count, deployment_name(False, root))


def _voted(root: Path, address: str, label: int, count: int, deployment: str) -> list[float]:
    """Start a run, wait until it is suspended, cast the one vote it waits for; `count` times."""
    with Store.open(str(root / ".loupe" / "labels.sqlite")) as store:
        link = observer_link(store, "observer", f"http://127.0.0.1:{label}")
    seconds = []
    with client_of(address, 30) as client:
        name = f"/deployments/name/low-light/{deployment}"
        _wait_for(lambda: client.get(name).status_code == 200, "the deployment")
        id = ask(client, "GET", name).json()["id"]
        for number in range(count):
            if number:
                _ask(root, number)
                for name in ("voted", "began", "report"):
                    (root / name).unlink()
            run = ask(client, "POST", f"/deployments/{id}/create_flow_run", {}).json()["id"]
            _wait_for(lambda run=run: _state(client, run) == "Suspended", "the gate")  # type: ignore[misc]
            with Observer(link) as observer:
                observer.vote(observer.next())
                voted = time.time()
            _wait_for((root / "report").exists, "the next stage")
            seconds.append(float((root / "began").read_text()) - voted)
            _wait_for(lambda run=run: _state(client, run) == "Completed", "the end of the run")  # type: ignore[misc]
    return seconds


def _answers(address: str) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"{address}/health", trust_env=False).status_code == 200
    return False


def _state(client: httpx.Client, run: str) -> str:
    name = str(ask(client, "GET", f"/flow_runs/{run}").json()["state"]["name"])
    if name in ("Failed", "Crashed", "Cancelled"):
        raise RuntimeError(f"the run ended as {name}")
    return name


def _wait_for(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not true():
        if time.monotonic() > deadline:
            raise RuntimeError(f"waited {_PATIENCE_SECONDS:.0f} s for {what}")
        time.sleep(0.1)


@contextmanager
def _process(root: Path, found: dict[str, str], command: list[str], ready: str) -> Iterator[None]:
    """`python COMMAND` while the context lasts, which begins when it has said `ready`."""
    log = root.parent / f"{command[1]}-{command[2] if len(command) > 2 else ''}.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, *command], cwd=root, env=found, stdin=subprocess.DEVNULL, stdout=output,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            _wait_for(lambda: ready in log.read_text() or process.poll() is not None, f"{' '.join(command)}")
            if process.poll() is not None:
                raise RuntimeError(f"{' '.join(command)} ended:\n{log.read_text()[-2000:]}")
            yield
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
