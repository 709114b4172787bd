"""Rating and reviewing in a real browser: scores, circles by mouse and by keyboard, verdicts."""

from __future__ import annotations

import numpy as np
import pytest
from browser_helpers import App, canvas, open_page, ready, register_ratings
from playwright.sync_api import BrowserContext, Page, expect

from labelling.store.records import Circle, Rating, StoredRating

pytestmark = pytest.mark.slow

NOTE = "<script>alert(1)</script> & a halo"


def ratings(app: App) -> list[StoredRating]:
    return app.store.ratings("ratings")


def on_screen(page: Page, x: float, y: float) -> tuple[float, float]:
    """Where on the page the point (x, y) of the 600 x 400 picture is, by the surround's edges on the canvas."""
    box = page.locator("canvas").first.bounding_box()
    assert box
    shown = ~(canvas(page) == 0x75).all(-1)
    columns, rows = np.flatnonzero(shown.mean(0) > 0.3), np.flatnonzero(shown.mean(1) > 0.3)
    scale = (columns[-1] - columns[0] + 1) / 600
    assert scale == pytest.approx((rows[-1] - rows[0] + 1) / 400, rel=0.02)
    return box["x"] + columns[0] + x * scale, box["y"] + rows[0] + y * scale


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    page.mouse.move(*end)
    page.mouse.up()


def score(page: Page, digits: str = "4352") -> None:
    page.locator("fieldset input").first.focus()
    for digit in digits:
        page.keyboard.press(digit)


def test_scores_circles_and_note_by_mouse(app: App, context: BrowserContext) -> None:
    (picture,) = register_ratings(app.store, 1)
    page = open_page(context, app.link())
    ready(page, "#circle-new")
    assert page.locator(".label").all_inner_texts() == ["Picture to judge", "Infrared", "Visible"]
    for name, value in {"thermal": 4, "texture": 3, "artifacts": 5, "sharpness": 2}.items():
        page.locator(f"fieldset[data-name={name}] input[value='{value}']").check()
    page.fill("#note", NOTE)
    page.click("#circle-mode")
    drag(page, on_screen(page, 200, 150), on_screen(page, 240, 150))
    drag(page, on_screen(page, 450, 300), on_screen(page, 450, 330))
    drag(page, on_screen(page, 100, 320), on_screen(page, 120, 320))
    assert page.locator("#circles li").count() == 3
    drag(page, on_screen(page, 205, 155), on_screen(page, 255, 175))  # moves the first
    drag(page, on_screen(page, 290, 170), on_screen(page, 310, 170))  # its handle: 20 larger
    page.locator("#circles .delete").nth(2).click()
    page.click("#submit")
    expect(page.locator("#end")).to_be_visible()
    (stored,) = ratings(app)
    assert stored.item == picture
    assert stored.scores == {"thermal": 4, "texture": 3, "artifacts": 5, "sharpness": 2}
    assert stored.note == NOTE
    got = [(circle.x, circle.y, circle.radius) for circle in stored.circles]
    # One pixel of the screen is 600 / 446 of the picture here: the mouse can be no more exact.
    assert got == [pytest.approx((250, 170, 60), abs=2), pytest.approx((450, 300, 30), abs=2)]


def test_coordinates_are_exact_at_any_zoom(app: App, context: BrowserContext) -> None:
    register_ratings(app.store, 1)
    page = open_page(context, app.link())
    ready(page, "#circle-new")
    page.keyboard.press("c")
    for _ in range(3):
        page.locator("#zoom-in").click()  # 100 %, 200 %, 300 %
    expect(page.locator("#scale")).to_have_text("300 %,")
    box = page.locator("canvas").first.bounding_box()
    assert box
    # The picture's middle (300, 200) is in the middle of the pane.
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    drag(page, (middle[0] - 60, middle[1] + 30), (middle[0] - 60 + 75, middle[1] + 30))
    page.click("#zoom-full")
    page.wait_for_timeout(150)
    seen = canvas(page).astype(int)
    row = round(box["height"] / 2) + 10
    white = np.flatnonzero((seen[row] == 255).all(-1)) - round(box["width"] / 2)
    assert {-45, 5} <= set(white.tolist())  # its edges, at 100 %: 280 - 25 and 280 + 25, from 300
    score(page)
    page.keyboard.press("Control+Enter")
    expect(page.locator("#end")).to_be_visible()
    (circle,) = ratings(app)[0].circles
    assert (circle.x, circle.y, circle.radius) == pytest.approx((280, 210, 25), abs=0.5)


