"""A study for people far away, as their browsers see it: in by the open link, the pages before, pairs, pages after, code."""

from __future__ import annotations

import csv
import re
import uuid
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from label_helpers import make_pairs, sha, vote
from web_helpers import BASE, Browser, make_app

from labelling.desk.plates import digit_of
from labelling.desk.visits import Study, study_of
from labelling.exchange.csv_files import write_rows
from labelling.exchange.study_pages import StudyPages
from labelling.exchange.visitors import visitor_table
from labelling.store import Limits, Options, Store
from labelling.web.visiting import Turnstile

PAGES: dict[str, Any] = {
    "title": "<b>Which</b> one?",
    "consent": "We keep **answers**. <script>alert(1)</script> [x](javascript:alert(1)) ![y](http://elsewhere/y.png)",
    "instructions": "Look.",
    "questions": [
        {"name": "age", "text": "How old?", "type": "number", "min": 18, "max": 120},
        {"name": "often", "text": "How often?", "type": "choice", "options": ["never", "<daily>"]},
        {"name": "remarks", "text": "More?", "type": "text", "when": "after", "required": False, "longest": 20},
    ],
    "colour_check": {"plates": 2, "errors": 0, "failed": "mark"},
    "display_check": {"min_width": 800},
    "thanks": "Bye.",
}
SCREEN = {
    "ratio": 1.5, "screen_width": 1920, "screen_height": 1080, "width": 1900, "height": 900, "depth": 24, "gamut": "p3",
    "dark_seen": 4, "bright_seen": 3, "grey": 188,
}  # fmt: skip


def opened(
    store: Store, *, pairs: int = 6, options: Options | None = None, texts: Any = None, truths: Any = None, **more: Any
) -> str:
    """Opens a study and returns its link's token; `more` are Limits and parts of the pages."""
    store.register("llie", "people", make_pairs(pairs), 9, "Which one?", options or Options())
    limits = {name: more.pop(name) for name in ("quota", "people", "votes", "hold") if name in more}
    study = Study("llie", StudyPages.model_validate(PAGES | more), "de" if texts else "en", texts or {}, truths or {})
    return store.open_link("llie", Limits(**limits), study.to_json()).token


class Guest(Browser):
    """A visitor's browser."""

    def __init__(self, app: FastAPI, token: str, key: str | None = None) -> None:
        self.client = TestClient(app, base_url=BASE, raise_server_exceptions=False)
        self.received: list[bytes] = []
        self.code, self.token, self.key = "", token, key or str(uuid.uuid4())

    def join(self, begin: bool = True, **headers: str) -> Any:
        return self.post("/api/join", {"link": self.token, "browser": self.key, "begin": begin}, **headers)

    def visit(self) -> Any:
        page = self.get("/visit", follow_redirects=True)
        found = re.search(r'name="session" content="([^"]+)"', page.text)
        self.code = found[1] if found else self.code
        return page

    def step(self) -> str:
        page = self.visit()
        found = re.search(r'data-step="(\w+)"', page.text)
        return found[1] if found else page.url.path.split("/")[1]

    def send(self, page: str, answers: Any = None) -> Any:
        return self.post("/api/page", {"page": page, "answers": answers or {}})

    def set(self, task: str = "compare") -> str:
        return str(self.get("/visit").headers["location"]).split("/")[2]

    def until_work(self, store: Store) -> None:
        """Join, and have answered all pages before the pairs."""
        self.join()
        me = store.visitors("llie")[-1]
        for page in ("consent", "instructions", "before", "colour", "display"):
            store.add_page(me.id, page, {})
        self.visit()


def test_the_whole_way_and_the_table_of_it(sqlite_store: Store, tmp_path: Path) -> None:
    token = opened(sqlite_store, quota=2)
    guest = Guest(make_app(sqlite_store), token)
    assert 'id="begin"' in guest.get(f"/s/{token}").text
    assert sqlite_store.visitors("llie") == []  # looking makes nobody
    assert guest.join(begin=False).json() == {"entered": False}
    joined = guest.join()
    assert joined.json() == {"entered": True}
    assert {"HttpOnly", "SameSite=strict"}.issubset(joined.headers["set-cookie"].split("; "))
    assert guest.step() == "consent"
    me = sqlite_store.visitors("llie")[0]
    assert guest.send("instructions").status_code == 404  # not before the consent
    assert guest.send("consent").status_code == guest.send("consent").status_code == 200
    assert guest.step() == "instructions"
    guest.send("instructions")
    page = guest.visit().text
    assert "&lt;daily&gt;" in page
    for wrong in ({}, {"age": 17, "often": "never"}, {"age": 33, "often": "no"}, {"age": 33, "often": "never", "x": 1}):
        assert guest.send("before", wrong).status_code == 400, wrong
    assert guest.send("before", {"age": 33, "often": "<daily>"}).status_code == 200
    assert guest.step() == "colour"
    assert guest.get("/plate/2").content.startswith(b"\x89PNG")
    assert guest.get("/plate/3").status_code == 404
    assert guest.send("colour", {"1": digit_of(me.id, 1)}).status_code == 400
    guest.send("colour", {"1": digit_of(me.id, 1), "2": ""})
    assert guest.step() == "display"
    small = guest.send("display", SCREEN | {"width": 700})
    assert (small.status_code, small.json()["detail"]) == (400, "this window is too small; make it larger")
    assert guest.send("display", SCREEN | {"grey": 0}).status_code == 400
    guest.send("display", SCREEN)
    assert guest.step() == "compare"
    set = guest.set()
    for left in (1, 0):
        state = guest.vote(guest.next(set)["showing"]["id"]).json()["state"]
        assert state["left"] == left
    assert guest.next(set)["showing"] is None
    assert guest.step() == "after"
    assert guest.send("after", {"remarks": "x" * 21}).status_code == 400
    guest.send("after", {"remarks": "=1+1"})
    done = guest.visit().text
    code = sqlite_store.visitors("llie")[0].code
    assert code in done
    assert all(code.encode() not in each for each in guest.received[:-1])
    check_table(sqlite_store, tmp_path / "visitors.csv")


