"""The low-light run: dataset, first enhancer, rounds of labelling and fine-tuning, evaluation, report.

    python -m flows.low_light [--target STAGE]

ends with 0 when the target is up to date, 75 when labels are missing, 1 when a stage failed.
"""

from __future__ import annotations

import argparse
import atexit
import logging
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import flows  # noqa: F401  settles where Prefect keeps its data, so it comes before prefect

# isort: split
from prefect import flow
from prefect.client.schemas.objects import State
from prefect.logging.handlers import PrefectConsoleHandler
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Completed, Failed

from flows import gate, project_root
from flows.graph import GraphError
from flows.server import OWN_SERVER, ServerError, local_server
from flows.stage import LABELS_MISSING
from flows.walk import StageResult, walk

REPORT = Path("data/report/report.html")
_WORDS = {"restored": "restored from the run cache", "awaiting": "awaiting labels"}


@flow(name="low-light", flow_run_name="{target}", persist_result=False)
def low_light(target: str = "report") -> State[Any]:
    """Brings `target` up to date: runs every stage whose inputs are there, and waits where labels are missing."""
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the flow in this process, on the server of PREFECT_API_URL or on one of its own; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m flows.low_light", description="Run the pipeline up to a stage.")
    parser.add_argument("--target", default="report", help="the stage to bring up to date (default: report)")
    parser.add_argument("--verbose", action="store_true", help="show what the stages print")
    chosen = parser.parse_args(arguments)
    _console(logging.INFO if chosen.verbose else logging.CRITICAL)
    root = project_root()
    try:
        with temporary_settings(updates={PREFECT_API_URL: PREFECT_API_URL.value() or _own_server(root)}):
            state: State[Any] = low_light(target=chosen.target, return_state=True)
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
    if (root / REPORT).is_file():
        print(f"The report is at {root / REPORT}")
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


if __name__ == "__main__":
    sys.exit(main())
