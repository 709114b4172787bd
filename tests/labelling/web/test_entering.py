"""Personal links: the first visit, one that another site leads to, and the change from one person to another."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from label_helpers import make_pairs
from web_helpers import BASE, make_app

from labelling.desk.tokens import observer_link
from labelling.store import Store

PAGE = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def app(sqlite_store: Store) -> FastAPI:
    sqlite_store.register("r01", "people", make_pairs(3), 1, "Which looks better?")
    for name in ("Anna", "Bob"):
        sqlite_store.add_observer(name)
    return make_app(sqlite_store)


@pytest.fixture
def browser(app: FastAPI) -> TestClient:
    return TestClient(app, base_url=BASE, follow_redirects=False)


def place(store: Store, name: str) -> str:
    return observer_link(store, name, "").removeprefix(BASE)


def token(store: Store, name: str) -> str:
    return place(store, name).rsplit("/", 1)[1]


def enter(browser: TestClient, store: Store, name: str, **headers: str) -> Any:
    return browser.post("/api/enter", json={"link": token(store, name)}, headers=headers)


@pytest.mark.parametrize("way", ["none", "same-origin"])
def test_a_first_visit_enters_at_once(browser: TestClient, sqlite_store: Store, way: str) -> None:
    response = browser.get(place(sqlite_store, "Anna"), headers=PAGE | {"sec-fetch-site": way})
    assert (response.status_code, response.headers["location"]) == (303, "/")
    assert browser.cookies["loupe"] == token(sqlite_store, "Anna")


@pytest.mark.parametrize("headers", [{}, {"sec-fetch-site": "none"}, {"sec-fetch-site": "same-origin"}])
def test_another_persons_link_asks_and_keeps_the_cookie(
    browser: TestClient, sqlite_store: Store, headers: dict[str, str]
) -> None:
    browser.get(place(sqlite_store, "Anna"))
    response = browser.get(place(sqlite_store, "Bob"), headers=PAGE | headers)
    assert (response.status_code, response.headers.get("set-cookie")) == (200, None)
    assert 'data-you="Anna"' in response.text and 'data-other="Bob"' in response.text
    assert browser.cookies["loupe"] == token(sqlite_store, "Anna")


@pytest.mark.parametrize("headers", [{}, {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}])
def test_a_visit_from_elsewhere_replaces_no_cookie_that_did_not_come_along(
    browser: TestClient, sqlite_store: Store, headers: dict[str, str]
) -> None:
    """Strict cookies stay at home on such a visit, so none is there to be seen, and none may be set."""
    response = browser.get(place(sqlite_store, "Bob"), headers=PAGE | headers)
    assert (response.status_code, response.headers.get("set-cookie")) == (200, None)
    assert enter(browser, sqlite_store, "Bob").json() == {"entered": True}  # what that page then does
    assert browser.cookies["loupe"] == token(sqlite_store, "Bob")


def test_the_change_needs_the_code_of_whoever_is_there(browser: TestClient, sqlite_store: Store) -> None:
    browser.get(place(sqlite_store, "Anna"))
    for wrong in ({}, {"X-Loupe-Session": "0" * 64}):
        asked = enter(browser, sqlite_store, "Bob", **wrong)
        assert (asked.json()["entered"], asked.json()["you"], asked.json()["other"]) == (False, "Anna", "Bob")
        assert browser.cookies["loupe"] == token(sqlite_store, "Anna")
    assert enter(browser, sqlite_store, "Bob", **{"X-Loupe-Session": asked.json()["code"]}).json() == {"entered": True}
    assert browser.cookies["loupe"] == token(sqlite_store, "Bob")


@pytest.mark.parametrize(
    "headers",
    [{"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "http://evil"}, {"origin": "null"}],
)
def test_no_other_site_can_ask_for_entry(browser: TestClient, sqlite_store: Store, headers: dict[str, str]) -> None:
    assert enter(browser, sqlite_store, "Bob", **headers).status_code == 403
    assert "loupe" not in browser.cookies
    content = f'{{"link": "{token(sqlite_store, "Bob")}"}}'
    form = browser.post("/api/enter", content=content, headers={"content-type": "text/plain"})
    assert form.status_code == 415  # what a form can send without being asked


def test_ones_own_link_again_and_one_after_a_withdrawn_one(browser: TestClient, sqlite_store: Store) -> None:
    browser.get(place(sqlite_store, "Anna"))
    assert browser.get(place(sqlite_store, "Anna"), headers=PAGE).status_code == 303
    sqlite_store.revoke_observer("Anna")
    assert browser.get(place(sqlite_store, "Bob"), headers=PAGE | {"sec-fetch-site": "none"}).status_code == 303
    assert browser.cookies["loupe"] == token(sqlite_store, "Bob")


def test_forged_links_ask_nothing(browser: TestClient) -> None:
    assert browser.get("/o/forged", headers=PAGE).status_code == 403
    assert browser.post("/api/enter", json={"link": "forged"}).status_code == 403
