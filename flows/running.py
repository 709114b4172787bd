"""What every named flow does: bring one stage of the DVC graph up to date, and run it as a command."""

from __future__ import annotations

import atexit
import logging
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

import flows  # noqa: F401  settles where Prefect keeps its data, so it comes before prefect

# isort: split
from prefect import get_run_logger, runtime, tags
from prefect.artifacts import create_link_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.logging.handlers import PrefectConsoleHandler
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Completed, Failed

from flows import gate, notice, notify, params, project_root, reports, siblings
from flows.graph import GraphError
from flows.server import OWN_SERVER, ServerError, local_server
from flows.stage import LABELS_MISSING
from flows.walk import StageResult, Walk, walk
from labelling.desk.project import project_id, slug

_PATIENCE_SECONDS = 600
_ASKED_AGAIN_SECONDS = 2.0
_WORDS = {"restored": "restored from the run cache", "awaiting": "awaiting labels"}


def bring_up_to_date(target: str) -> State[Any]:
    """Run every stage that `target` needs and whose inputs are there, and wait where labels are missing; call it in a flow.

    A Prefect server that goes away is waited for: the stages that run then finish by themselves, and are found done.
    """
    root = project_root()
    with siblings.sole_run(root, gate.labels_status) as ended:
        if ended is not None:
            if ended.name == siblings.ALREADY_WAITING:  # any other run goes on, and tells what it brought when it ends
                _say(notify.tell(root))
            return ended
        labels = gate.Gate(root, gate.labels_status)
        while True:
            try:
                walked = walk(root, target, _stages_at_once(root), tell=_tell)
                if runtime.deployment.id and runtime.flow_run.id:  # it may have waited before
                    notice.labels_are_in(UUID(runtime.flow_run.id), walked.awaiting)
                _notify(root, target, walked)
                if walked.failed:
                    return Failed(message=walked.failure())
                if not walked.awaiting:
                    _done(root, target)
                    return Completed(message=f"{target} is up to date")
                if not labels.passed(walked.awaiting):
                    message = f"{labels.message(walked.awaiting)}, then start this again"
                    return Completed(name="AwaitingLabels", message=message)
            except (GraphError, gate.GateError) as error:
                _say(notify.tell(root, {f"{type(error).__name__} {target}": str(error)}))
                return Failed(message=str(error))
            except httpx.TransportError as error:
                _wait_for_server(error)


def run_name() -> str:
    """`low-light to report@low_light, 25 Nov 07:12`."""
    target = runtime.flow_run.parameters.get("target", "")
    return f"{runtime.flow_run.flow_name} to {target}, {datetime.now():%d %b %H:%M}"


def _stages_at_once(root: Path) -> int:
    """machine.stages of params.yaml."""
    machine = params.settings(root).get("machine")
    count = machine.get("stages", 2) if isinstance(machine, dict) else 2
    return count if isinstance(count, int) and count > 0 else 2


def _notify(root: Path, target: str, walked: Walk) -> None:
    """Tells what `notify` of params.yaml wants told: before the run waits or ends."""
    failed = {result.name: result.message for result in walked.failed}
    well = [result.name for result in walked.results if result.status != "failed"]
    ways = [f"{GraphError.__name__} {target}", *([] if walked.awaiting else [f"{gate.GateError.__name__} {target}"])]
    _say(notify.tell(root, failed, [*well, *ways]))


def _say(lines: Sequence[str]) -> None:
    for line in lines:
        print(line, file=sys.stderr, flush=True)
        get_run_logger().warning(line)


def _wait_for_server(error: Exception) -> None:
    """Returns when Prefect's server answers again; raises `error` after ten minutes without an answer."""
    print("Prefect's server does not answer; waiting for it. Stages that run go on.", file=sys.stderr, flush=True)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    with get_client(sync_client=True) as client:
        while time.monotonic() < deadline:
            if client.api_healthcheck() is None:
                return
            time.sleep(_ASKED_AGAIN_SECONDS)
    raise error


def _done(root: Path, target: str) -> None:
    """At the end of a run that made a report: a link to it, with its headline, as an artifact."""
    page = reports.page_of(target)
    if page is None or not (root / page).is_file():
        return
    words = reports.headline(root, page) or f"The report of {target}."
    create_link_artifact(
        reports.link(root, page),
        link_text="The report",
        key=f"{slug(target)}-{project_id(root)}",
        description=f"{words}\n\n`{root / page}`",
    )


def command(flow: Callable[..., Any], target: str, verbose: bool = False) -> int:
    """Run a flow in this process, on the server of PREFECT_API_URL or on one of its own; returns the exit code."""
    _console(logging.INFO if verbose else logging.CRITICAL)
    root = project_root()
    try:
        server = {PREFECT_API_URL: PREFECT_API_URL.value() or _own_server(root)}
        with temporary_settings(updates=server), tags(project_id(root)):
            state: State[Any] = flow(target=target, return_state=True)
    except ServerError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; start again to go on", file=sys.stderr)
        return 130
    if state.name == "AwaitingLabels":
        print(state.message)
        return LABELS_MISSING
    if not state.is_completed():
        print(f"error: {state.message}", file=sys.stderr)
        return 1
    made = reports.page_of(target)
    if made is not None and (root / made).is_file():
        print(f"See {root / made}")
    return 0


def _own_server(root: Path) -> str:
    """A server for this process, ended after Prefect's own clean-up at exit, which still sends it logs and events."""
    server = ExitStack()
    atexit.register(server.close)
    os.environ[OWN_SERVER] = "1"
    return server.enter_context(local_server(root))


def _tell(result: StageResult) -> None:
    print(f"{result.name:<28} {_WORDS.get(result.status, result.status):<28} {result.seconds:7.1f} s", flush=True)


def _console(level: int) -> None:
    """Sets what Prefect shows on the terminal; what it sends to its database stays whole."""
    for name in (None, "prefect"):
        for handler in logging.getLogger(name).handlers:
            if isinstance(handler, PrefectConsoleHandler):
                handler.setLevel(level)