def test_everything_by_keyboard_alone(app: App, context: BrowserContext) -> None:
    register_ratings(app.store, 2)
    page = open_page(context, app.link())
    ready(page, "#circle-new")
    for digit in "4352":  # the first criterion has the focus already, and each digit goes on to the next
        page.keyboard.press(digit)
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("5")  # the third again
    page.keyboard.press("n")
    first = page.locator("#circles .circle").nth(0)
    expect(first).to_be_focused()
    for key in ("Control+ArrowLeft", "Control+ArrowLeft", "Control+ArrowUp"):
        page.keyboard.press(key)
    before = first.inner_text()
    assert before.startswith("1: at 298, 199, radius ")
    page.keyboard.press("+")
    assert int(first.inner_text().split()[-1]) > int(before.split()[-1])
    page.keyboard.press("-")
    page.keyboard.press("n")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("n")
    assert page.locator("#circles li").count() == 3
    page.keyboard.press("Delete")
    page.keyboard.press("Shift+Tab")  # from the second circle to the first one's Delete button
    expect(page.locator("#circles .circle").nth(0)).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Control+Enter")
    ready(page, "#circle-new")
    expect(page.locator("#progress")).to_have_text("1 of 2")
    expect(page.locator("#circles li")).to_have_count(0)
    expect(page.locator("fieldset input").first).to_be_focused()
    (stored,) = ratings(app)
    assert list(stored.scores.values()) == [4, 3, 5, 2]
    one, two = stored.circles
    assert (one.x, one.y) == (298, 199)
    assert two.x > 300
    assert (two.y, two.radius) == pytest.approx((200, one.radius), abs=1)


def test_circles_stay_in_the_picture(app: App, context: BrowserContext) -> None:
    register_ratings(app.store, 1)
    page = open_page(context, app.link())
    ready(page, "#circle-new")
    page.keyboard.press("n")
    for _ in range(120):
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("-")
    score(page)
    page.keyboard.press("Control+Enter")
    expect(page.locator("#end")).to_be_visible()
    (circle,) = ratings(app)[0].circles
    assert (circle.x, circle.radius) == (0.5, 1)


def test_an_unfinished_rating_is_not_sent(app: App, context: BrowserContext) -> None:
    register_ratings(app.store, 1)
    page = open_page(context, app.link())
    ready(page, "#circle-new")
    score(page, "435")
    expect(page.locator("#missing")).to_have_text("1 of 4 criteria still to score")
    page.keyboard.press("Control+Enter")
    page.wait_for_timeout(300)
    assert ratings(app) == []
    expect(page.locator("fieldset").nth(3).locator("input").first).to_be_focused()


def test_undo_brings_the_scores_and_circles_back(app: App, context: BrowserContext) -> None:
    register_ratings(app.store, 2)
    page = open_page(context, app.link())
    ready(page, "#circle-new")
    score(page)
    page.keyboard.press("n")
    page.fill("#note", NOTE)
    page.click("#submit")
    ready(page, "#circle-new")
    expect(page.locator("#progress")).to_have_text("1 of 2")
    page.click("#undo")
    ready(page, "#submit")
    expect(page.locator("#circles li")).to_have_count(1)
    expect(page.locator("#note")).to_have_value(NOTE)
    page.keyboard.press("Control+Enter")
    expect(page.locator("#progress")).to_have_text("1 of 2")
    assert [list(rating.scores.values()) for rating in ratings(app)] == [[4, 3, 5, 2]]


def test_a_rating_given_offline_is_sent_later(app: App, context: BrowserContext) -> None:
    register_ratings(app.store, 2)
    page = open_page(context, app.link())
    ready(page, "#circle-new")
    page.wait_for_load_state("networkidle")
    context.set_offline(True)
    score(page)
    page.keyboard.press("Control+Enter")
    expect(page.locator("#alert")).to_contain_text("1 answer is NOT saved yet")
    context.set_offline(False)
    expect(page.locator("#progress")).to_have_text("1 of 2")
    assert len(ratings(app)) == 1


