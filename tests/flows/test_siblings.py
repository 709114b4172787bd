"""Who is let through, resumed or buried, against a client that answers as Prefect's does."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flow_helpers import ROUNDS_PARAMS

import flows  # noqa: F401

# isort: split
from prefect.client.schemas.objects import State, StateType
from prefect.states import Running, Suspended

from flows import siblings
from flows.server import OWN_SERVER
from labelling.desk.project import project_id

LONG_AGO = datetime.now(UTC) - timedelta(hours=9)


class Client:
    """Flow runs and their unfinished tasks; what was set or resumed is noted."""

    def __init__(self) -> None:
        self.runs: list[Any] = []
        self.tasks: dict[uuid.UUID, list[Any]] = {}
        self.set: dict[uuid.UUID, str] = {}
        self.resumed: list[uuid.UUID] = []

    def add(self, state: State[Any], tasks: int = 0) -> uuid.UUID:
        run = SimpleNamespace(
            id=uuid.uuid4(), name="other", state=state, start_time=LONG_AGO, expected_start_time=LONG_AGO
        )
        self.runs.append(run)
        self.tasks[run.id] = [SimpleNamespace(id=uuid.uuid4()) for _ in range(tasks)]
        return run.id

    def read_flow_runs(self, flow_run_filter: Any) -> list[Any]:
        assert set(flow_run_filter.state.type.any_) == {StateType.PAUSED, StateType.RUNNING}
        return self.runs

    def read_task_runs(self, task_run_filter: Any) -> list[Any]:
        return self.tasks[task_run_filter.flow_run_id.any_[0]]

    def set_flow_run_state(self, id: uuid.UUID, state: State[Any], force: bool) -> None:
        assert force
        self.set[id] = str(state.name)

    set_task_run_state = set_flow_run_state

    def resume_flow_run(self, id: uuid.UUID, run_input: dict[str, Any]) -> None:
        self.resumed.append(id)


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.setenv(OWN_SERVER, "1")
    (tmp_path / "params.yaml").write_text(ROUNDS_PARAMS)
    return Client()


def look(client: Client, root: Path, complete: bool = False) -> str | None:
    def count(round: str) -> Any:
        assert round == "low_light-r01"
        return SimpleNamespace(have=4 if complete else 1, need=4, complete=complete, kind="people", what="votes")

    verdict = siblings._look_at_siblings(client, root, uuid.uuid4(), count)  # type: ignore[arg-type]
    return verdict.name if verdict else None


def test_a_run_whose_process_is_gone_is_buried_with_its_tasks(client: Client, tmp_path: Path) -> None:
    gone = client.add(Running(timestamp=LONG_AGO), tasks=2)
    assert look(client, tmp_path) is None
    assert client.set == {gone: "Crashed", **{task.id: "Crashed" for task in client.tasks[gone]}}


def test_a_run_that_was_resumed_a_moment_ago_is_not_buried(client: Client, tmp_path: Path) -> None:
    """Its first start is hours old; its Running state is not."""
    client.add(Running(timestamp=datetime.now(UTC) - timedelta(seconds=5)), tasks=1)
    assert look(client, tmp_path) is None
    assert client.set == {}


def test_on_a_server_of_others_nothing_is_buried(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(OWN_SERVER)
    client.add(Running(timestamp=LONG_AGO), tasks=1)
    look(client, tmp_path)
    assert client.set == {}


def test_a_waiting_run_goes_on_when_its_labels_are_in(client: Client, tmp_path: Path) -> None:
    mine = client.add(Suspended(pause_key=f"gate-{project_id(tmp_path)}-low-light-r01-2"))
    assert look(client, tmp_path) == "AlreadyWaiting"
    assert look(client, tmp_path, complete=True) == "ResumedWaitingRun"
    assert client.resumed == [mine]


def test_a_run_of_another_project_or_of_another_pause_is_no_sibling(client: Client, tmp_path: Path) -> None:
    mine = project_id(tmp_path)
    before = f"gate-{mine}-r01-1"  # kinds had no rounds of their own
    others = [f"gate-{mine}-low-light-r03-1", f"gate-{mine}-low-light-r01-1-2", "gate-other-12345678-low-light-r01-1"]
    for key in (*others, before, "gate-r01-1", "approve-1", None):
        client.add(Suspended(pause_key=key))
    assert look(client, tmp_path, complete=True) is None
    assert client.resumed == []
