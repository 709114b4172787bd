"""The label gate as a paused run, and the guard that keeps runs from piling up before it."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from prefect import get_run_logger, runtime
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput
from prefect.states import Completed, Crashed

from flows.server import OWN_SERVER

_GATE_KEY = re.compile(r"^gate-(.+)-\d+$")
# A run shows as Running for some seconds before it can hold the lock.
_STARTING = timedelta(minutes=1)


class LabelsStatus(Protocol):
    """What the gate wants to know of a round's labels: votes cast, votes wanted, all there."""

    @property
    def have(self) -> int: ...
    @property
    def need(self) -> int: ...
    @property
    def complete(self) -> bool: ...


CountLabels = Callable[[str], LabelsStatus]


class GateError(RuntimeError):
    """The label store says that a round is complete, the stage says it is not."""


class LabelsIn(RunInput):
    """The form shown at Resume. It may stay empty: the votes are counted, not believed."""

    note: str = ""


def labels_status(round: str) -> LabelsStatus:
    """Counts the votes in the label store, by the same function that the stage uses."""
    from labelling.status import labels_status as count_votes

    return count_votes(round)


def round_of(stage: str) -> str:
    """labels@r01 waits for the labels of r01."""
    return stage.rpartition("@")[2]


class Gate:
    """Waits for the labels of one run's rounds."""

    def __init__(self, count_labels: CountLabels) -> None:
        self._count = count_labels
        self._walked_again: set[str] = set()

    def passed(self, awaiting: list[str]) -> bool:
        """Waits until one of the stages `awaiting` labels has them; True: walk on. Call it in a flow, outside of tasks.

        Under a deployment the run suspends: it leaves this function by Prefect's Pause, and a resumed run starts from
        the top and comes here again if labels are still missing. The votes are counted after every resume. Without a
        deployment a run cannot suspend; the answer is then False. Raises GateError where store and stage disagree.
        """
        if self._any_complete(awaiting):
            return True
        if runtime.deployment.id is None:
            return False
        round = round_of(awaiting[0])
        for attempt in count(1):
            # A key that was used before returns at once: the number counts the resumes that came too early.
            suspend_flow_run(wait_for_input=LabelsIn, key=f"gate-{_slug(round)}-{attempt}", timeout=None)
            if self._any_complete(awaiting):
                return True
            get_run_logger().info("resumed, but %s", self.message(awaiting))
        raise GateError("unreachable")

    def message(self, awaiting: list[str]) -> str:
        """What is missing and the command to label with."""
        parts = []
        for stage in awaiting:
            round = round_of(stage)
            status = self._count(round)
            parts.append(f"{stage} has {status.have} of {status.need} votes: label with `loupe label {round}`")
        return "; ".join(parts)

    def _any_complete(self, awaiting: list[str]) -> bool:
        complete = {stage for stage in awaiting if self._count(round_of(stage)).complete}
        stuck = complete & self._walked_again
        if stuck:
            raise GateError(
                f"the label store has all votes for {', '.join(sorted(stuck))}, yet the stage says they are missing: "
                "are LOUPE_LABELS here and for the stage the same?"
            )
        self._walked_again |= complete
        return bool(complete)


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
            verdict = _look_at_siblings(client, UUID(deployment), count_labels)
        yield verdict


def _look_at_siblings(client: SyncPrefectClient, deployment: UUID, count_labels: CountLabels) -> State[Any] | None:
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
    waiting = [(run, round) for run in others if (round := _waits_for(run)) is not None]
    for run, round in waiting:
        if count_labels(round).complete:
            client.resume_flow_run(run.id, run_input={})
            return Completed(name="ResumedWaitingRun", message=f"labels of {round} are in: run {run.name} goes on")
    for run, round in waiting:
        status = count_labels(round)
        text = f"run {run.name} waits for the labels of {round} ({status.have} of {status.need}); resume or cancel it"
        return Completed(name="AlreadyWaiting", message=text)
    return None


def _waits_for(run: FlowRun) -> str | None:
    """The round whose gate a suspended run waits at."""
    if run.state is None or not run.state.is_paused():
        return None
    found = _GATE_KEY.match(run.state.state_details.pause_key or "")
    return found.group(1) if found else None


def _bury(client: SyncPrefectClient, run: FlowRun) -> None:
    """Marks a run that shows as Running while this one holds the lock: its process is gone. Only on the project's own
    server, where no run can be active elsewhere."""
    started = run.start_time or run.expected_start_time
    if os.environ.get(OWN_SERVER) == "1" and started and datetime.now(UTC) - started > _STARTING:
        client.set_flow_run_state(run.id, Crashed(message="the process of this run is gone"), force=True)


def _slug(round: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", round.lower())
