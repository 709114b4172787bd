"""The guard that keeps runs of one project from piling up before a gate, or from running side by side."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect import runtime
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    TaskRunFilter,
    TaskRunFilterFlowRunId,
    TaskRunFilterState,
    TaskRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.states import Completed, Crashed

from flows import params
from flows.gate import CountLabels
from flows.server import OWN_SERVER
from labelling.desk.project import gate_prefix

ALREADY_WAITING = "AlreadyWaiting"
# A run shows as Running for some seconds before it can hold the lock.
_STARTING = timedelta(minutes=1)


@contextmanager
def sole_run(root: Path, count_labels: CountLabels) -> Iterator[State[Any] | None]:
    """Lets one run of the deployment through at a time: yields None, or the state that this run should end with.

    Schedules pile up before a gate, as suspended runs count against no limit. So a run that finds another one active
    ends `AlreadyRunning`; one that finds another waiting at a gate resumes it when its labels are in and ends
    `ResumedWaitingRun`, or ends `AlreadyWaiting`. A run without a deployment is always let through.

    Whether another is active is read from a lock file, which no crash leaves behind, as crashes do leave runs that show
    as Running for ever.
    """
    deployment = runtime.deployment.id
    if deployment is None:
        yield None
        return
    path = root / ".loupe" / "flow.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield Completed(name="AlreadyRunning", message="another run of this deployment is active in this project")
            return
        with get_client(sync_client=True) as client:
            verdict = _look_at_siblings(client, root, UUID(deployment), count_labels)
        yield verdict


def _look_at_siblings(
    client: SyncPrefectClient, root: Path, deployment: UUID, count_labels: CountLabels
) -> State[Any] | None:
    siblings = client.read_flow_runs(
        flow_run_filter=FlowRunFilter(
            deployment_id=FlowRunFilterDeploymentId(any_=[deployment]),
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.PAUSED, StateType.RUNNING])),
        )
    )
    others = [run for run in siblings if str(run.id) != runtime.flow_run.id and run.state is not None]
    for run in others:
        if run.state is not None and run.state.is_running():
            _bury(client, run)
    waiting = [(run, round) for run in others if (round := _waits_for(run, root)) is not None]
    for run, round in waiting:
        if count_labels(round).complete:
            client.resume_flow_run(run.id, run_input={})
            return Completed(name="ResumedWaitingRun", message=f"labels of {round} are in: run {run.name} goes on")
    for run, round in waiting:
        status = count_labels(round)
        text = f"run {run.name} waits for the labels of {round} ({status.have} of {status.need}); resume or cancel it"
        return Completed(name=ALREADY_WAITING, message=text)
    return None


def _waits_for(run: FlowRun, root: Path) -> str | None:
    """The round of params.yaml whose gate a suspended run waits at."""
    if run.state is None or not run.state.is_paused():
        return None
    key = run.state.state_details.pause_key or ""
    rounds = params.settings(root).get("rounds")
    for round in rounds if isinstance(rounds, dict) else ():
        gate = gate_prefix(str(round), root)
        if key.startswith(gate) and key.removeprefix(gate).isdigit():
            return str(round)
    return None


def _bury(client: SyncPrefectClient, run: FlowRun) -> None:
    """Marks a run that shows as Running while this one holds the lock, and its tasks: its process is gone.

    Only on the project's own server, where no run can be active elsewhere. The age is that of the Running state: a run
    that was resumed a moment ago started long before.
    """
    if run.state is None or os.environ.get(OWN_SERVER) != "1" or datetime.now(UTC) - run.state.timestamp < _STARTING:
        return
    unfinished = TaskRunFilterState(
        type=TaskRunFilterStateType(any_=[StateType.RUNNING, StateType.PENDING, StateType.SCHEDULED])
    )
    of_run = TaskRunFilter(flow_run_id=TaskRunFilterFlowRunId(any_=[run.id]), state=unfinished)
    for task in client.read_task_runs(task_run_filter=of_run):
        client.set_task_run_state(task.id, Crashed(message="the process of this stage's run is gone"), force=True)
    client.set_flow_run_state(run.id, Crashed(message="the process of this run is gone"), force=True)
