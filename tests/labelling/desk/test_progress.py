"""The progress of a waiting round in Prefect."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest
from prefect_helpers import FakePrefect

from labelling.desk import progress
from labelling.desk.project import progress_key, project_id
from labelling.desk.resume import client_of
from labelling.store import Store


class VotedStore:
    """What `shown` asks of a store: rounds, and how far their log is."""

    def __init__(self) -> None:
        self.at = 1

    def rounds(self) -> list[str]:
        return ["low_light-r01"]

    def log_position(self, round: str) -> int:
        return self.at


def count(monkeypatch: pytest.MonkeyPatch, have: int, need: int) -> None:
    monkeypatch.setattr(progress, "labels_status", lambda round, store: SimpleNamespace(have=have, need=need))


def test_the_newest_artifact_of_this_project_is_moved(prefect: FakePrefect, monkeypatch: pytest.MonkeyPatch) -> None:
    count(monkeypatch, 3, 4)
    described = "Labels of round r01 of low light: 1 of 4 votes"
    prefect.artifacts = [
        {"key": "labels-other-12345678-low-light-r01", "latest_id": "theirs", "description": described},
        {"key": progress_key("low_light-r01"), "latest_id": "mine", "description": described},
    ]
    with Store.open("labels.sqlite") as store, client_of(prefect.api, 5) as client:
        assert progress.move(client, store, "low_light-r01")
    moved = {"data": 75.0, "description": "Labels of round r01 of low light: 3 of 4 votes"}
    assert prefect.patched == [("/api/artifacts/mine", moved)]
    assert project_id() in progress_key("low_light-r01")


@pytest.mark.parametrize(("have", "need", "share"), [(9, 4, 100.0), (0, 4, 0.0), (0, 0, 0.0)])
def test_the_share_stays_between_0_and_100(
    prefect: FakePrefect, monkeypatch: pytest.MonkeyPatch, have: int, need: int, share: float
) -> None:
    count(monkeypatch, have, need)
    prefect.artifacts = [{"key": progress_key("low_light-r01"), "latest_id": "mine", "description": None}]
    with Store.open("labels.sqlite") as store, client_of(prefect.api, 5) as client:
        assert progress.move(client, store, "low_light-r01")
    assert prefect.patched[0][1]["data"] == share


def test_where_no_run_waits_nothing_is_made(prefect: FakePrefect, monkeypatch: pytest.MonkeyPatch) -> None:
    count(monkeypatch, 1, 4)
    with Store.open("labels.sqlite") as store, client_of(prefect.api, 5) as client:
        assert not progress.move(client, store, "low_light-r01")
    assert prefect.patched == []


def until(true: Any) -> None:
    for _ in range(500):
        if true():
            return
        threading.Event().wait(0.02)
    raise AssertionError("waited too long")


def test_it_moves_with_the_votes_and_asks_nothing_between(
    prefect: FakePrefect, monkeypatch: pytest.MonkeyPatch
) -> None:
    count(monkeypatch, 1, 4)
    prefect.artifacts = [{"key": progress_key("low_light-r01"), "latest_id": "mine", "description": None}]
    store: Any = VotedStore()
    with progress.shown(store, seconds=0.02):
        until(lambda: len(prefect.patched) == 1)
        asked = len(prefect.asked)
        threading.Event().wait(0.3)
        assert len(prefect.asked) == asked
        count(monkeypatch, 2, 4)
        store.at = 2
        until(lambda: len(prefect.patched) == 2)
    assert [body["data"] for _, body in prefect.patched] == [25.0, 50.0]


def test_without_a_server_nothing_is_asked(prefect: FakePrefect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL")
    store: Any = VotedStore()
    with progress.shown(store, seconds=0.01):
        threading.Event().wait(0.1)
    assert prefect.asked == []
