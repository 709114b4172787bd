"""Ratings that are not finished, in a real browser: steps taken back, drafts kept, keys, fingers, and what is in view."""

from __future__ import annotations

from typing import Any

import pytest
from browser_helpers import App, noise, open_page, png_of, ready, register_ratings, sha_of
from playwright.sync_api import Browser, BrowserContext, Page, expect

from labelling.exchange.criteria import FUSION_CRITERIA
from labelling.store.records import Criterion, Options, Rating, RatingItem

pytestmark = pytest.mark.slow


def begin(app: App, context: BrowserContext, pictures: int = 2) -> Page:
    register_ratings(app.store, pictures)
    page = open_page(context, app.link())
    ready(page, "#circle-new")
    return page


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def chosen(page: Page) -> list[str]:
    """The scores in the form, in the order of the criteria; "" for none."""
    return [
        group.evaluate("group => (group.querySelector('input:checked') || {value: ''}).value")
        for group in page.locator("fieldset").all()
    ]


def drafts(page: Page) -> int:
    return int(page.evaluate("() => Object.keys(localStorage).filter((key) => key.startsWith('loupe-draft:')).length"))


def undone(app: App) -> int:
    return len(app.store.ratings("ratings"))


# Undo


def test_z_takes_back_circles_then_scores_and_then_the_previous_rating(app: App, context: BrowserContext) -> None:
    page = begin(app, context)
    press(page, *"4352", "Control+Enter")
    expect(page.locator("#progress")).to_have_text("1 of 2")
    ready(page, "#circle-new")
    press(page, "3", "n", "n")
    expect(page.locator("#circles li")).to_have_count(2)
    for count in (1, 0):
        press(page, "z")
        expect(page.locator("#circles li")).to_have_count(count)
        assert (chosen(page), undone(app)) == (["3", "", "", ""], 1)
    press(page, "z")
    assert (chosen(page), undone(app)) == ([""] * 4, 1)  # the draft is empty now
    press(page, "z")
    expect(page.locator("#progress")).to_have_text("0 of 2")
    ready(page, "#submit")
    assert (chosen(page), undone(app)) == (["4", "3", "5", "2"], 0)


def test_z_takes_back_a_whole_drag_and_a_deleted_circle(app: App, context: BrowserContext) -> None:
    page = begin(app, context)
    box = page.locator("canvas").first.bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    press(page, "c")
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(1, 12):
        page.mouse.move(x + 5 * step, y)
    page.mouse.up()
    expect(page.locator("#circles li")).to_have_count(1)
    page.locator("#circles .delete").click()
    expect(page.locator("#circles li")).to_have_count(0)
    press(page, "z")
    expect(page.locator("#circles li")).to_have_count(1)
    press(page, "z")
    expect(page.locator("#circles li")).to_have_count(0)
    expect(page.locator("#undo")).to_have_attribute("aria-disabled", "true")


# Drafts


def test_a_draft_survives_a_reload_and_goes_when_it_is_saved(app: App, context: BrowserContext) -> None:
    page = begin(app, context)
    press(page, "4", "3", "n")
    page.fill("#note", "half done")
    page.reload()
    ready(page, "#circle-new")
    expect(page.locator("#note")).to_have_value("half done")
    expect(page.locator("#circles li")).to_have_count(1)
    assert chosen(page) == ["4", "3", "", ""]
    expect(page.locator("#alert")).to_contain_text("What you had begun here is back")
    press(page, "z")
    expect(page.locator("#note")).to_have_value("")  # steps survive too
    press(page, "5", "2", "Control+Enter")
    expect(page.locator("#progress")).to_have_text("1 of 2")
    page.wait_for_function("() => !Object.keys(localStorage).some((key) => key.startsWith('loupe-draft:'))")
    (stored,) = app.store.ratings("ratings")
    assert list(stored.scores.values()) == [4, 3, 5, 2] and len(stored.circles) == 1


def test_a_skipped_draft_comes_back_with_its_picture(app: App, context: BrowserContext) -> None:
    page = begin(app, context)
    press(page, "4", "n", "s")
    expect(page.locator("#alert")).to_contain_text("What you had begun is kept")
    ready(page, "#circle-new")
    assert chosen(page) == [""] * 4
    expect(page.locator("#circles li")).to_have_count(0)
    press(page, *"1111", "Control+Enter")
    expect(page.locator("#progress")).to_have_text("1 of 2")
    ready(page, "#circle-new")
    assert chosen(page) == ["4", "", "", ""]
    expect(page.locator("#circles li")).to_have_count(1)


def test_a_draft_is_kept_until_its_rating_is_saved(app: App, context: BrowserContext) -> None:
    page = begin(app, context)
    page.wait_for_load_state("networkidle")
    context.set_offline(True)
    press(page, *"4352", "Control+Enter")
    expect(page.locator("#alert")).to_contain_text("NOT saved yet")
    assert drafts(page) == 1
    context.set_offline(False)
    expect(page.locator("#progress")).to_have_text("1 of 2")
    page.wait_for_function("() => !Object.keys(localStorage).some((key) => key.startsWith('loupe-'))")


