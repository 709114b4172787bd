"""Requests for the labelling app that no page would send, and pictures that nobody was shown."""

from __future__ import annotations

import json
import sqlite3
import uuid
from typing import Any

import pytest
from fastapi import FastAPI
from label_helpers import make_pairs, png, sha
from web_helpers import Browser, make_app

from labelling.desk.tokens import Sealer
from labelling.store import Store
from labelling.web.bodies import MAX_BODY

QUESTION = 'Which looks <b>better</b> & "cleaner"?'
CALLS = [
    "/api/next", "/api/vote", "/api/skip", "/api/undo", "/api/state", "/api/rate/next", "/api/rate", "/api/review/next",
    "/api/review", "/api/watch",
]  # fmt: skip


@pytest.fixture
def asked(sqlite_store: Store) -> Store:
    sqlite_store.register("round-secret", "people", make_pairs(3), 1, QUESTION)
    return sqlite_store


@pytest.fixture
def app(asked: Store) -> FastAPI:
    return make_app(asked)


def have(store: Store) -> int:
    return store.status("round-secret").have


@pytest.mark.parametrize(
    "changes",
    [
        {"showing": "x" * 22}, {"showing": "../../etc/passwd"}, {"showing": ""}, {"showing": None}, {"id": "1"},
        {"showing": "f" * 64}, {"showing": "A" * 1025}, {"id": "x" * 36}, {"id": str(uuid.uuid1())}, {"answer": "both"},
        {"answer": ["left"]}, {"answer": "tie"}, {"seconds": -1.0}, {"seconds": "1"}, {"seconds": 1e300}, {"seconds": True},
        {"kind": "simulated"}, {"key": "f" * 64}, {"observer": "berta"}, {"purpose": "vote"},
    ],
)  # fmt: skip
def test_a_malformed_vote_is_refused(asked: Store, app: FastAPI, changes: dict[str, Any]) -> None:
    anna = Browser(app, asked)
    response = anna.vote(anna.next()["showing"]["id"], **changes)
    assert response.status_code in (400, 404)
    assert isinstance(response.json()["detail"], str)
    assert "etc/passwd" not in response.text
    assert have(asked) == 0


def test_bodies_that_are_no_votes(asked: Store, app: FastAPI) -> None:
    anna = Browser(app, asked)
    headers = {"X-Loupe-Session": anna.code, "Content-Type": "application/json"}
    deep = b"[" * 30_000 + b"]" * 30_000
    for content in (b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"seconds": NaN}', b'{"set": "\\ud800"}', deep):
        for path in CALLS[:-1]:
            assert anna.client.post(path, content=content, headers=headers).status_code == 400
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        refused = anna.client.post("/api/vote", content=b"{}", headers=headers | {"Content-Type": kind})
        assert refused.status_code == 415
    assert anna.client.post("/api/vote", headers={"X-Loupe-Session": anna.code}).status_code == 415


@pytest.mark.parametrize("path", CALLS)
def test_a_huge_body_is_refused_before_it_is_read(asked: Store, app: FastAPI, path: str) -> None:
    anna = Browser(app, asked)

    def body() -> Any:
        for _ in range(100):
            yield b" " * MAX_BODY

    headers = {"X-Loupe-Session": anna.code, "Content-Type": "application/json"}
    assert anna.client.post(path, content=b" " * (MAX_BODY + 1), headers=headers).status_code == 413
    assert anna.client.post(path, content=body(), headers=headers).status_code == 413


def test_a_long_list_to_skip(asked: Store, app: FastAPI) -> None:
    anna = Browser(app, asked)
    where = anna.set()
    tokens = [anna.next(where)["showing"]["id"] for _ in range(50)]
    assert len(json.dumps({"set": where, "skip": tokens})) < MAX_BODY
    assert anna.post("/api/next", {"set": where, "skip": tokens}).status_code == 200
    assert anna.post("/api/next", {"set": where, "skip": [*tokens, tokens[0]]}).status_code == 400
    assert anna.next(where, "forged", "f" * 64)["showing"] is not None


def test_pictures_go_by_sealed_ids_alone(asked: Store, app: FastAPI) -> None:
    anna = Browser(app, asked)
    shown = anna.next()["showing"]
    id = shown["left"]["id"]
    for wrong in (
        sha(0), shown["id"], anna.set(), "x", "..", "..%2f..%2f..%2fetc%2fpasswd", "%2e%2e%2flabels.sqlite", id[:-1],
        f"{id}%00", f"{id}%2f..", "%2fetc%2fpasswd", "C:%5c", Sealer(asked.secret()).seal("picture", ["0" * 32, sha(0)]),
    ):  # fmt: skip
        response = anna.tile(wrong)
        assert response.status_code == 404, wrong
        assert not response.content.startswith(b"\x89PNG")
    assert anna.tile(id).content.startswith(png(0)[:8])


@pytest.mark.parametrize(
    "place",
    ["1/0/0", "0/1/0", "0/0/1", "-1/0/0", "0/0/-1", "99/0/0", "0/999999/0", f"0/0/{'9' * 5000}", "a/0/0", "0/0/0.5",
     "0/0/%30", "0/0/²", "0/0", "0/0/0/0", "0/0/", "0/..%2f0/0"],
)  # fmt: skip
def test_tiles_that_are_not_there(asked: Store, app: FastAPI, place: str) -> None:
    anna = Browser(app, asked)
    response = anna.get(f"/tile/{anna.next()['showing']['left']['id']}/{place}")
    if place == "0/0/%30":  # the same as 0/0/0
        assert response.status_code == 200
    else:
        assert response.status_code == 404


def test_a_tile_is_kept_by_this_browser_only_and_says_nothing(asked: Store, app: FastAPI) -> None:
    anna = Browser(app, asked)
    shown = anna.next()["showing"]
    tiles = [anna.tile(shown[side]) for side in ("left", "right")]
    for tile in tiles:
        assert tile.headers["cache-control"] == "private, max-age=3600, immutable"
        assert tile.headers["content-type"] == "image/png"
        assert len(tile.content) % 65536 == 0
    assert {*tiles[0].headers} == {*tiles[1].headers}
    assert not {"etag", "last-modified", "content-disposition", "server"} & {*tiles[0].headers}


def test_a_picture_that_cannot_be_shown(asked: Store, app: FastAPI, caplog: pytest.LogCaptureFixture) -> None:
    with sqlite3.connect(asked.place) as db:
        db.execute("UPDATE loupe_pictures SET png = substr(png, 1, 40)")
    anna = Browser(app, asked)
    shown = anna.next()["showing"]
    response = anna.tile(shown["left"])
    assert response.status_code == 500
    assert response.json() == {"detail": "this picture cannot be read; tell whoever runs this server"}