def check_table(store: Store, path: Path) -> None:
    """The table of the visitor above."""
    (me,) = store.visitors("llie")
    link = store.link_of("llie")
    assert link is not None
    columns, rows = visitor_table([me], study_of("llie", link.pages).pages)
    write_rows([columns, *rows], path)
    (row,) = csv.DictReader(path.open(encoding="utf-8"))
    assert row["visitor"] == me.name
    assert (row["code"], row["votes"], row["answer_age"], row["answer_often"]) == (me.code, "2", "33", "<daily>")
    assert row["answer_remarks"] == "'=1+1"
    assert row["began_at"] < row["consented_at"] < row["finished_at"]
    assert (row["colour_passed"], row["colour_right"], row["excluded"]) == ("False", "1", "")
    assert row["colour_plates"] == f"lightness {digit_of(me.id, 1)} {digit_of(me.id, 1)}; protan {digit_of(me.id, 2)} -"
    assert (row["display_passed"], row["display_ratio"], row["display_gamma"]) == ("True", "1.5", "2.27")


def test_texts_of_the_study_are_shown_and_not_run(sqlite_store: Store) -> None:
    token = opened(sqlite_store)
    guest = Guest(make_app(sqlite_store), token)
    assert "&lt;b&gt;Which&lt;/b&gt; one?" in guest.get(f"/s/{token}").text
    guest.join()
    page = guest.visit().text
    assert "<strong>answers</strong>" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>" not in page
    assert "<img" not in page
    assert 'href="javascript' not in page


def test_a_reload_another_tab_and_a_lost_cookie_are_the_same_visitor(sqlite_store: Store) -> None:
    token = opened(sqlite_store, people=1)
    guest = Guest(make_app(sqlite_store), token)
    guest.join()
    guest.visit()
    guest.send("consent")
    assert guest.join().json() == {"entered": True}
    other_server = Guest(make_app(sqlite_store), token, guest.key)  # and without the cookie
    assert other_server.join(begin=False).json() == {"entered": True}
    assert other_server.step() == "instructions"
    assert len(sqlite_store.visitors("llie")) == 1


def test_the_study_is_full_or_closed(sqlite_store: Store) -> None:
    token = opened(sqlite_store, people=1)
    app = make_app(sqlite_store)
    first, late = Guest(app, token), Guest(app, token)
    first.join()
    page = late.get(f"/s/{token}")
    assert page.status_code == 200
    assert "As many people" in page.text
    assert 'id="begin"' not in page.text
    assert late.join().status_code == 403
    sqlite_store.close_link("llie")
    assert "closed" in late.get(f"/s/{token}").text
    assert first.step() == "consent"
    assert late.get("/s/nonsense").status_code == 403
    assert late.get("/visit").status_code == 401


def test_all_pairs_answered_is_full_too(sqlite_store: Store) -> None:
    token = opened(sqlite_store, pairs=1)
    sqlite_store.add_votes([vote(make_pairs(1)[0], f"o{i}", round="llie") for i in range(9)])
    guest = Guest(make_app(sqlite_store), token)
    assert "As many people" in guest.get(f"/s/{token}").text
    assert guest.join().status_code == 403
    assert sqlite_store.visitors("llie") == []


def test_a_failed_check_excludes_where_the_study_says_so(sqlite_store: Store) -> None:
    token = opened(sqlite_store, people=1, colour_check={"plates": 1, "errors": 0, "failed": "exclude"}, questions=[])
    app = make_app(sqlite_store)
    guest = Guest(app, token)
    guest.join()
    guest.visit()
    guest.send("consent")
    guest.send("instructions")
    assert guest.send("colour", {"1": ""}).status_code == 200
    assert guest.step() == "excluded"
    assert sqlite_store.visitors("llie")[0].excluded == "colour"
    assert guest.send("display", SCREEN).status_code == 404
    assert Guest(app, token).join().json() == {"entered": True}  # the place is free