def test_another_person_in_the_same_browser_sees_no_draft(app: App, context: BrowserContext) -> None:
    page = begin(app, context, 1)
    press(page, "4")
    assert drafts(page) == 1
    page.goto(app.link("berta"))
    page.click("#change")
    ready(page, "#circle-new")
    assert chosen(page) == [""] * 4


def test_a_review_begun_is_back_after_a_reload(app: App, context: BrowserContext) -> None:
    (picture,) = register_ratings(app.store, 1)
    given = {"thermal": 4, "texture": 3, "artifacts": 2, "sharpness": 4}
    app.store.add_ratings([Rating(id="g", item=picture, observer="gpt", kind="llm", scores=given, round="ratings")])
    page = open_page(context, app.link("eva", "expert"))
    page.locator(".sets a", has_text="review").click()
    ready(page, "#accept")
    page.locator("fieldset[data-name=thermal] input[value='2']").check()
    page.reload()
    ready(page, "#correct")
    assert chosen(page) == ["2", "3", "2", "4"]
    press(page, "z")
    assert chosen(page) == ["4", "3", "2", "4"]
    ready(page, "#accept")


# Digits


def test_a_fifth_digit_does_nothing_until_a_criterion_is_chosen(app: App, context: BrowserContext) -> None:
    page = begin(app, context)
    for number, digit in enumerate("4352"):
        expect(page.locator("fieldset.next")).to_have_count(1)
        assert page.locator("fieldset").nth(number).get_attribute("aria-current") == "true"
        press(page, digit)
    expect(page.locator("fieldset.next")).to_have_count(0)
    press(page, "1", "5")
    assert chosen(page) == ["4", "3", "5", "2"]
    page.locator("fieldset").nth(1).locator("legend").click()
    press(page, "1")
    assert chosen(page) == ["4", "1", "5", "2"]
    press(page, "5")
    assert chosen(page) == ["4", "1", "5", "2"]


def test_digits_are_scores_wherever_the_focus_is_and_never_zoom(app: App, context: BrowserContext) -> None:
    page = begin(app, context)
    shown = page.locator("#scale").inner_text()
    press(page, "n")
    expect(page.locator("#circles .circle")).to_be_focused()
    press(page, "1")
    assert (chosen(page), page.locator("#scale").inner_text()) == (["1", "", "", ""], shown)
    press(page, "p")
    expect(page.locator("#scale")).to_have_text("100 %,")
    press(page, "0")
    expect(page.locator("#scale")).to_have_text(shown)
    page.locator("#note").focus()
    press(page, "5")
    assert (chosen(page), page.locator("#note").input_value()) == (["1", "", "", ""], "5")


# What is in view


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1280, 800)])
def test_all_that_is_needed_is_in_view(app: App, chromium: Browser, width: int, height: int) -> None:
    register_ratings(app.store, 1)
    opened = chromium.new_context(viewport={"width": width, "height": height})
    try:
        page = open_page(opened, app.link())
        ready(page, "#circle-new")
        for place in (
            "fieldset >> nth=0",
            "fieldset >> nth=-1",
            "#note",
            "#circle-mode",
            "#circle-new",
            "#submit",
            "canvas",
        ):
            box = page.locator(place).first.bounding_box()
            panel = page.locator(".panel-end").bounding_box()
            assert box and panel
            below = height if place in ("#submit", "canvas") else panel["y"]
            assert box["y"] >= 0 and box["y"] + box["height"] <= below, place
        press(page, *"4352")
        page.locator("#note").focus()
        assert page.evaluate("() => document.querySelector('.panel-scroll').scrollTop") == 0
        label = page.locator("fieldset").first.locator("label").nth(1)
        label.hover()
        expect(page.locator("fieldset").first.locator(".meaning")).to_have_text(f"2 {FUSION_CRITERIA[0].scale[1]}")
    finally:
        opened.close()


def test_twelve_criteria_are_reached_by_the_digits(app: App, context: BrowserContext) -> None:
    criteria = tuple(Criterion(name=f"c{i}", title=f"T{i}", scale=("bad", "", "", "", "good")) for i in range(12))
    png = png_of(noise(1, 300, 200))
    item = RatingItem(sha256=sha_of(png), png=png)
    app.store.register_ratings("ratings", "people", [item], 1, "How good?", Options(criteria=criteria))
    page = open_page(context, app.link())
    ready(page, "#circle-new")
    for digit in "123451234512":
        place, panel = (page.locator(what).bounding_box() for what in ("fieldset.next", ".panel-end"))
        assert place and panel and place["y"] >= 0 and place["y"] + place["height"] <= panel["y"] + 1
        press(page, digit)
    press(page, "Control+Enter")
    expect(page.locator("#end")).to_be_visible()
    assert list(app.store.ratings("ratings")[0].scores.values()) == [int(digit) for digit in "123451234512"]


