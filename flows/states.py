"""What a run shows in Prefect beyond its own states: a task that waits is not shown as one that runs, or as done."""

from __future__ import annotations

import logging
from typing import Any

from prefect.client.schemas.objects import State
from prefect.context import TaskRunContext
from prefect.utilities.engine import emit_task_run_state_change_event

AWAITING = "AwaitingLabels"


def show_task(state: State[Any]) -> None:
    """Show `state` for the task that calls this; Prefect's engine goes on as if nothing had changed."""
    context = TaskRunContext.get()
    if context is None:
        return
    run = context.task_run
    state.state_details.task_run_id, state.state_details.flow_run_id = run.id, run.flow_run_id
    emit_task_run_state_change_event(run, run.state, state)


class _WaitingIsNoError(logging.Filter):
    """Prefect logs the end of a task that is not completed as an error, and waiting for labels is none."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno == logging.ERROR and f"Finished in state {AWAITING}" in record.getMessage():
            record.levelno, record.levelname = logging.INFO, "INFO"
        return True


logging.getLogger("prefect.task_runs").addFilter(_WaitingIsNoError())