# Review

GIVEN = {"thermal": 4, "texture": 3, "artifacts": 2, "sharpness": 4}
OTHER = GIVEN | {"thermal": 1}


@pytest.fixture
def reviewed(app: App, context: BrowserContext) -> Page:
    """An LLM's rating with a circle under review, and another person's beside it."""
    (picture,) = register_ratings(app.store, 1, raters=2)
    for observer, kind, scores in (("gpt", "llm", GIVEN), ("berta", "people", OTHER)):
        app.store.add_ratings(
            [
                Rating(
                    id=observer, item=picture, observer=observer, kind=kind, scores=scores, round="ratings",
                    circles=(Circle(x=300.25, y=200.5, radius=40.125),), note=NOTE if kind == "llm" else "",
                )
            ]
        )  # fmt: skip
    page = open_page(context, app.link("eva", "expert"))
    page.locator(".sets a", has_text="review").click()
    ready(page, "#accept")
    while "LLM" not in page.locator("#who").inner_text():
        page.keyboard.press("s")
        ready(page, "#accept")
    return page


def verdicts(app: App) -> list[StoredRating]:
    return [rating for rating in app.store.ratings("ratings", effective=False) if rating.observer == "eva"]


def test_review_shows_who_said_what_and_where_they_disagree(reviewed: Page) -> None:
    thermal, texture = reviewed.locator("fieldset").nth(0), reviewed.locator("fieldset").nth(1)
    expect(thermal.locator(".others")).to_have_text("LLM: 4 · observer 1: 1 3 points apart")
    expect(texture.locator(".others")).to_have_text("LLM: 3 · observer 1: 3")
    assert "disagreed" in (thermal.get_attribute("class") or "")
    assert "disagreed" not in (texture.get_attribute("class") or "")
    expect(reviewed.locator("#notes p")).to_have_text(NOTE)
    expect(reviewed.locator("#circles .circle")).to_have_text("1: at 300, 201, radius 40")


def test_accepting(app: App, reviewed: Page) -> None:
    reviewed.keyboard.press("y")
    expect(reviewed.locator("#progress")).to_have_text("1 of 2")
    (verdict,) = verdicts(app)
    assert (verdict.verdict, verdict.reviews, dict(verdict.scores)) == ("accepted", "gpt", GIVEN)
    assert verdict.circles == (Circle(x=300.25, y=200.5, radius=40.125),)


def test_correcting(app: App, reviewed: Page) -> None:
    expect(reviewed.locator("#correct")).to_have_attribute("aria-disabled", "true")
    reviewed.locator("fieldset[data-name=thermal] input[value='2']").check()
    expect(reviewed.locator("#accept")).to_have_attribute("aria-disabled", "true")
    reviewed.click("#restore")
    expect(reviewed.locator("fieldset[data-name=thermal] input[value='4']")).to_be_checked()
    ready(reviewed, "#accept")
    reviewed.locator("fieldset[data-name=thermal] input[value='2']").check()
    reviewed.locator("#circles .circle").focus()
    reviewed.keyboard.press("Control+ArrowRight")
    reviewed.fill("#note", "fainter")
    reviewed.click("#correct")
    expect(reviewed.locator("#progress")).to_have_text("1 of 2")
    (verdict,) = verdicts(app)
    assert (verdict.verdict, dict(verdict.scores), verdict.note) == ("corrected", GIVEN | {"thermal": 2}, "fainter")
    (circle,) = verdict.circles
    assert (circle.x, circle.y, circle.radius) == pytest.approx((301.25, 200.5, 40.125), abs=0.01)


def test_rejecting(app: App, reviewed: Page) -> None:
    reviewed.click("#reject")
    expect(reviewed.locator("#progress")).to_have_text("1 of 2")
    (verdict,) = verdicts(app)
    assert (verdict.verdict, dict(verdict.scores), verdict.circles) == ("rejected", {}, ())
