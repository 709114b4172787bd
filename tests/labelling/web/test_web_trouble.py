"""The labelling app over a store in trouble, and what its process loads."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from label_helpers import make_pairs
from sqlalchemy import event
from web_helpers import BASE, Browser, make_app

from labelling.desk.queue import Queue
from labelling.desk.tokens import Doorkeeper, Sealer
from labelling.store import Store, StoreUnavailable

QUESTION = 'Which looks <b>better</b> & "cleaner"?'


@pytest.fixture
def asked(sqlite_store: Store) -> Store:
    sqlite_store.register("round-secret", "people", make_pairs(3), 1, QUESTION)
    return sqlite_store


@pytest.fixture
def app(asked: Store) -> FastAPI:
    return make_app(asked)


def have(store: Store) -> int:
    return store.status("round-secret").have


def test_a_store_that_cannot_be_read(asked: Store, app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    anna = Browser(app, asked)
    where, shown = anna.set(), anna.next()["showing"]

    def fail(*_: object) -> Any:
        raise StoreUnavailable("the label store /home/anna/secret.sqlite is damaged")

    monkeypatch.setattr(asked, "observer", fail)
    for response in (
        anna.get("/"), anna.get(f"/compare/{where}"), anna.tile(shown["left"]), anna.next(where), anna.vote(shown["id"]),
        anna.get(anna.link.removeprefix(BASE)),
    ):  # fmt: skip
        text = response if isinstance(response, dict) else response.text
        assert "secret" not in str(text)
        if not isinstance(response, dict):
            assert response.status_code == 503
    assert "NOT saved" in anna.vote(shown["id"]).json()["detail"]


def test_a_locked_store_says_so_and_takes_the_vote_afterwards(asked: Store) -> None:
    with Store.open(asked.place, busy_timeout=0.2) as store:
        anna = Browser(make_app(store), store)
        shown, id = anna.next()["showing"]["id"], str(uuid.uuid4())
        lock = sqlite3.connect(asked.place, isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        response = anna.vote(shown, id=id)
        assert response.status_code == 503
        assert "NOT saved" in response.json()["detail"]
        assert asked.place not in response.text
        lock.execute("ROLLBACK")
        lock.close()
        assert have(asked) == 0
        assert anna.vote(shown, id=id).status_code == 200
        assert have(asked) == 1


def test_a_full_disk_says_so(asked: Store) -> None:
    with Store.open(asked.place) as store:
        anna = Browser(make_app(store), store)
        shown = anna.next()["showing"]["id"]
        with sqlite3.connect(asked.place) as db:
            pages = db.execute("PRAGMA page_count").fetchone()[0]
        limits = [f"PRAGMA max_page_count = {pages}"]
        event.listen(store._engine, "begin", lambda db: [db.exec_driver_sql(limit) for limit in limits])
        answers = []
        for _ in range(300):
            answers.append(anna.vote(shown, id=str(uuid.uuid4())))
            if answers[-1].status_code != 200:
                break
        assert answers[-1].status_code == 503
        assert "NOT saved" in answers[-1].json()["detail"]
        limits.clear()
        limits.append(f"PRAGMA max_page_count = {pages + 1000}")
        assert anna.vote(shown, id=str(uuid.uuid4())).status_code == 200


def test_a_read_only_store_says_so(asked: Store) -> None:
    with Store.open(asked.place) as store:
        anna = Browser(make_app(store), store)
        event.listen(store._engine, "begin", lambda db: db.exec_driver_sql("PRAGMA query_only = ON"))
        shown = anna.next()["showing"]["id"]
        assert "NOT saved" in anna.vote(shown).json()["detail"]
    assert have(asked) == 0


def test_a_vote_that_is_not_saved_is_said(
    asked: Store, app: FastAPI, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    anna = Browser(app, asked)
    where = anna.set()
    showing, id = anna.next(where)["showing"]["id"], str(uuid.uuid4())

    def fail(*_: object) -> Any:
        raise StoreUnavailable("the label store /home/anna/secret.sqlite is locked")

    for method, path, body in (
        ("add_votes", "/api/vote", {"id": id, "showing": showing, "answer": "left", "seconds": 1.0}),
        ("skip_pair", "/api/skip", {"showing": showing}),
        ("last_answer", "/api/undo", {"set": where}),
    ):  # fmt: skip
        with monkeypatch.context() as patch:
            patch.setattr(asked, method, fail)
            response = anna.post(path, body)
        assert response.status_code == 503
        assert "NOT saved" in response.json()["detail"]
        assert "secret" not in response.text
    assert "secret.sqlite is locked" in caplog.text
    assert asked.status("round-secret").have == 0
    assert anna.vote(showing, id=id).status_code == 200


def test_a_vote_that_is_saved_is_never_called_unsaved(
    asked: Store, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = Browser(app, asked)
    showing, id = anna.next()["showing"]["id"], str(uuid.uuid4())

    def fail(*_: object) -> Any:
        raise StoreUnavailable("gone")

    with monkeypatch.context() as patch:
        patch.setattr(Queue, "progress", fail)
        response = anna.vote(showing, id=id)
    assert response.status_code == 503
    assert "is saved" in response.json()["detail"]
    assert asked.status("round-secret").have == 1
    assert anna.vote(showing, id=id).json()["state"]["done"] == 1
    assert asked.status("round-secret").have == 1


def test_the_server_stays_small(tmp_path: Path) -> None:
    code = """
import sys
sys.path.insert(0, sys.argv[2])
from label_helpers import make_pairs
from web_helpers import Browser, make_app
from labelling.store import Store
import labelling.web
with Store.open(sys.argv[1]) as store:
    store.register("r01", "people", make_pairs(2), 1, "Better?")
    browser = Browser(make_app(store), store, "mona", "manager")
    shown = browser.next()["showing"]
    assert browser.tile(shown["left"]).status_code == 200
    assert browser.vote(shown["id"]).status_code == 200
    watched = browser.post("/api/watch", {})
    assert watched.status_code == 200, watched.text
    browser.client.get("/watch")
    heavy = ("torch", "pandas", "scipy", "prefect", "pyarrow", "cv2", "sklearn", "matplotlib")
    print([name for name in heavy if name in sys.modules])
"""
    pytest.importorskip("labelling.desk.overview")
    command = [sys.executable, "-c", code, str(tmp_path / "labels.sqlite"), str(Path(__file__).parents[1])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


def test_tokens_outlive_the_server_and_not_the_store(asked: Store, tmp_path: Path) -> None:
    anna = Browser(make_app(asked), asked)
    with Store.open(tmp_path / "other.sqlite") as other:
        other.register("round-secret", "people", make_pairs(3), 1, QUESTION)
        other.add_observer("anna")
        stranger = TestClient(make_app(other), base_url=BASE)
        assert stranger.get(anna.link.removeprefix(BASE)).status_code == 403
        assert Doorkeeper(other, Sealer(other.secret())).token(other.observers()[0]) != anna.client.cookies["loupe"]
