"""No vote is lost and none is counted twice, whatever happens to network, server and page; and nothing leaks."""

from __future__ import annotations

import json
import re
import uuid

import pytest
from browser_helpers import App, Received, noise, noise_pairs, open_page, pair_of, ready, register_ratings
from label_helpers import wait_for
from playwright.sync_api import BrowserContext, Page, Route, expect

from labelling.store.database.errors import StoreUnavailable
from labelling.store.records import PairImages, Vote

pytestmark = pytest.mark.slow

QUESTION = "Which looks <b>better</b> & <img src=x onerror=alert(1)>?"


@pytest.fixture
def pairs(app: App) -> list[PairImages]:
    made = noise_pairs(3)
    app.store.register("r01", "people", made, 1, QUESTION)
    return made


@pytest.fixture
def page(app: App, pairs: list[PairImages], context: BrowserContext) -> Page:
    opened = open_page(context, app.link())
    ready(opened)
    opened.wait_for_load_state("networkidle")
    return opened


def have(app: App) -> int:
    return app.store.status("r01").have


def unsent(page: Page) -> list[dict[str, str]]:
    entries = page.evaluate("Object.entries(localStorage).filter(([key]) => key.startsWith('loupe-unsent:'))")
    return [json.loads(value)["body"] for _, value in entries]


def test_a_vote_given_offline_is_sent_when_the_network_is_back(app: App, context: BrowserContext, page: Page) -> None:
    context.set_offline(True)
    page.keyboard.press("a")
    expect(page.locator("#alert")).to_contain_text("1 answer is NOT saved yet: the server cannot be reached.")
    ready(page)  # the next pair was here already
    page.keyboard.press("b")
    expect(page.locator("#alert")).to_contain_text("2 answers are NOT saved yet")
    expect(page.locator("#progress")).to_have_text("0 of 3")
    assert have(app) == 0
    assert len(unsent(page)) == 2
    context.set_offline(False)
    expect(page.locator("#alert")).to_be_hidden()
    expect(page.locator("#progress")).to_have_text("2 of 3")
    assert have(app) == 2
    assert unsent(page) == []
    ready(page)
    page.keyboard.press("a")
    expect(page.locator("#end")).to_be_visible()


def test_an_unsent_vote_survives_a_reload(app: App, pairs: list[PairImages], page: Page) -> None:
    page.route("**/api/vote", lambda route: route.abort())
    page.keyboard.press("a")
    expect(page.locator("#alert")).to_contain_text("NOT saved yet")
    (kept,) = unsent(page)
    page.reload()
    expect(page.locator("#alert")).to_contain_text("1 answer is NOT saved yet")
    assert unsent(page) == [kept]
    assert have(app) == 0
    page.unroute("**/api/vote")
    ready(page)
    expect(page.locator("#alert")).to_be_hidden()
    expect(page.locator("#progress")).to_have_text("1 of 3")
    (vote,) = app.store.votes([pair.key for pair in pairs], "people", QUESTION)
    assert vote.id == kept["id"]
    assert vote.preferred == vote.left
    assert unsent(page) == []


