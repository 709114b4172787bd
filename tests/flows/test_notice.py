from __future__ import annotations

import uuid
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flows import notice, words

# isort: split
from prefect.client.schemas.filters import TaskRunFilter
from prefect.client.schemas.objects import State

STATUS = SimpleNamespace(have=3, need=8, complete=False, kind="people", what="votes")


@pytest.fixture(autouse=True)
def nothing_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOUPE_LABEL_ADDRESS", raising=False)


def test_the_address_told_comes_before_the_one_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert words.label_address(tmp_path) is None
    monkeypatch.setattr(words, "running", lambda: "http://127.0.0.1:4201")
    assert words.label_address(tmp_path) == "http://127.0.0.1:4201"
    (tmp_path / "params.yaml").write_text("machine: {label_address: 'https://labels.lab.example/'}\n")
    assert words.label_address(tmp_path) == "https://labels.lab.example"
    monkeypatch.setenv("LOUPE_LABEL_ADDRESS", "http://10.0.0.7:4201/")
    assert words.label_address(tmp_path) == "http://10.0.0.7:4201"


def test_params_that_say_nothing_of_it(tmp_path: Path) -> None:
    for text in ("machine: null\n", "machine: {label_address: null}\n", "[1, 2]\n", ": : :\n"):
        (tmp_path / "params.yaml").write_text(text)
        assert words.label_address(tmp_path) is None


def test_the_waiting_run_says_what_where_and_what_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert notice.message(tmp_path, "low_light-r01", STATUS) == (
        "round r01 of low light waits for labels: 3 of 8 votes are in. To go on, label with `loupe label low_light-r01`; "
        "the run resumes by itself when the last is in."
    )
    monkeypatch.setenv("LOUPE_LABEL_ADDRESS", "https://labels.lab.example")
    assert "label at https://labels.lab.example;" in notice.message(tmp_path, "low_light-r01", STATUS)


def test_the_form_says_that_nothing_has_to_be_filled_in(tmp_path: Path) -> None:
    words = notice.form(tmp_path, "brackets-r02", STATUS)
    assert words.startswith("**Nothing has to be filled in.** round r02 of brackets waits for labels: 3 of 8")
    assert "Next come the ranker's training" in words


def test_only_tasks_of_stages_that_wait_no_more_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever walk of the run tried a stage: while its labels are missing, its tasks show that they are."""
    run = uuid.uuid4()
    tasks = [
        SimpleNamespace(id=uuid.uuid4(), name=name)
        for name in ("labels@low_light-r01", "labels@low_light-r02", "labels@low_light-r02")
    ]
    closed: dict[uuid.UUID, str | None] = {}

    class Client:
        def __enter__(self) -> Client:
            return self

        def __exit__(self, *error: object) -> None: ...

        def read_task_runs(self, task_run_filter: TaskRunFilter) -> list[SimpleNamespace]:
            assert task_run_filter.flow_run_id is not None
            assert task_run_filter.flow_run_id.any_ == [run]
            return tasks

        def set_task_run_state(self, id: uuid.UUID, state: State[Any], force: bool) -> None:
            assert force
            closed[id] = state.name

    monkeypatch.setattr(notice, "get_client", lambda sync_client: Client())
    notice.labels_are_in(run, ["labels@low_light-r02"])
    assert closed == {tasks[0].id: "LabelsIn"}
    notice.labels_are_in(run, [])
    assert set(closed) == {task.id for task in tasks}


def test_what_no_waiting_brings_is_said_otherwise(tmp_path: Path) -> None:
    missing = SimpleNamespace(have=3, need=8, complete=False, kind="llm", what="answers of the language model")
    said = notice.message(tmp_path, "thermal-r01", missing)
    assert said.startswith(
        "round r01 of thermal waits for labels: 3 of 8 answers of the language model are in. The log"
    )
    assert "loupe label" not in said
