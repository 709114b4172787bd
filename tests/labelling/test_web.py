"""The page to vote on, from the browser's side of HTTP."""

from __future__ import annotations

import re
import threading
import uuid
from typing import Any

import pytest
from fastapi.testclient import TestClient
from label_helpers import make_pairs, png, wait_for

from labelling import voting
from labelling.store import Store, StoreError, StoreUnavailable, UnknownRound
from labelling.web import MAX_BODY, TOKEN_HEADER, create_app

QUESTION = 'Which looks <b>better</b> & "cleaner"?'


class Page:
    """A browser with the page open; remembers every byte it received."""

    def __init__(self, store: Store, observer: str = "anna", **options: Any) -> None:
        self.finished: list[str] = []
        options.setdefault("finish", lambda name: self.finished.append(name) or "The waiting run goes on.")
        app = create_app(store, "r01", observer, **options)
        self.client = TestClient(app, base_url="http://127.0.0.1:8000")
        self.html = self.client.get("/").text
        token = re.search(r'name="session" content="([^"]+)"', self.html)
        assert token is not None
        self.token = token[1]

    def post(self, path: str, body: Any, **headers: str) -> Any:
        return self.client.post(path, json=body, headers={TOKEN_HEADER: self.token} | headers)

    def next(self, *skip: str) -> Any:
        return self.post("/next", {"skip": list(skip)}).json()

    def vote(self, showing: str, answer: str = "left", /, **changes: Any) -> Any:
        body = {"id": str(uuid.uuid4()), "showing": showing, "answer": answer, "seconds": 1.5}
        return self.post("/vote", body | changes)


@pytest.fixture
def asked(sqlite_store: Store) -> Store:
    sqlite_store.register("r01", "people", make_pairs(3), 1, QUESTION)
    return sqlite_store


def test_voting_to_the_end(asked: Store) -> None:
    page = Page(asked)
    for done in range(3):
        showing = page.next()["showing"]
        left = page.client.get(showing["left"])
        assert left.headers["content-type"] == "image/png"
        state = page.vote(showing["id"], "right").json()["state"]
        assert (state["done"], state["left"]) == (done + 1, 2 - done)
        stored = asked.last_vote("anna")
        assert stored is not None
        assert asked.picture(stored.left) == left.content
        assert asked.picture(stored.preferred) == page.client.get(showing["right"]).content
        assert stored.seconds == 1.5
    assert page.next()["showing"] is None
    wait_for(lambda: page.post("/state", {}).json()["state"]["message"] == "The waiting run goes on.")
    assert page.finished == ["r01"]


def test_the_last_vote_is_told_again_after_an_undo(asked: Store) -> None:
    page = Page(asked)
    for _ in range(3):
        state = page.vote(page.next()["showing"]["id"]).json()["state"]
    wait_for(lambda: page.finished == ["r01"])
    wait_for(lambda: page.post("/state", {}).json()["state"]["message"] == "The waiting run goes on.")
    undone = page.post("/undo", {"vote": state["undo"]}).json()["state"]
    assert (undone["complete"], undone["message"], undone["left"]) == (False, None, 1)
    page.vote(page.next()["showing"]["id"])
    wait_for(lambda: page.finished == ["r01", "r01"])


def test_voting_does_not_wait_for_the_resumed_run(asked: Store) -> None:
    release = threading.Event()
    page = Page(asked, finish=lambda _: str(release.wait(20)))
    for _ in range(3):
        state = page.vote(page.next()["showing"]["id"]).json()["state"]
    assert state["complete"]
    assert "Telling the run" in state["message"]
    release.set()


def test_sides_are_random_and_recorded(sqlite_store: Store) -> None:
    sqlite_store.register("r01", "people", make_pairs(1), 1000, QUESTION)
    page = Page(sqlite_store)
    lefts = [page.client.get(page.next()["showing"]["left"]).content for _ in range(40)]
    assert {png(0), png(1)} == set(lefts)


