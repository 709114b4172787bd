"""Looking closely, measured in pixels: what stands on the canvases, compared with the pictures themselves."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

import numpy as np
import pytest
from browser_helpers import (
    QUESTION,
    App,
    Received,
    canvas,
    find,
    noise,
    noise_pairs,
    open_page,
    pair_of,
    ready,
    source,
)
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect

pytestmark = pytest.mark.slow

SIZE = 1400, 1000  # larger than a pane, of nine tiles


@pytest.fixture
def page(app: App, context: BrowserContext) -> Page:
    """A pair of noise at 100 %, on screen."""
    app.store.register("r01", "people", noise_pairs(1, *SIZE), 1, QUESTION)
    opened = open_page(context, app.link())
    ready(opened)
    opened.keyboard.press("1")
    settled(opened)
    return opened


def settled(page: Page) -> None:
    page.wait_for_timeout(150)  # what is to be asked has been asked
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(150)


def places(page: Page, at: tuple[int, int] | None = None) -> list[tuple[int, int]]:
    """Which place of its picture every pane shows `at` a point, else in its middle; the pictures are told apart."""
    found = []
    for number in range(page.locator("canvas").count()):
        seen = canvas(page, number)
        found += [place for i in (0, 1) if (place := find(seen, noise(i, *SIZE), at))]
    return found


def middle(page: Page, number: int = 0) -> tuple[float, float]:
    box = page.locator("canvas").nth(number).bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_both_panes_show_the_same_place_pixel_by_pixel(page: Page) -> None:
    first, second = places(page)
    assert first == second
    assert abs(first[0] - SIZE[0] / 2) <= 1
    assert abs(first[1] - SIZE[1] / 2) <= 1
    expect(page.locator(".scale")).to_contain_text(re.compile("100 %, every pixel as it is"))


@pytest.mark.parametrize("number", [0, 1])
def test_dragging_one_pane_moves_both_by_as_many_pixels(page: Page, number: int) -> None:
    before = places(page)[0]
    x, y = middle(page, number)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 70, y + 31, steps=4)
    page.mouse.up()
    settled(page)
    assert places(page) == [(before[0] + 70, before[1] - 31)] * 2


def test_the_wheel_zooms_at_the_pointer_in_both_panes(page: Page) -> None:
    box = page.locator("canvas").nth(1).bounding_box()
    assert box
    at = 140, 420
    under = places(page, at)
    assert under[0] == under[1]
    page.mouse.move(box["x"] + at[0], box["y"] + at[1])
    for _ in range(3):
        page.mouse.wheel(0, -231)  # twice as large, then four and eight times, within the rounding of the wheel
        settled(page)
    scale = float(page.locator("#scale").inner_text().rstrip(" %,")) / 100
    assert scale > 2.5
    panes = canvas(page, 0), canvas(page, 1)
    for i in (0, 1):
        pixels = noise(i, *SIZE)
        match = [(pane[at[1], at[0]] == pixels[under[0][1], under[0][0]]).all() for pane in panes]
        assert sum(match) == 1  # exactly that pixel is still under the pointer: in the pane that shows this picture
    for _ in range(3):
        page.mouse.wheel(0, 231)
        settled(page)
    assert all(np.abs(np.subtract(place, under[0])).max() <= 1 for place in places(page, at))


def test_above_full_size_pixels_stay_sharp_squares(page: Page) -> None:
    for _ in range(3):
        page.keyboard.press("+")
    settled(page)
    expect(page.locator(".scale")).to_contain_text("400 %, pixels enlarged")
    for number in (0, 1):
        seen = canvas(page, number)
        change = np.flatnonzero((np.diff(seen[300].astype(int), axis=0) != 0).any(-1)) + 1
        assert len(change) > 100
        assert len(set(change % 4)) == 1  # colour changes at every fourth pixel only
        small = seen[change[0] % 4 + 1 :: 4, change[0] % 4 + 1 :: 4]
        assert sum(find(small, noise(i, *SIZE)) is not None for i in (0, 1)) == 1


def test_keys_fit_zoom_and_pan(page: Page) -> None:
    before = places(page)[0]
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    settled(page)
    after = places(page)
    assert after[0] == after[1]
    assert after[0][0] - before[0] > 40
    assert after[0][1] - before[1] > 40
    page.keyboard.press("-")
    expect(page.locator(".scale")).to_contain_text("67 %, scaled down")
    page.keyboard.press("0")
    settled(page)
    seen = canvas(page)
    grey = (seen == 0x75).all(-1)
    assert grey[0].all()
    assert grey[-1].all()  # the whole picture, with the surround above and below
    assert not grey[seen.shape[0] // 2].any()


def test_flip_alternates_in_the_same_place(page: Page) -> None:
    x, y = middle(page)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 35, y - 20)
    page.mouse.up()
    page.keyboard.press("f")
    settled(page)
    assert page.locator("canvas").count() == 1
    seen, labels = [canvas(page)], [page.locator(".label").inner_text()]
    for _ in range(2):
        page.keyboard.press("Space")
        seen.append(canvas(page))  # at once: both versions are there already
        labels.append(page.locator(".label").inner_text())
    assert labels == ["A", "B", "A"]
    assert (seen[0] == seen[2]).all()
    where = [[find(each, noise(i, *SIZE)) for i in (0, 1)] for each in seen[:2]]
    first, second = ([place for place in pair if place] for pair in where)
    assert len(first) == 1
    assert first == second
    assert where[0] != where[1]
    page.click("#flip")
    assert page.locator(".label").inner_text() == "B"
    page.keyboard.press("f")
    assert page.locator("canvas").count() == 2


def test_space_never_votes_while_flipping(app: App, page: Page) -> None:
    page.keyboard.press("f")
    page.locator("#left").focus()
    for _ in range(3):
        page.keyboard.press("Space")
    assert page.locator(".label").inner_text() == "B"
    assert app.store.last_vote("anna") is None


def test_the_slider_parts_the_versions(page: Page) -> None:
    left_pane, right_pane = canvas(page, 0), canvas(page, 1)
    order = [i for pane in (left_pane, right_pane) for i in (0, 1) if find(pane, noise(i, *SIZE))]
    page.click("#mode-split")
    settled(page)

    def edge() -> int:
        """The first column that shows the right version; what is left and right of it is checked."""
        seen = canvas(page)
        middle_x, middle_y = seen.shape[1] // 2, seen.shape[0] // 2
        share = float(page.locator("#slider").get_attribute("aria-valuenow") or "") / 100
        column = round(share * seen.shape[1])
        sides = (
            find(seen, noise(order[0], *SIZE), (column - 60, middle_y)),
            find(seen, noise(order[1], *SIZE), (column + 30, middle_y)),
        )
        assert sides[0]
        assert sides[1]
        assert sides[1][0] - sides[0][0] == 90
        assert sides[0][1] == sides[1][1]
        assert abs(sides[0][0] + 60 - column + middle_x - SIZE[0] // 2) <= 1
        return column

    start = edge()
    page.keyboard.press(",")
    page.keyboard.press(",")
    settled(page)
    left = edge()
    assert left < start
    box = page.locator("#slider").bounding_box()
    assert box
    page.mouse.move(box["x"] + 22, box["y"] + 200)
    page.mouse.down()
    page.mouse.move(box["x"] + 22 + 120, box["y"] + 200, steps=5)
    page.mouse.up()
    settled(page)
    assert abs(edge() - left - 120) < 15
    page.locator("#slider").focus()
    page.keyboard.press("ArrowLeft")
    settled(page)
    assert edge() < left + 120


@pytest.mark.parametrize("ratio", [1, 1.25, 1.5, 2])
def test_full_size_is_one_pixel_of_the_screen(app: App, chromium: Browser, ratio: float) -> None:
    app.store.register("r01", "people", noise_pairs(1, *SIZE), 1, QUESTION)
    context = chromium.new_context(viewport={"width": 1280, "height": 801}, device_scale_factor=ratio)
    page = open_page(context, app.link())
    ready(page)
    page.keyboard.press("1")
    settled(page)
    first, second = places(page)
    assert first == second
    # Not only on the canvas: the browser puts it on the screen without resampling.
    screen = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB"))
    for number in (0, 1):
        x, y = middle(page, number)
        found = [find(screen, noise(i, *SIZE), (round(x * ratio), round(y * ratio))) for i in (0, 1)]
        assert sum(place is not None for place in found) == 1
    context.close()


def test_sources_move_along_in_panes_of_their_own(app: App, context: BrowserContext) -> None:
    sources = source("infrared", noise(10, *SIZE)), source("visible", noise(11, *SIZE))
    app.store.register("r01", "people", [pair_of(noise(0, *SIZE), noise(1, *SIZE), sources)], 1, QUESTION)
    page = open_page(context, app.link())
    ready(page)
    assert page.locator(".label").all_inner_texts() == ["A", "B", "Infrared", "Visible"]
    page.keyboard.press("1")
    page.keyboard.press("Shift+ArrowLeft")
    settled(page)
    main, infrared, visible = (
        places(page),
        find(canvas(page, 2), noise(10, *SIZE)),
        find(canvas(page, 3), noise(11, *SIZE)),
    )
    assert main == [infrared, visible]
    page.keyboard.press("o")
    assert page.locator(".label").all_inner_texts() == ["A", "B"]
    page.keyboard.press("o")
    page.keyboard.press("f")
    assert page.locator(".label").all_inner_texts() == ["A", "Infrared", "Visible"]


def test_two_fingers_pinch(app: App, chromium: Browser) -> None:
    app.store.register("r01", "people", noise_pairs(1, *SIZE), 1, QUESTION)
    context = chromium.new_context(viewport={"width": 820, "height": 1180}, has_touch=True, is_mobile=True)
    page = open_page(context, app.link())
    ready(page)
    x, y = middle(page)
    touch = context.new_cdp_session(page)

    def fingers(kind: str, *apart: float) -> None:
        points = [{"x": x + side * half, "y": y, "id": i} for half in apart for i, side in enumerate((-1, 1))]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    before = float(page.locator("#scale").inner_text().rstrip(" %,"))
    fingers("touchStart", 40)
    for half in (60, 80, 100, 120):
        fingers("touchMove", half)
    fingers("touchEnd")
    settled(page)
    after = float(page.locator("#scale").inner_text().rstrip(" %,"))
    assert after / before == pytest.approx(3, rel=0.1)
    assert page.evaluate("visualViewport.scale") == 1  # the pictures were enlarged, not the page
    context.close()


@pytest.fixture
def huge(app: App, context: BrowserContext) -> Iterator[tuple[Page, Received]]:
    """A pair of 50 megapixels, on screen."""
    y, x = np.mgrid[0:5792, 0:8688].astype(np.uint16)
    ramps = [((x * a + y * b) >> 3 & 255).astype(np.uint8) for a, b in ((3, 5), (7, 2))]
    app.store.register("r01", "people", [pair_of(*ramps)], 1, QUESTION)
    received = Received(context)
    page = open_page(context, app.link())
    page.set_default_timeout(120_000)
    ready(page)
    settled(page)
    yield page, received


def test_fifty_megapixels_stay_fluid_and_are_not_sent_whole(app: App, huge: tuple[Page, Received]) -> None:
    page, received = huge
    assert len(received.tiles) <= 2 * 6  # of a level of about the pane's size
    assert all(re.search(r"/3/\d/\d$", url) for url in received.tiles)
    received.tiles.clear()
    page.keyboard.press("1")
    settled(page)
    assert 2 * 2 <= len(received.tiles) <= 2 * 9  # tiles of full resolution behind 626 x 580 pixels
    received.tiles.clear()
    x, y = middle(page)
    page.evaluate(
        """() => { window.frames_ = [];
          const tick = time => { window.frames_.push(time); requestAnimationFrame(tick); };
          requestAnimationFrame(tick); }"""
    )
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(60):
        page.mouse.move(x - 5 * step, y - 2 * step)
    page.mouse.up()
    frames = np.diff(page.evaluate("window.frames_"))
    settled(page)
    assert np.median(frames) < 40  # milliseconds; 16.7 where nothing else runs
    assert len(received.tiles) <= 2 * 6
    assert (
        sum(len(body) for path, body in app.sent if path.startswith("/tile/")) < 40e6
    )  # the two pictures have 300 MB of pixels
    assert len(set(received.tiles)) == len(received.tiles)


def test_a_small_window_is_said(app: App, context: BrowserContext) -> None:
    app.store.register("r01", "people", noise_pairs(1, *SIZE), 1, QUESTION)
    page = open_page(context, app.link())
    ready(page)
    expect(page.locator("#small")).to_be_hidden()
    expect(page.locator(".scale")).to_contain_text("scaled down")
    page.set_viewport_size({"width": 390, "height": 844})
    expect(page.locator("#small")).to_contain_text("too small")
    page.set_viewport_size({"width": 1280, "height": 800})
    expect(page.locator("#small")).to_be_hidden()