def test_pairs_are_not_shown_before_the_pages_and_only_those_of_the_study(sqlite_store: Store) -> None:
    token = opened(sqlite_store, quota=3)
    sqlite_store.register("other", "people", make_pairs(2), 1, "Which?")
    guest = Guest(make_app(sqlite_store), token)
    guest.until_work(sqlite_store)
    address = f"/compare/{guest.set()}"
    assert guest.get(address).status_code == 200
    assert guest.get("/").headers["location"] == "/visit"
    assert guest.get("/watch").status_code == 403
    fresh = Guest(make_app(sqlite_store), token)
    fresh.join()
    assert fresh.get(address).status_code == 404
    assert fresh.get("/", follow_redirects=True).url.path == "/visit"


def test_the_quota_counts_what_is_on_its_way(sqlite_store: Store) -> None:
    guest = Guest(make_app(sqlite_store), opened(sqlite_store, quota=2))
    guest.until_work(sqlite_store)
    set = guest.set()
    first = guest.next(set)["showing"]["id"]
    second = guest.next(set, first)["showing"]["id"]
    assert guest.next(set, first, second)["showing"] is None
    guest.vote(first)
    assert guest.next(set, second)["showing"] is None
    guest.vote(second)
    assert guest.next(set)["state"]["left"] == 0
    undone = guest.post("/api/undo", {"set": set}).json()["state"]
    assert undone["left"] == 1
    assert guest.next(set)["showing"] is not None


@pytest.mark.parametrize(("known", "verdicts"), [(True, {"right", "wrong"}), (False, {"most_agree", "most_differ"})])
def test_practice_is_told_and_never_counts(sqlite_store: Store, known: bool, verdicts: set[str]) -> None:
    pairs = make_pairs(3)
    truths = {pairs[0].key: sha(0)} if known else {}
    practice = {"better": ["x"] if known else [], "majority": not known}
    token = opened(sqlite_store, pairs=3, options=Options(training=2), truths=truths, practice=practice)
    sqlite_store.add_votes([vote(pairs[0], f"o{i}", round="llie") for i in range(3)])
    app, found = make_app(sqlite_store), set()
    for answer in ("left", "right"):
        guest = Guest(app, token)
        guest.until_work(sqlite_store)
        told = 0
        for _ in range(2):
            shown = guest.next()["showing"]
            assert shown["training"]
            greys = {side: guest.grey(shown[side]) for side in ("left", "right")}
            state = guest.vote(shown["id"], answer).json()["state"]
            assert shown["feedback"] == (state["feedback"] is not None) == (0 in greys.values())
            if state["feedback"]:
                told += 1
                verdict, side = state["feedback"]
                assert greys[side] == 0
                assert verdict in verdicts
                assert (verdict in ("right", "most_agree")) == (greys[answer] == 0)
                found.add(verdict)
        assert told == 1
        assert guest.next()["state"]["left"] == 3
    assert {each.votes for each in sqlite_store.visitors("llie")} == {0}


def test_a_study_in_another_language(sqlite_store: Store) -> None:
    token = opened(sqlite_store, texts={"begin": "Los", "said_not_shown": "nicht gezeigt"})
    guest = Guest(make_app(sqlite_store), token)
    page = guest.get(f"/s/{token}").text
    assert '<html lang="de">' in page
    assert "Los" in page
    guest.until_work(sqlite_store)
    assert '<html lang="de">' in guest.visit().text
    refused = guest.vote("nonsense")
    assert refused.status_code == 404
    personal = Browser(make_app(sqlite_store), sqlite_store)
    assert '<html lang="en">' in personal.get("/", follow_redirects=True).text


def test_who_works_by_a_personal_link_is_asked_first(sqlite_store: Store) -> None:
    token = opened(sqlite_store)
    app = make_app(sqlite_store)
    anna = Browser(app, sqlite_store)
    guest = Guest(app, token)
    guest.client = anna.client
    asked = guest.join().json()
    assert (asked["entered"], asked["you"]) == (False, "anna")
    assert sqlite_store.visitors("llie") == []
    assert guest.get("/visit").headers["location"] == "/"
    guest.code = asked["code"]
    assert guest.join().json() == {"entered": True}
    assert guest.step() == "consent"


def test_no_other_site_and_no_flood_makes_visitors(sqlite_store: Store) -> None:
    token = opened(sqlite_store)
    guest = Guest(make_app(sqlite_store), token)
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://elsewhere.example"}):
        assert guest.join(True, **headers).status_code == 403
    assert guest.post("/api/join", {"link": token, "browser": "short", "begin": True}).status_code == 400
    assert sqlite_store.visitors("llie") == []
    clock = [0.0]
    turnstile = Turnstile(3, 2.0, lambda: clock[0])
    assert [turnstile.passes() for _ in range(4)] == [True, True, True, False]
    clock[0] = 0.5
    assert [turnstile.passes() for _ in range(2)] == [True, False]
    clock[0] = 1000.0
    assert [turnstile.passes() for _ in range(4)] == [True, True, True, False]
