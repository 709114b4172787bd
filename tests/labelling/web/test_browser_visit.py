"""A visitor in a real browser, from the open link to the completion code."""

from __future__ import annotations

import pytest
from browser_helpers import QUESTION, App, noise_pairs
from playwright.sync_api import BrowserContext, expect

from labelling.desk.plates import digit_of
from labelling.desk.visits import Study
from labelling.exchange.study_pages import StudyPages
from labelling.store import Limits, Options

pytestmark = pytest.mark.slow

PAGES = {
    "title": "Which?",
    "consent": "Agree?",
    "questions": [
        {"name": "age", "text": "How old?", "type": "number", "min": 18},
        {"name": "remarks", "text": "More?", "type": "text", "when": "after", "required": False},
    ],
    "colour_check": {"plates": 2, "errors": 0},
    "display_check": {"min_width": 1000},
    "practice": {"better": ["x"]},
}


def test_from_the_link_to_the_code(app: App, context: BrowserContext) -> None:
    pairs = noise_pairs(3, 300, 200)
    app.store.register("llie", "people", pairs, 9, QUESTION, Options(training=1))
    study = Study("llie", StudyPages.model_validate(PAGES), "en", {}, {pairs[0].key: pairs[0].first_sha256})
    link = app.store.open_link("llie", Limits(quota=1), study.to_json())
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.goto(f"{app.address}/s/{link.token}")
    page.click("#begin")
    page.get_by_role("button", name="I agree").click()
    page.locator("[data-step=before] #go-on").click()
    expect(page.locator("#missing")).to_have_text("1 answer is still missing.")
    page.fill("input[name=age]", "33")
    page.click("#go-on")
    me = app.store.visitors("llie")[0]
    for number in (1, 2):
        page.locator(f"[data-plate='{number}'] input[type=text]").fill(digit_of(me.id, number))
    page.click("#go-on")
    expect(page.locator("#size")).to_have_text("Your window: 1280 × 800 pixels")
    page.set_viewport_size({"width": 900, "height": 800})
    expect(page.locator("#window-small")).to_be_visible()
    page.set_viewport_size({"width": 1280, "height": 800})
    page.check("input[name=dark][value='4']")
    page.check("input[name=bright][value='2']")
    page.fill("#grey", "188")
    page.click("#go-on")
    for choice in ("#left", "#right"):  # the practice pair, then the one that counts
        expect(page.locator(choice)).to_have_attribute("aria-disabled", "false")
        page.wait_for_timeout(300)  # less is taken for the second click of a double click
        page.click(choice)
        if choice == "#left":
            expect(page.locator("#feedback-text")).to_contain_text("better one")
            expect(page.locator("#right")).to_be_hidden()
            page.keyboard.press("Enter")
    page.click("#onward")
    page.goto(f"{app.address}/s/{link.token}")  # as if the page was closed and the link followed again
    expect(page.locator("textarea[name=remarks]")).to_be_visible()
    page.click("#go-on")
    expect(page.locator("#code")).to_have_text(me.code)
    done = app.store.visitors("llie")[0]
    assert (done.votes, done.finished_at is not None) == (1, True)
    assert done.pages["display"].content["gamma"] == 2.27
    assert done.pages["colour"].content["passed"]
    assert faults == []
