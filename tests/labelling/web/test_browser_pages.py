"""Every page for everybody: keyboard alone, large text, tablet, light and dark; the list of sets and the watch page."""

from __future__ import annotations

import io

import numpy as np
import pytest
from browser_helpers import QUESTION, App, noise_pairs, open_page, pair_of, ready, register_ratings
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect

from labelling.store.records import Options, Rating

pytestmark = pytest.mark.slow

READY = {"compare": "#left", "rate": "#circle-new", "review": "#accept", "sets": "body"}
# Controls that cannot be reached: outside the page, cut off by a box that does not scroll, or under something else.
_UNREACHABLE = """async () => {
  const lost = [];
  for (const control of document.querySelectorAll("button, a, input, textarea")) {
    if (!control.checkVisibility() || control.closest("dialog")) continue;
    control.scrollIntoView({ block: "center" });
    await new Promise(requestAnimationFrame);
    const box = control.getBoundingClientRect();
    const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
    const hit = document.elementFromPoint(x, y);
    const own = hit && (control.contains(hit) || hit.contains(control) && hit.matches("label"));
    const whole = box.left >= 0 && box.right <= innerWidth && control.scrollWidth <= control.clientWidth + 1;
    if (!own || !whole) lost.push(`${control.id || control.textContent || control.name} ${x} ${y}`);
  }
  return lost;
}"""


@pytest.fixture
def everything(app: App) -> App:
    """A set of each kind, for the expert eva."""
    options = Options(allow_tie=True, allow_unsure=True)
    app.store.register("r01", "people", noise_pairs(2), 2, QUESTION, options)
    (picture, _) = register_ratings(app.store, 2, raters=2)
    scores = {"thermal": 4, "texture": 3, "artifacts": 2, "sharpness": 4}
    app.store.add_ratings(
        [Rating(id="x", item=picture, observer="gpt", kind="llm", scores=scores, round="ratings", note="faint")]
    )
    return app


def open_kind(context: BrowserContext, app: App, kind: str) -> Page:
    page = open_page(context, app.link("eva", "expert"))
    if kind != "sets":
        page.locator(f".sets a[href^='/{kind}/']").click()
        ready(page, READY[kind])
    return page


@pytest.mark.parametrize("kind", READY)
@pytest.mark.parametrize("size", [(1280, 800), (820, 1180), (390, 844)])
def test_at_twice_the_text_size_every_control_can_be_reached(
    everything: App, chromium: Browser, kind: str, size: tuple[int, int]
) -> None:
    context = chromium.new_context(viewport={"width": size[0], "height": size[1]})
    page = open_kind(context, everything, kind)
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    page.wait_for_timeout(150)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate(_UNREACHABLE) == []
    if kind != "sets":
        box = page.locator("canvas").first.bounding_box()
        assert box
        assert box["width"] > 150
        assert box["height"] > 100
    context.close()


@pytest.mark.parametrize("kind", READY)
def test_on_a_tablet_everything_is_large_enough_to_touch(everything: App, chromium: Browser, kind: str) -> None:
    context = chromium.new_context(viewport={"width": 820, "height": 1180}, has_touch=True, is_mobile=True)
    page = open_kind(context, everything, kind)
    sizes = page.evaluate(
        """() => [...document.querySelectorAll("button, .sets a, .scores label, label.check")]
          .filter(control => control.checkVisibility() && !control.closest("dialog"))
          .map(control => [control.id || control.textContent, control.offsetWidth, control.offsetHeight])"""
    )
    assert len(sizes) > 2
    assert [size for size in sizes if min(size[1:]) < 44] == []
    if kind == "compare":
        page.locator("#right").tap()
        expect(page.locator("#progress")).to_have_text("1 of 2")
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_around_the_pictures_has_a_colour(app: App, chromium: Browser, scheme: str) -> None:
    grey = [np.full((300, 400, 3), value, np.uint8) for value in (90, 160)]
    app.store.register("r01", "people", [pair_of(*grey)], 2, QUESTION, Options(allow_tie=True))
    register_ratings(app.store, 1)
    context = chromium.new_context(color_scheme=scheme, viewport={"width": 1280, "height": 800})  # type: ignore[arg-type]
    surrounds = []
    for kind in ("compare", "sets"):
        page = open_kind(context, app, kind)
        if kind == "compare":
            page.keyboard.press("l")
            page.locator("#slider").focus()
        screen = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB")).astype(int)
        assert (screen.max(-1) - screen.min(-1)).max() <= 2  # of a level; letters are smoothed in greys here
        surrounds.append(screen[400, 3])
    assert surrounds[0].tolist() == [0x75] * 3  # the same beside the pictures in light and dark
    assert (surrounds[1][0] > 128) == (scheme == "light")
    context.close()