def test_the_list_of_sets_sends_what_another_page_left(app: App, page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    register_ratings(app.store, 1)  # a second set, so that there is a list

    def locked(*_: object) -> int:
        raise StoreUnavailable("the label store is locked")

    monkeypatch.setattr(app.store, "add_votes", locked)
    page.keyboard.press("a")
    expect(page.locator("#alert")).to_contain_text("NOT saved yet")
    page.goto(app.address)
    expect(page.locator("#alert")).to_contain_text("NOT saved yet")
    monkeypatch.undo()
    wait_for(lambda: have(app) == 1)
    expect(page.locator("#alert")).to_be_hidden()


def test_a_server_that_restarts_gets_the_vote_for_what_it_showed_before(app: App, page: Page) -> None:
    app.stop()
    page.keyboard.press("a")
    expect(page.locator("#alert")).to_contain_text("NOT saved yet")
    app.start()
    expect(page.locator("#progress")).to_have_text("1 of 3")
    expect(page.locator("#alert")).to_be_hidden()
    ready(page)
    page.keyboard.press("b")
    expect(page.locator("#progress")).to_have_text("2 of 3")
    assert have(app) == 2


def test_a_lost_answer_of_the_server_does_not_double_the_vote(app: App, page: Page) -> None:
    lost: list[Route] = []

    def lose(route: Route) -> None:
        route.fetch()
        lost.append(route)
        route.abort()

    page.route("**/api/vote", lose, times=2)
    page.keyboard.press("a")
    expect(page.locator("#progress")).to_have_text("1 of 3")
    assert len(lost) == 2
    assert have(app) == 1


def test_a_lost_answer_to_undo_takes_back_one_vote_only(app: App, page: Page) -> None:
    for done in (1, 2):
        ready(page)
        page.keyboard.press("a")
        expect(page.locator("#progress")).to_have_text(f"{done} of 3")
    ready(page)
    page.route("**/api/undo", lambda route: (route.fetch(), route.abort()), times=1)
    page.keyboard.press("z")
    ready(page)
    expect(page.locator("#progress")).to_have_text("1 of 3")
    assert have(app) == 1


def test_a_store_that_cannot_be_written_is_said(app: App, page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> int:
        raise StoreUnavailable("the label store /home/anna/secret.sqlite is locked")

    with monkeypatch.context() as patch:
        patch.setattr(app.store, "add_votes", fail)
        page.keyboard.press("a")
        expect(page.locator("#alert")).to_contain_text("NOT saved")
        assert "secret" not in page.content()
    expect(page.locator("#alert")).to_be_hidden()
    assert have(app) == 1


def test_a_refused_vote_is_told_kept_and_can_be_discarded(app: App, pairs: list[PairImages], page: Page) -> None:
    page.route("**/api/vote", lambda route: route.fulfill(status=409, json={"detail": "it conflicts"}), times=1)
    page.keyboard.press("a")
    expect(page.locator("#alert")).to_contain_text("1 answer was NOT saved: it conflicts.")
    assert len(unsent(page)) == 1
    page.click("#alert button")
    expect(page.locator("#alert")).to_be_hidden()
    assert unsent(page) == []
    for _ in range(3):  # the pair is asked again
        ready(page)
        page.keyboard.press("a")
    expect(page.locator("#end")).to_be_visible()
    assert have(app) == 3


def test_another_observer_in_the_same_browser_sends_nobody_elses_votes(
    app: App, context: BrowserContext, page: Page
) -> None:
    context.set_offline(True)
    page.keyboard.press("a")
    expect(page.locator("#alert")).to_contain_text("NOT saved yet")
    (kept,) = unsent(page)
    page.close()
    context.set_offline(False)
    page = open_page(context, app.link("berta"))
    page.click("#change")
    ready(page)
    expect(page.locator("#alert")).to_be_hidden()
    assert unsent(page) == [kept]
    page.close()
    page = open_page(context, app.link("anna"))
    page.click("#change")
    ready(page)
    expect(page.locator("#progress")).to_have_text("1 of 3")
    assert have(app) == 1


def test_a_withdrawn_link_ends_the_session_and_says_so(app: App, page: Page) -> None:
    app.store.revoke_observer("anna")
    page.keyboard.press("a")
    expect(page.locator("#alert")).to_contain_text("NOT saved: this personal link was withdrawn")
    assert have(app) == 0
    page.reload()
    expect(page.locator("body")).to_contain_text("withdrawn")
    assert page.locator("canvas").count() == 0


def test_html_is_text_and_nothing_offends_the_policy(
    app: App, context: BrowserContext, pairs: list[PairImages]
) -> None:
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    page.goto(app.link())
    ready(page)
    expect(page.locator("h1")).to_have_text(QUESTION)
    page.keyboard.press("?")
    page.keyboard.press("Escape")
    page.keyboard.press("l")
    page.keyboard.press("a")
    ready(page)
    assert complaints == []


def test_nothing_received_tells_method_file_or_round(app: App, context: BrowserContext) -> None:
    """Everything the browser gets in a whole session: addresses, headers, pages, scripts, answers, pictures."""
    secret_round = "round-of-curvenet-against-lightendiffusion"
    made = [pair_of(noise(i), noise(i + 50)) for i in range(3)]
    app.store.register(secret_round, "people", made, 2, "Better?")
    register_ratings(app.store, 1, round="quality-of-dcevo")
    key = made[0].key
    app.store.add_votes(
        [
            Vote(
                id=str(uuid.uuid4()), key=key, observer="secret-colleague", kind="people", round=secret_round,
                preferred=made[0].first_sha256, left=made[0].first_sha256,
            )
        ]
    )  # fmt: skip
    received = Received(context)
    page = open_page(context, app.link())
    sets = page.locator(".sets a").count()
    assert sets == 2
    for place in range(sets):
        page.goto(app.address)
        page.locator(".sets a").nth(place).click()
        if "/compare/" in page.url:
            for key_ in "abs":
                ready(page)
                page.keyboard.press(key_)
            ready(page)
            page.keyboard.press("z")
        page.wait_for_load_state("networkidle")
    everything = received.heads() + b"\n".join(path.encode() + body for path, body in app.sent)
    assert len(everything) > 5_000_000  # pictures are among it
    secret = [secret_round, "quality-of-dcevo", "curvenet", "dcevo", "secret-colleague", "labels.sqlite"]
    secret += [text for pair in made for text in (pair.key, pair.first_sha256, pair.second_sha256)]
    secret += [app.store.place, "uvicorn"]
    assert [word for word in secret if re.search(re.escape(word.encode()), everything, re.IGNORECASE)] == []
    # Lengths tell nothing either: every picture comes in steps of 64 KiB, every token of a kind is as long as the other.
    assert {len(body) % 65536 for path, body in app.sent if path.startswith("/tile/")} == {0}
    assert len({len(url.split("/tile/")[1].split("/")[0]) for url in received.tiles}) == 1