def test_skip_loads_the_pair_after_the_one_on_screen(asked: Store) -> None:
    page = Page(asked)
    first = page.next()["showing"]
    second = page.next(first["id"])["showing"]
    third = page.next(first["id"], second["id"])["showing"]
    assert page.next(first["id"], second["id"], third["id"])["showing"] is None
    assert len({page.client.get(s["left"]).content[:200] for s in (first, second, third)}) == 3


def test_retry_of_a_vote_is_fine_and_another_content_is_not(asked: Store) -> None:
    page = Page(asked)
    showing, id = page.next()["showing"]["id"], str(uuid.uuid4())
    for _ in range(2):
        assert page.vote(showing, id=id).status_code == 200
    assert asked.status("r01").have == 1
    assert page.vote(showing, "right", id=id).status_code == 409


def test_undo_asks_the_same_pair_again_and_twice_is_fine(asked: Store) -> None:
    page = Page(asked)
    shown = page.next()["showing"]
    vote = page.vote(shown["id"]).json()["state"]["undo"]
    for _ in range(2):
        assert page.post("/undo", {"vote": vote}).json()["state"]["left"] == 3
    again = page.next()["showing"]
    pictures = [{page.client.get(s[side]).content for side in ("left", "right")} for s in (shown, again)]
    assert pictures[0] == pictures[1]
    other = Page(asked, "berta")
    assert other.post("/undo", {"vote": vote}).status_code == 404


def test_answers_offered_are_answers_taken(asked: Store) -> None:
    plain, generous = Page(asked), Page(asked, allow_tie=True, allow_unsure=True)
    showing = plain.next()["showing"]["id"]
    assert plain.vote(showing, "tie").status_code == 400
    assert re.search(r'id="tie"[^>]*hidden', plain.html)
    assert not re.search(r'id="tie"[^>]*hidden', generous.html)
    for answer in ("tie", "unsure"):
        assert generous.vote(generous.next()["showing"]["id"], answer).status_code == 200
    assert {v.preferred for v in asked.votes([p.key for p in make_pairs(3)], "people")} == {"tie", "unsure"}


@pytest.mark.parametrize("path", ["/next", "/vote", "/undo", "/state"])
def test_no_token_no_votes(asked: Store, path: str) -> None:
    page, other = Page(asked), Page(asked, "berta")
    body = {"id": str(uuid.uuid4()), "showing": page.next()["showing"]["id"], "answer": "left", "seconds": 1.0}
    for token in ("", "forged", page.token[:-1], other.token, "é"):
        response = page.client.post(path, json=body, headers={TOKEN_HEADER: token.encode("utf-8")})
        assert response.status_code == 403
    assert page.client.get(path).status_code == 405
    assert asked.status("r01").have == 0


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", ""])
def test_a_foreign_host_gets_nothing(asked: Store, host: str) -> None:
    page = Page(asked)
    picture = page.next()["showing"]["left"]
    for path in ("/", "/vote.js", picture):
        response = page.client.get(path, headers={"Host": host})
        assert response.status_code == 400
        assert page.token not in response.text
    assert page.post("/state", {}, Host=host).status_code == 400
    assert page.client.get("/", headers={"Host": "localhost:1234"}).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"showing": "x" * 22}, {"showing": "../../etc/passwd"}, {"showing": ""}, {"showing": None}, {"id": "1"},
        {"id": "x" * 36}, {"answer": "both"}, {"answer": ["left"]}, {"seconds": -1.0}, {"seconds": "1"},
        {"seconds": 1e300}, {"kind": "simulated"}, {"key": "f" * 64},
    ],
)  # fmt: skip
def test_a_malformed_vote_is_refused(asked: Store, changes: dict[str, Any]) -> None:
    page = Page(asked)
    response = page.vote(page.next()["showing"]["id"], **changes)
    assert response.status_code in (400, 404)
    assert "etc/passwd" not in response.text
    assert asked.status("r01").have == 0


def test_bodies_that_are_no_votes(asked: Store) -> None:
    page = Page(asked)
    headers = {TOKEN_HEADER: page.token, "Content-Type": "application/json"}
    for content in (b"", b"{", b"[]", b"\xff\xfe", b'{"seconds": NaN}'):
        assert page.client.post("/vote", content=content, headers=headers).status_code == 400
    form = headers | {"Content-Type": "text/plain"}
    assert page.client.post("/vote", content=b"{}", headers=form).status_code == 415


