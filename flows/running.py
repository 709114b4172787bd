"""What every named flow does: bring one stage of the DVC graph up to date, and run it as a command."""

from __future__ import annotations

import argparse
import atexit
import logging
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import flows  # noqa: F401  settles where Prefect keeps its data, so it comes before prefect

# isort: split
from prefect.client.schemas.objects import State
from prefect.logging.handlers import PrefectConsoleHandler
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Completed, Failed

from flows import gate, project_root
from flows.graph import GraphError
from flows.server import OWN_SERVER, ServerError, local_server
from flows.stage import LABELS_MISSING
from flows.walk import StageResult, walk

_WORDS = {"restored": "restored from the run cache", "awaiting": "awaiting labels"}


def bring_up_to_date(target: str) -> State[Any]:
    """Run every stage that `target` needs and whose inputs are there, and wait where labels are missing; call it in a flow."""
    root = project_root()
    with gate.sole_run(root, gate.labels_status) as ended:
        if ended is not None:
            return ended
        labels = gate.Gate(gate.labels_status)
        while True:
            try:
                walked = walk(root, target, tell=_tell)
                if walked.failed:
                    return Failed(message=walked.failure())
                if not walked.awaiting:
                    return Completed(message=f"{target} is up to date")
                if not labels.passed(walked.awaiting):
                    message = f"{labels.message(walked.awaiting)}, then start this again"
                    return Completed(name="AwaitingLabels", message=message)
            except (GraphError, gate.GateError) as error:
                return Failed(message=str(error))


def command(
    flow: Callable[..., Any], description: str, target: str, made: Path, arguments: Sequence[str] | None = None
) -> int:
    """Run a flow in this process, on the server of PREFECT_API_URL or on one of its own; returns the exit code.

    target: the stage it brings up to date by default. made: the file to name at the end, where it is there.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {flow.__module__}", description=description)
    parser.add_argument("--target", default=target, help=f"the stage to bring up to date (default: {target})")
    parser.add_argument("--verbose", action="store_true", help="show what the stages print")
    chosen = parser.parse_args(arguments)
    _console(logging.INFO if chosen.verbose else logging.CRITICAL)
    root = project_root()
    try:
        with temporary_settings(updates={PREFECT_API_URL: PREFECT_API_URL.value() or _own_server(root)}):
            state: State[Any] = flow(target=chosen.target, return_state=True)
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
    if (root / made).is_file():
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
