"""The labelling app against bad input and bad people; what everybody's page has in common."""

from __future__ import annotations

import re
import uuid
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from label_helpers import make_pairs, png, sha, wait_for
from web_helpers import BASE, Browser, make_app

from labelling.desk.queue import Queue
from labelling.desk.tokens import Sealer
from labelling.exchange.criteria import FUSION_CRITERIA
from labelling.store import Store
from labelling.store.records import Options, RatingItem

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


def test_without_a_link_there_is_no_page_and_no_picture(asked: Store, app: FastAPI) -> None:
    anna = Browser(app, asked)
    shown = anna.next()["showing"]
    stranger = TestClient(app, base_url=BASE, follow_redirects=False)
    for path in ("/", f"/compare/{anna.set()}", "/watch", f"/tile/{shown['left']['id']}/0/0/0"):
        response = stranger.get(path)
        assert response.status_code == 401, path
        assert "better" not in response.text
    for path in CALLS:
        assert stranger.post(path, json={"set": anna.set()}, headers={"X-Loupe-Session": anna.code}).status_code == 401


def test_forged_links_and_cookies(asked: Store, app: FastAPI) -> None:
    anna = Browser(app, asked)
    token = anna.client.cookies["loupe"]
    own = Sealer(asked.secret())
    forged = [
        "x", token[:-2] + ("AA" if token[-2:] != "AA" else "BB"), token[1:], "..%2f..%2fetc%2fpasswd", "%00", "é",
        Sealer(bytes(32)).seal("link", [anna.observer.id, 1], fresh=False), own.seal("link", [anna.observer.id, 2]),
        own.seal("set", [anna.observer.id, 1]), own.seal("link", ["0" * 32, 1]), "A" * 3000,
    ]  # fmt: skip
    for wrong in forged:
        browser = TestClient(app, base_url=BASE, follow_redirects=False)
        response = browser.get(f"/o/{wrong}")
        assert response.status_code == (404 if "%2f" in wrong else 403), wrong
        assert "set-cookie" not in response.headers
        if wrong.isascii():
            answer = browser.get("/", headers={"Cookie": f"loupe={wrong}"})
            assert answer.status_code == 403
            assert browser.post("/api/state", json={}, headers={"Cookie": f"loupe={wrong}"}).status_code == 403


def test_a_revoked_link_ends_at_once_also_where_the_page_is_open(asked: Store, app: FastAPI) -> None:
    anna, berta = Browser(app, asked), Browser(app, asked, "berta")
    where, shown = anna.set(), anna.next()["showing"]
    with Store.open(asked.place) as another_process:
        another_process.revoke_observer("anna")
    assert anna.vote(shown["id"]).status_code == 403
    assert anna.get("/").status_code == 403
    assert anna.get(f"/compare/{where}").status_code == 403
    wait_for(lambda: anna.tile(shown["left"]).status_code == 403, 3.0)
    assert anna.get(anna.link.removeprefix(BASE)).status_code == 403
    asked.add_observer("anna")
    assert anna.vote(shown["id"]).status_code == 403
    assert have(asked) == 0
    assert berta.vote(berta.next()["showing"]["id"]).status_code == 200


def test_the_cookie_is_strict_and_no_script_can_read_it(asked: Store, app: FastAPI) -> None:
    anna = Browser(app, asked)
    response = anna.get(anna.link.removeprefix(BASE))
    cookie = response.headers["set-cookie"]
    assert (response.status_code, response.headers["location"]) == (303, "/")
    for part in ("HttpOnly", "SameSite=strict", "Path=/"):
        assert part in cookie