def test_a_pair_by_keyboard_alone_and_the_focus_stays(everything: App, context: BrowserContext) -> None:
    page = open_page(context, everything.link("eva", "expert"))
    page.keyboard.press("Tab")
    focused = page.locator(":focus")
    while "/compare/" not in (focused.get_attribute("href") or ""):
        page.keyboard.press("Tab")
    assert focused.evaluate("link => getComputedStyle(link).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    ready(page)
    seen = []
    while page.locator("#right:focus").count() == 0:
        page.keyboard.press("Tab")
        seen.append(focused.get_attribute("id"))
        assert focused.evaluate("control => getComputedStyle(control).outlineStyle") == "solid"
    assert seen == [
        "help-open", "mode-side", "mode-flip", "mode-split", "zoom-fit", "zoom-full", "zoom-out", "zoom-in", "undo",
        "skip", "left", "tie", "unsure", "right",
    ]  # fmt: skip
    page.keyboard.press("Enter")
    expect(page.locator("#progress")).to_have_text("1 of 2")
    expect(page.locator("#right")).to_be_focused()
    ready(page)
    page.keyboard.press("Enter")
    expect(page.locator("#progress")).to_have_text("2 of 2")


@pytest.mark.parametrize("kind", ["compare", "rate", "review"])
def test_help_opens_on_a_key_and_takes_the_keys(everything: App, context: BrowserContext, kind: str) -> None:
    page = open_kind(context, everything, kind)
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("a")
    page.keyboard.press("y")
    page.keyboard.press("f")
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_hidden()
    expect(page.locator("#progress")).to_have_text("0 of 2" if kind != "review" else "0 of 1")
    expect(page.locator("#mode-side")).to_have_attribute("aria-pressed", "true")


def test_controls_say_what_they_are(everything: App, context: BrowserContext) -> None:
    page = open_kind(context, everything, "rate")
    for title in ("Thermal retention", "Texture retention", "Freedom from artifacts", "Sharpness"):
        group = page.get_by_role("radiogroup", name=title)
        assert group.get_by_role("radio").count() == 5
    expect(page.get_by_role("radio", name="5 no artifacts")).to_be_visible()
    expect(page.get_by_role("img", name="Picture to judge")).to_be_visible()
    expect(page.get_by_label("Note (optional)")).to_be_visible()
    page = open_kind(context, everything, "compare")
    expect(page.get_by_role("button", name="A is better")).to_be_visible()
    expect(page.get_by_role("img", name="Version B")).to_be_visible()


def test_the_list_of_sets(everything: App, context: BrowserContext) -> None:
    page = open_page(context, everything.link("anna"))
    assert page.locator(".sets .name").all_inner_texts() == ["Set 1: compare pairs", "Set 2: rate pictures"] or (
        page.locator(".sets .name").all_inner_texts() == ["Set 1: rate pictures", "Set 2: compare pairs"]
    )
    expect(page.locator("a[href='/watch']")).to_have_count(0)
    page.goto(f"{everything.address}/watch")
    expect(page.locator("main")).to_contain_text("for whoever runs the labelling")


def test_the_watch_page_is_live(everything: App, chromium: Browser, context: BrowserContext) -> None:
    page = open_page(context, everything.link("boss", "manager"))
    page.locator("a[href='/watch']").click()
    section = page.locator("section", has=page.locator("h2", has_text="r01"))
    expect(section).to_contain_text("0 of 4")
    other = chromium.new_context(viewport={"width": 1280, "height": 800})
    voter = open_kind(other, everything, "compare")
    voter.keyboard.press("a")
    expect(voter.locator("#progress")).to_have_text("1 of 2")
    expect(section).to_contain_text("1 of 4", timeout=8000)
    expect(section.locator("tbody th")).to_contain_text(["eva"])
    other.close()
    everything.stop()
    expect(page.locator("#alert")).to_contain_text("These figures are old", timeout=8000)
    everything.start()
    expect(page.locator("#alert")).to_be_hidden(timeout=8000)


def test_who_has_no_link_sees_a_page_that_says_so(app: App, context: BrowserContext) -> None:
    page = open_page(context, app.address)
    expect(page.locator("main")).to_contain_text("Open your personal link")
    page = open_page(context, f"{app.address}/o/forged")
    expect(page.locator("main")).to_contain_text("not valid")
