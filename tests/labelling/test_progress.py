"""The progress of a waiting round in Prefect, against a small server that answers as Prefect's REST API does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from labelling import progress
from labelling.project import progress_key, project_id
from labelling.resume import client_of
from labelling.store import Store


class FakePrefect(ThreadingHTTPServer):
    """Keeps artifacts and what was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.artifacts: list[dict[str, Any]] = []
        self.patched: list[tuple[str, Any]] = []
        self.asked = 0

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/api"


class _Handler(BaseHTTPRequestHandler):
    server: FakePrefect

    def _handle(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "null")
        self.server.asked += 1
        answer: Any = {}
        if self.command == "PATCH":
            self.server.patched.append((self.path, body))
        else:
            keys = body["artifacts"]["key"]["any_"]
            answer = [item for item in self.server.artifacts if item["key"] in keys]
        content = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_PATCH = _handle  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def prefect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakePrefect]:
    with FakePrefect() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        monkeypatch.setenv("PREFECT_API_URL", server.api)
        monkeypatch.chdir(tmp_path)
        yield server
        server.shutdown()


class VotedStore:
    """What `shown` asks of a store: rounds, and how far their log is."""

    def __init__(self) -> None:
        self.at = 1

    def rounds(self) -> list[str]:
        return ["r01"]

    def log_position(self, round: str) -> int:
        return self.at


def count(monkeypatch: pytest.MonkeyPatch, have: int, need: int) -> None:
    monkeypatch.setattr(progress, "labels_status", lambda round, store: SimpleNamespace(have=have, need=need))


def test_the_newest_artifact_of_this_project_is_moved(prefect: FakePrefect, monkeypatch: pytest.MonkeyPatch) -> None:
    count(monkeypatch, 3, 4)
    described = "Labels of round r01 (low light): 1 of 4 votes"
    prefect.artifacts = [
        {"key": "labels-other-12345678-r01", "latest_id": "theirs", "description": described},
        {"key": progress_key("r01"), "latest_id": "mine", "description": described},
    ]
    with Store.open("labels.sqlite") as store, client_of(prefect.api, 5) as client:
        assert progress.move(client, store, "r01")
    moved = {"data": 75.0, "description": "Labels of round r01 (low light): 3 of 4 votes"}
    assert prefect.patched == [("/api/artifacts/mine", moved)]
    assert project_id() in progress_key("r01")


@pytest.mark.parametrize(("have", "need", "share"), [(9, 4, 100.0), (0, 4, 0.0), (0, 0, 0.0)])
def test_the_share_stays_between_0_and_100(
    prefect: FakePrefect, monkeypatch: pytest.MonkeyPatch, have: int, need: int, share: float
) -> None:
    count(monkeypatch, have, need)
    prefect.artifacts = [{"key": progress_key("r01"), "latest_id": "mine", "description": None}]
    with Store.open("labels.sqlite") as store, client_of(prefect.api, 5) as client:
        assert progress.move(client, store, "r01")
    assert prefect.patched[0][1]["data"] == share


def test_where_no_run_waits_nothing_is_made(prefect: FakePrefect, monkeypatch: pytest.MonkeyPatch) -> None:
    count(monkeypatch, 1, 4)
    with Store.open("labels.sqlite") as store, client_of(prefect.api, 5) as client:
        assert not progress.move(client, store, "r01")
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
    prefect.artifacts = [{"key": progress_key("r01"), "latest_id": "mine", "description": None}]
    store: Any = VotedStore()
    with progress.shown(store, seconds=0.02):
        until(lambda: len(prefect.patched) == 1)
        asked = prefect.asked
        threading.Event().wait(0.3)
        assert prefect.asked == asked
        count(monkeypatch, 2, 4)
        store.at = 2
        until(lambda: len(prefect.patched) == 2)
    assert [body["data"] for _, body in prefect.patched] == [25.0, 50.0]


def test_without_a_server_nothing_is_asked(prefect: FakePrefect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL")
    store: Any = VotedStore()
    with progress.shown(store, seconds=0.01):
        threading.Event().wait(0.1)
    assert prefect.asked == 0