# Fingers


class Finger:
    """Touches as Chromium's devices send them."""

    def __init__(self, page: Page) -> None:
        self._send = page.context.new_cdp_session(page)

    def _touch(self, kind: str, *at: tuple[float, float]) -> None:
        points: list[dict[str, Any]] = [{"x": x, "y": y} for x, y in at]
        self._send.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def tap(self, at: tuple[float, float]) -> None:
        self._touch("touchStart", at)
        self._touch("touchEnd")

    def swipe(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        self._touch("touchStart", start)
        for i in range(1, 6):
            self._touch("touchMove", tuple(a + (b - a) * i / 5 for a, b in zip(start, end, strict=True)))  # type: ignore[arg-type]
        self._touch("touchEnd")


def test_a_swipe_pans_and_a_tap_draws(app: App, chromium: Browser) -> None:
    register_ratings(app.store, 1)
    opened = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    try:
        page = open_page(opened, app.link())
        ready(page, "#circle-new")
        finger, circles = Finger(page), page.locator("#circles li")
        page.locator("#zoom-full").tap()
        expect(page.locator("#scale")).to_have_text("100 %,")
        page.locator("#circle-mode").tap()
        page.locator("canvas").first.scroll_into_view_if_needed()
        box = page.locator("canvas").first.bounding_box()
        assert box
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        finger.swipe((x, y), (x - 40, y + 10))
        expect(circles).to_have_count(0)
        finger.tap((x, y))
        expect(circles).to_have_count(1)
        # The picture went 40 pixels to the left and stops at its edge below: what is in the middle now is at 340.
        expect(circles.locator(".circle")).to_contain_text("at 340, ")
        expect(circles.locator(".circle")).to_contain_text("radius 32")
        finger.swipe((x + 32, y), (x + 50, y))  # its handle
        expect(circles.locator(".circle")).to_contain_text("radius 50")
        finger.swipe((x, y), (x - 20, y))  # the selected circle moves
        expect(circles.locator(".circle")).to_contain_text("at 320, ")
        finger.swipe((x + 70, y + 60), (x + 30, y + 60))  # beside it: pans
        expect(circles).to_have_count(1)
        expect(circles.locator(".circle")).to_contain_text("at 320, ")
    finally:
        opened.close()


# Classes of artifacts


def test_the_class_of_a_circle(app: App, context: BrowserContext) -> None:
    png = png_of(noise(1, 300, 200))
    options = Options(criteria=FUSION_CRITERIA, classes=("halo", "<i>noise</i>"))
    item = RatingItem(sha256=sha_of(png), png=png)
    app.store.register_ratings("ratings", "people", [item], 1, "How good?", options)
    page = open_page(context, app.link())
    ready(page, "#circle-new")
    press(page, "n")
    page.locator("#circles select").select_option("<i>noise</i>")
    press(page, "n", "n")  # the next one begins with the class chosen last
    page.locator("#circles select").nth(2).select_option("")
    page.locator("#circles select").nth(2).focus()
    press(page, *"4352")  # the list has the keys: nothing is scored
    assert chosen(page) == [""] * 4
    page.locator("#circles .circle").first.focus()
    press(page, *"4352", "Control+Enter")
    expect(page.locator("#end")).to_be_visible()
    (stored,) = app.store.ratings("ratings")
    assert [circle.artifact for circle in stored.circles] == ["<i>noise</i>", "<i>noise</i>", ""]


# Another person's link


def test_a_link_from_another_site_asks_before_it_changes_the_person(app: App, context: BrowserContext) -> None:
    register_ratings(app.store, 1)
    page = open_page(context, app.link("Anna"))
    ready(page, "#circle-new")

    def who() -> str:
        cookie = next(cookie["value"] for cookie in context.cookies() if cookie["name"] == "loupe")
        return {app.link(name).rsplit("/", 1)[1]: name for name in ("Anna", "Bob")}[cookie]

    bob = app.link("Bob")
    for go in ("stay", "change"):
        context.route("http://elsewhere.test/*", lambda route: route.fulfill(
            content_type="text/html", body=f'<a id="go" href="{bob}">A prize</a>'
        ))  # fmt: skip
        page.goto("http://elsewhere.test/page")
        page.click("#go")
        expect(page.locator("#ask h2")).to_have_text("You are Anna here. Continue as Bob?")
        assert who() == "Anna"
        page.click(f"#{go}")
        ready(page, "#circle-new")
        assert who() == {"stay": "Anna", "change": "Bob"}[go]


def test_a_first_visit_from_another_site_enters(app: App, context: BrowserContext) -> None:
    register_ratings(app.store, 1)
    link = app.link("Anna")
    context.route("http://elsewhere.test/*", lambda route: route.fulfill(
        content_type="text/html", body=f'<a id="go" href="{link}">Your link</a>'
    ))  # fmt: skip
    page = context.new_page()
    page.goto("http://elsewhere.test/mail")
    page.click("#go")
    ready(page, "#circle-new")