def test_a_huge_body_is_refused_before_it_is_read(asked: Store) -> None:
    page = Page(asked)
    sent = 0

    def body() -> Any:
        nonlocal sent
        for _ in range(100):
            sent += MAX_BODY
            yield b" " * MAX_BODY

    headers = {TOKEN_HEADER: page.token, "Content-Type": "application/json"}
    assert page.client.post("/vote", content=b" " * (MAX_BODY + 1), headers=headers).status_code == 413
    assert page.client.post("/vote", content=body(), headers=headers).status_code == 413


@pytest.mark.parametrize(
    "path", ["/picture/nothing", "/picture/..%2f..%2flabels.sqlite", "/static/vote.js", "/openapi.json"]
)
def test_nothing_else_is_served(asked: Store, path: str) -> None:
    assert Page(asked).client.get(path).status_code == 404


def test_pictures_belong_to_their_session(asked: Store) -> None:
    picture = Page(asked).next()["showing"]["left"]
    assert Page(asked, "berta").client.get(picture).status_code == 404


def test_the_page_is_escaped_and_leaks_nothing(asked: Store) -> None:
    page = Page(asked, "<script>alert(1)</script>")
    assert "Which looks &lt;b&gt;better&lt;/b&gt; &amp; &quot;cleaner&quot;?" in page.html
    assert "<script>alert" not in page.html
    received, showing = [page.html], page.client.post("/next", json={}, headers={TOKEN_HEADER: page.token})
    received += [showing.text, page.vote(showing.json()["showing"]["id"]).text]
    responses = [page.client.get(path) for path in ("/", "/vote.js", "/vote.css", showing.json()["showing"]["left"])]
    received += [r.text for r in responses[:3]] + [str(r.headers) for r in responses] + [str(showing.headers)]
    everything = "\n".join(received)
    secret = [p.key for p in make_pairs(3)] + [p.first_sha256 for p in make_pairs(3)] + [asked.place, "r01", "f0", "f1"]
    secret = [word for word in secret if re.search(rf"\b{re.escape(word)}\b", everything)]
    assert secret == []


def test_headers_forbid_inline_script_and_framing(asked: Store) -> None:
    page = Page(asked)
    for response in (page.client.get("/"), page.client.get("/nothing"), page.post("/state", {})):
        policy = response.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe-inline" not in policy
        assert "frame-ancestors 'none'" in policy
        assert response.headers["cache-control"] == "no-store"
    assert not re.search(r"<script(?![^>]*src)|<style|\sstyle=|\son\w+=", page.html)


def test_a_failed_save_is_said_without_naming_files(asked: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    page = Page(asked)
    showing = page.next()["showing"]["id"]

    def fail(_: object) -> int:
        raise StoreUnavailable("the label store /home/anna/secret.sqlite is locked")

    with monkeypatch.context() as patch:
        patch.setattr(asked, "add_votes", fail)
        response = page.vote(showing)
    assert response.status_code == 503
    assert "secret" not in response.text
    assert page.vote(showing).status_code == 200


def test_old_showings_are_forgotten(asked: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voting, "_REMEMBERED", 2)
    page = Page(asked)
    shown = [page.next()["showing"] for _ in range(3)]
    assert page.vote(shown[0]["id"]).status_code == 404
    assert page.client.get(shown[0]["left"]).status_code == 404
    assert page.vote(shown[2]["id"]).status_code == 200


def test_rounds_that_cannot_be_voted_on(asked: Store) -> None:
    asked.register("r02", "simulated", make_pairs(1), 1, "Better?")
    with pytest.raises(StoreError, match=r"labels\.source"):
        create_app(asked, "r02", "anna")
    with pytest.raises(UnknownRound):
        create_app(asked, "r09", "anna")
    with pytest.raises(ValueError, match="observer"):
        create_app(asked, "r01", " ")
