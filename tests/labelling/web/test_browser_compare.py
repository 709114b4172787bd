"""Comparing pairs in a real browser: answers by click and key, undo, skip, resume, two people at once."""

from __future__ import annotations

import pytest
from browser_helpers import QUESTION, App, canvas, find, noise, noise_pairs, open_page, ready
from label_helpers import wait_for
from playwright.sync_api import Browser, BrowserContext, Page, expect

from labelling.store.records import Options, PairImages, StoredVote

pytestmark = pytest.mark.slow


def register(app: App, count: int = 3, votes: int = 1, **options: object) -> list[PairImages]:
    pairs = noise_pairs(count)
    app.store.register("r01", "people", pairs, votes, QUESTION, Options(**options))  # type: ignore[arg-type]
    return pairs


def votes_of(app: App, pairs: list[PairImages]) -> list[StoredVote]:
    return app.store.votes([pair.key for pair in pairs], "people", QUESTION)


def shown(page: Page, pairs: list[PairImages]) -> tuple[str, str]:
    """sha256 of the pictures that are seen left and right."""
    page.keyboard.press("1")
    page.wait_for_timeout(100)
    seen = canvas(page, 0), canvas(page, 1)
    shas = [sha for pair in pairs for sha in (pair.first_sha256, pair.second_sha256)]
    found = [[sha for i, sha in enumerate(shas) if find(pane, noise(i))] for pane in seen]
    assert [len(each) for each in found] == [1, 1]
    return found[0][0], found[1][0]


def test_votes_by_click_and_key_mean_what_is_on_screen(app: App, context: BrowserContext) -> None:
    pairs = register(app, 5, allow_tie=True, allow_unsure=True)
    page = open_page(context, app.link())
    expected = {}
    for act in (
        lambda: page.click("#left"),
        lambda: page.keyboard.press("b"),
        lambda: page.keyboard.press("ArrowLeft"),
        lambda: page.keyboard.press("t"),
        lambda: page.click("#unsure"),
    ):
        ready(page)
        left, right = shown(page, pairs)
        answer = (left, right, left, "tie", "unsure")[len(expected)]
        expected[frozenset((left, right))] = left, answer
        act()
    expect(page.locator("#message")).to_have_text("The waiting run goes on.")
    stored = votes_of(app, pairs)
    members = {pair.key: frozenset((pair.first_sha256, pair.second_sha256)) for pair in pairs}
    assert {members[vote.key]: (vote.left, vote.preferred) for vote in stored} == expected
    assert all(0.25 <= vote.seconds < 30 for vote in stored if vote.seconds is not None)


def test_answers_that_are_not_offered_are_not_taken(app: App, context: BrowserContext) -> None:
    pairs = register(app)
    page = open_page(context, app.link())
    ready(page)
    assert page.locator("#tie, #unsure").count() == 0
    page.keyboard.press("t")
    page.keyboard.press("u")
    page.keyboard.press("q")
    page.wait_for_timeout(300)
    assert votes_of(app, pairs) == []


def test_the_next_pair_is_there_at_once(app: App, context: BrowserContext) -> None:
    register(app, 4)
    page = open_page(context, app.link())
    ready(page)
    page.wait_for_load_state("networkidle")
    context.set_offline(True)  # what is shown next must be here already
    before = canvas(page)
    elapsed = page.evaluate(
        """async () => {
          const pixels = () => document.querySelector("canvas").getContext("2d").getImageData(0, 100, 640, 1).data.join();
          const before = pixels(), start = performance.now();
          document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "a", bubbles: true }));
          while (pixels() === before && performance.now() - start < 5000) await new Promise(requestAnimationFrame);
          return performance.now() - start;
        }"""
    )
    assert elapsed < 2000
    assert (canvas(page) != before).any()


def test_a_key_held_down_and_a_double_click_are_one_answer(app: App, context: BrowserContext) -> None:
    pairs = register(app, 5)
    page = open_page(context, app.link())
    ready(page)
    for _ in range(20):
        page.keyboard.down("a")  # without an up between: the browser marks them as repeats
        page.wait_for_timeout(20)
    page.keyboard.up("a")
    expect(page.locator("#progress")).to_have_text("1 of 5")
    ready(page)
    page.dblclick("#right", delay=10)
    expect(page.locator("#progress")).to_have_text("2 of 5")
    page.wait_for_timeout(300)
    assert len(votes_of(app, pairs)) == 2