def test_a_link_followed_from_another_site_leads_on(asked: Store, app: FastAPI) -> None:
    stranger = TestClient(app, base_url=BASE)
    response = stranger.get("/", headers={"Sec-Fetch-Site": "cross-site"})
    assert 'http-equiv="refresh" content="0;url=/"' in response.text
    assert stranger.get("/", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 401
    anna = Browser(app, asked)
    assert anna.get("/", **{"Sec-Fetch-Site": "cross-site"}).status_code == 303


@pytest.mark.parametrize("path", CALLS)
def test_every_change_needs_the_code_of_its_own_session(asked: Store, app: FastAPI, path: str) -> None:
    manager, berta = Browser(app, asked, "mona", "manager"), Browser(app, asked, "berta")
    showing = berta.next()["showing"]["id"]
    body = {"id": str(uuid.uuid4()), "showing": showing, "answer": "left", "seconds": 1.0}
    for code in ("", "forged", manager.code[:-1], berta.code, "é", manager.client.cookies["loupe"]):
        response = manager.client.post(path, json=body, headers={"X-Loupe-Session": code.encode()})
        assert response.status_code == 403
    assert manager.client.post(path, json=body).status_code == 403
    assert manager.get(path).status_code == 405
    assert have(asked) == 0


HOSTS = [
    "evil.example",
    "evil.example:8000",
    "127.0.0.1.evil.example",
    "",
    "127.0.0.1@evil.example",
    "localhost.",
    "[::1",
]


@pytest.mark.parametrize("host", HOSTS)
def test_a_foreign_host_gets_nothing(asked: Store, app: FastAPI, host: str) -> None:
    anna = Browser(app, asked)
    shown = anna.next()["showing"]
    for path in ("/", "/static/common.js", f"/tile/{shown['left']['id']}/0/0/0", anna.link.removeprefix(BASE)):
        response = anna.get(path, Host=host)
        assert response.status_code == 400
        assert len(response.content) < 200
        assert "set-cookie" not in response.headers
    assert anna.post("/api/state", {"set": anna.set()}, Host=host).status_code == 400
    assert anna.vote(shown["id"]).status_code == 200


def test_hosts_that_were_named(asked: Store) -> None:
    anna = Browser(make_app(asked, allowed_hosts=["Labels.example", "[fe80::1]"]), asked)
    for host in ("labels.example", "LABELS.example:80", "localhost:1234", "127.0.0.1", "[::1]:99", "[fe80::1]:4201"):
        assert anna.get("/", Host=host).status_code == 303
    assert anna.get("/", Host="labels.example.evil").status_code == 400


def test_tokens_belong_to_their_observer(asked: Store, app: FastAPI) -> None:
    anna, berta = Browser(app, asked), Browser(app, asked, "berta")
    where, shown = anna.set(), anna.next()["showing"]
    assert berta.vote(shown["id"]).status_code == 404
    assert berta.post("/api/skip", {"showing": shown["id"]}).status_code == 404
    for path in ("/api/next", "/api/undo", "/api/state"):
        assert berta.post(path, {"set": where}).status_code == 404
    assert berta.get(f"/compare/{where}").status_code == 404
    assert berta.tile(shown["left"]).status_code == 404
    assert berta.next(None, shown["id"])["showing"] is not None
    assert have(asked) == 0


def test_showings_of_another_set_do_not_mix(asked: Store, app: FastAPI) -> None:
    asked.register("other", "people", make_pairs(3), 1, "Sharper?")
    anna = Browser(app, asked)
    sets = [set for _, set in anna.sets()]
    assert len(sets) == 2
    shown = [anna.next(set)["showing"] for set in sets]
    keys = {anna.grey(each["left"]) // 2 for each in shown}
    assert anna.next(sets[0], shown[1]["id"])["showing"] is not None
    response = anna.vote(shown[0]["id"])
    assert response.status_code == 200
    counts = sorted(asked.last_vote("anna", round) is not None for round in ("round-secret", "other"))
    assert counts == [False, True]
    assert keys


def test_only_the_rounds_that_are_served(asked: Store) -> None:
    asked.register("other", "people", make_pairs(3), 1, "Sharper?")
    asked.register("robots", "simulated", make_pairs(2), 1, "Better?")
    both, one = make_app(asked), make_app(asked, rounds=["other"])
    anna = Browser(both, asked)
    first = anna.sets()
    assert len(first) == 2
    shown = {set: anna.next(set)["showing"]["id"] for _, set in first}
    limited = Browser(one, asked)
    assert len(limited.sets()) == 1
    [hidden] = {set for _, set in first} - {limited.set()}
    assert limited.get(f"/compare/{hidden}").status_code == 404
    assert limited.vote(shown[hidden]).status_code == 404
    assert limited.vote(shown[limited.set()]).status_code == 200


def test_a_round_that_is_no_longer_for_people(asked: Store, app: FastAPI) -> None:
    anna = Browser(app, asked)
    where, shown = anna.set(), anna.next()["showing"]["id"]
    asked.register("round-secret", "simulated", make_pairs(3), 1, QUESTION)
    for path in ("/api/next", "/api/state"):
        assert anna.post(path, {"set": where}).status_code == 404
    assert anna.vote(shown).status_code == 404
    assert anna.get(f"/compare/{where}").status_code == 404
    assert anna.sets() == []


def test_what_is_escaped_and_what_leaks(asked: Store, app: FastAPI) -> None:
    name = "<script>alert(1)</script>"
    anna, berta = Browser(app, asked, name), Browser(app, asked, "berta-secret")
    berta.vote(berta.next()["showing"]["id"])
    where = anna.set()
    page = anna.get(f"/compare/{where}").text
    assert "Which looks &lt;b&gt;better&lt;/b&gt; &amp; &#34;cleaner&#34;?" in page
    for static in sorted(set(re.findall(r'"(/static/[^"]+)"', page))):
        assert anna.get(static).status_code == 200, static
    while shown := anna.next(where)["showing"]:
        for side in ("left", "right"):
            anna.tile(shown[side])
        anna.post("/api/skip", {"showing": shown["id"]})
        anna.vote(shown["id"])
    for path, body in (("/api/undo", {"set": where}), ("/api/state", {"set": where}), ("/api/watch", {})):
        anna.post(path, body)
    anna.vote("nothing")
    for path in ("/", "/watch", "/nothing", "/compare/x", "/o/x"):
        anna.get(path)
    received = b"\n".join(anna.received)
    pairs = make_pairs(3)
    secrets = [each.key for each in pairs] + [sha(i) for i in range(6)] + [asked.place, str(Path(asked.place).parent)]
    secrets += ["round-secret", "berta-secret", "<script>alert", asked.batch("round-secret").id, anna.observer.id]
    secrets += [bytes.hex(asked.secret()), "labels.sqlite", "uvicorn", str(Path(__file__).parents[3])]
    assert [word for word in secrets if word.encode() in received] == []


def test_headers_forbid_inline_script_and_framing(asked: Store, app: FastAPI) -> None:
    anna = Browser(app, asked)
    for response in (
        anna.get("/", follow_redirects=True), anna.get("/nothing"), anna.post("/api/state", {}), anna.get("/watch"),
        anna.get("/static/common.js"), anna.get("/", Host="evil.example"), anna.get(anna.link.removeprefix(BASE)),
    ):  # fmt: skip
        policy = response.headers["content-security-policy"]
        for part in ("default-src 'none'", "script-src 'self'", "img-src 'self' blob:", "frame-ancestors 'none'"):
            assert part in policy
        assert "unsafe" not in policy
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["referrer-policy"] == "no-referrer"
        assert "server" not in response.headers


def test_no_page_has_inline_script_or_style(asked: Store) -> None:
    options = Options(criteria=FUSION_CRITERIA)
    items = [RatingItem(sha256=sha(i), png=png(i)) for i in range(2)]
    asked.register_ratings("rated", "people", items, 1, QUESTION, options)
    app = make_app(asked)
    eva = Browser(app, asked, "mona", "manager")
    eva.next(eva.set("compare"))
    shown = eva.post("/api/rate/next", {"set": eva.set("rate"), "skip": []}).json()["showing"]
    scores = {criterion.name: 3 for criterion in FUSION_CRITERIA}
    body = {"id": str(uuid.uuid4()), "showing": shown["id"], "scores": scores, "circles": [], "note": "", "seconds": 1}
    Browser(app, asked)  # nothing of hers to review yet
    assert eva.post("/api/rate", body).status_code == 200
    pages = ["/", f"/compare/{eva.set('compare')}", f"/rate/{eva.set('rate')}", "/watch", "/o/forged"]
    for path in pages:
        page = eva.get(path).text
        assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=|javascript:", page), path
        assert "<html" in page


def test_the_list_of_sets(asked: Store, app: FastAPI) -> None:
    anna, mona = Browser(app, asked), Browser(app, asked, "mona", "manager")
    assert anna.get("/").headers["location"] == f"/compare/{anna.set()}"
    assert 'href="/watch"' in mona.get("/").text
    asked.register("other", "people", make_pairs(2), 1, "Sharper?")
    page = anna.get("/").text
    assert "Set 1" in page
    assert "Set 2" in page
    assert 'href="/watch"' not in page
    for _, where in anna.sets():
        while shown := anna.next(where)["showing"]:
            anna.vote(shown["id"])
    assert len(anna.sets()) == 2  # what is done can still be undone
    assert Browser(app, asked, "late").sets() == []


def test_watching_is_for_managers(asked: Store, app: FastAPI) -> None:
    pytest.importorskip("labelling.desk.overview")
    for role in ("observer", "expert"):
        other = Browser(app, asked, role, role)
        assert other.get("/watch").status_code == 403
        response = other.post("/api/watch", {})
        assert response.status_code == 403
        assert "rounds" not in response.text
    anna, mona = Browser(app, asked), Browser(app, asked, "mona", "manager")
    anna.vote(anna.next()["showing"]["id"])
    assert mona.get("/watch").status_code == 200
    [told] = mona.post("/api/watch", {}).json()["rounds"]
    assert (told["round"], told["have"], told["need"], told["complete"]) == ("round-secret", 1, 3, False)


@pytest.mark.parametrize(
    "path",
    ["/static/../app.py", "/static/..%2fapp.py", "/static/%2e%2e/app.py", "/static/", "/static/nothing.js", "/openapi.json",
     "/docs", "/redoc", "/labels.sqlite", "/static/common.js%00", "/pages/compare.html", "/static//etc/passwd"],
)  # fmt: skip
def test_nothing_else_is_served(asked: Store, app: FastAPI, path: str) -> None:
    assert Browser(app, asked).get(path).status_code == 404


def test_an_error_nobody_thought_of_tells_nothing(
    asked: Store, app: FastAPI, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    anna = Browser(app, asked)

    def broken(*_: object) -> None:
        raise KeyError("/home/anna/secret")

    where = anna.set()
    monkeypatch.setattr(Queue, "progress", broken)
    response = anna.post("/api/state", {"set": where})
    assert response.status_code == 500
    assert "secret" not in response.text
    assert "content-security-policy" in response.headers
    assert "/home/anna/secret" in caplog.text