def test_undo_takes_back_one_answer_after_the_other(app: App, context: BrowserContext) -> None:
    pairs = register(app, 3)
    page = open_page(context, app.link())
    seen = []
    for _ in range(3):
        ready(page)
        seen.append(set(shown(page, pairs)))
        page.keyboard.press("a")
    expect(page.locator("#end")).to_be_visible()
    expect(page.locator("#stage")).to_be_hidden()
    for left in (2, 1):
        page.keyboard.press("z")
        ready(page)
        expect(page.locator("#progress")).to_have_text(f"{left} of 3")
        assert set(shown(page, pairs)) == seen[left]
        assert len(votes_of(app, pairs)) == left
    page.keyboard.press("b")
    ready(page)
    page.keyboard.press("b")
    expect(page.locator("#end")).to_be_visible()
    assert len(votes_of(app, pairs)) == 3


def test_a_skipped_pair_comes_back_last(app: App, context: BrowserContext) -> None:
    pairs = register(app, 3)
    page = open_page(context, app.link())
    ready(page)
    skipped = set(shown(page, pairs))
    page.keyboard.press("s")
    for _ in range(2):
        ready(page)
        assert set(shown(page, pairs)) != skipped
        page.click("#left")
    ready(page)
    assert set(shown(page, pairs)) == skipped
    page.click("#skip")  # nothing else is left: the same again
    ready(page)
    assert set(shown(page, pairs)) == skipped
    page.click("#left")
    expect(page.locator("#end")).to_be_visible()
    assert len(votes_of(app, pairs)) == 3


def test_another_browser_goes_on_where_this_one_stopped(app: App, chromium: Browser, context: BrowserContext) -> None:
    pairs = register(app, 3)
    link = app.link()
    page = open_page(context, link)
    ready(page)
    first = set(shown(page, pairs))
    page.keyboard.press("a")
    ready(page)
    second = set(shown(page, pairs))
    expect(page.locator("#progress")).to_have_text("1 of 3")
    page.close()
    elsewhere = chromium.new_context(viewport={"width": 1280, "height": 800})
    page = open_page(elsewhere, link)
    ready(page)
    expect(page.locator("#progress")).to_have_text("1 of 3")
    assert set(shown(page, pairs)) == second != first
    elsewhere.close()


def test_two_people_at_once_owe_their_own_votes(app: App, chromium: Browser, context: BrowserContext) -> None:
    pairs = register(app, 3, votes=2)
    other = chromium.new_context(viewport={"width": 1280, "height": 800})
    pages = open_page(context, app.link("anna")), open_page(other, app.link("berta"))
    for _ in range(3):
        for page, key in zip(pages, "ab", strict=True):
            ready(page)
            page.keyboard.press(key)
    for page in pages:
        expect(page.locator("#progress")).to_have_text("3 of 3")
        expect(page.locator("#message")).to_have_text("The waiting run goes on.")
    found = votes_of(app, pairs)
    assert sorted((vote.key, vote.observer) for vote in found) == sorted(
        (pair.key, name) for pair in pairs for name in ("anna", "berta")
    )
    assert all((vote.preferred == vote.left) == (vote.observer == "anna") for vote in found)
    other.close()


def test_who_is_ready_waits_for_others_and_is_told(app: App, context: BrowserContext) -> None:
    register(app, 1, votes=2)
    page = open_page(context, app.link())
    ready(page)
    page.keyboard.press("a")
    expect(page.locator("#message")).to_contain_text("Nothing is left for you")
    page.keyboard.press("z")
    ready(page)
    expect(page.locator("#end")).to_be_hidden()


def test_practice_is_announced_and_not_counted(app: App, context: BrowserContext) -> None:
    pairs = register(app, 4, training=2)
    page = open_page(context, app.link())
    for _ in range(2):
        ready(page)
        expect(page.locator("#practice")).to_be_visible()
        page.keyboard.press("a")
    ready(page)
    expect(page.locator("#practice")).to_be_hidden()
    wait_for(lambda: app.store.tally("r01").purpose.tolist() == [2, 2])
    assert votes_of(app, pairs) == []


def test_hidden_repeats_swap_sides_and_look_like_any_other_pair(app: App, context: BrowserContext) -> None:
    pairs = register(app, 4, repeats=0.5)
    page = open_page(context, app.link())
    sides: dict[frozenset[str], list[str]] = {}
    for _ in range(20):
        ready(page)
        left, right = shown(page, pairs)
        sides.setdefault(frozenset((left, right)), []).append(left)
        expect(page.locator("#practice")).to_be_hidden()
        page.keyboard.press("a")
        page.locator("#left[aria-disabled=false], #end:visible").first.wait_for()
        if page.locator("#end").is_visible():
            break
    repeated = [lefts for lefts in sides.values() if len(lefts) > 1]
    assert len(sides) == 4
    assert all(len(lefts) == 2 and lefts[0] != lefts[1] for lefts in repeated)
    assert len(repeated) == (app.store.tally("r01").purpose == 1).sum() > 0
