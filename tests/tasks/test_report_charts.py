from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from tasks.pages import charts


def circles(svg: str) -> list[tuple[float, float]]:
    return [(float(c.attrib["cx"]), float(c.attrib["cy"])) for c in ET.fromstring(svg).iter("circle")]


def texts(svg: str) -> list[str]:
    return [str(text.text) for text in ET.fromstring(svg).iter("text")]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.5, 1.0]),
        (5.98, 6.07, [6.0, 6.05]),
        (-3, 3, [-2, 0, 2]),
        (0.0001, 0.00021, [0.0001, 0.00015, 0.0002]),
    ],
)
def test_ticks_are_round_and_inside(low: float, high: float, expected: list[float]) -> None:
    assert charts.ticks(low, high) == pytest.approx(expected)


def test_tick_text_shows_the_decimals_of_the_step() -> None:
    assert charts.tick_text([0.0, 0.05, 0.1]) == ["0.00", "0.05", "0.10"]
    assert charts.tick_text([10.0, 20.0]) == ["10", "20"]


def test_a_curve_rises_on_the_page_with_its_values() -> None:
    svg = charts.curve(["f0", "f1", "f2"], [1.0, 3.0, 2.0], str, "about")
    (x0, y0), (x1, y1), (x2, y2) = circles(svg)
    assert x0 < x1 < x2 and y1 < y2 < y0
    assert y2 == pytest.approx((y0 + y1) / 2, abs=0.1)


def test_a_far_input_is_written_at_the_edge_and_does_not_flatten_the_curve() -> None:
    near = charts.curve(["f0", "f1"], [1.0, 2.0], str, "about", 0.5)
    far = charts.curve(["f0", "f1"], [1.0, 2.0], str, "about", -50.0)
    assert "input 0.5" in texts(near) and "input -50.0 ↓" in texts(far)
    (_, y0), (_, y1) = circles(far)
    assert y0 - y1 > 50
    line = next(line for line in ET.fromstring(far).iter("line") if line.attrib.get("class") == "reference")
    assert float(line.attrib["y1"]) > y0


def test_a_change_too_small_to_mean_anything_looks_flat() -> None:
    (_, y0), (_, y1) = circles(charts.curve(["f0", "f1"], [6.00, 6.001], str, "about", None, 0.1))
    assert abs(y0 - y1) < 3


def test_equal_values_still_draw() -> None:
    assert len(circles(charts.curve(["f0", "f1"], [0.0, 0.0], str, "about"))) == 2
    charts.scores([("f0", 0.0, 0.0)], "about")
    charts.training([("", [(1.0, 0.0)])], "about")


def test_whiskers_span_the_interval() -> None:
    svg = charts.shares([("f1", 0.75, 0.5, 1.0)], "about")
    ((_, y),) = circles(svg)
    whisker = next(line for line in ET.fromstring(svg).iter("line") if line.attrib.get("class") == "whisker")
    half = next(line for line in ET.fromstring(svg).iter("line") if line.attrib.get("class") == "half")
    assert float(whisker.attrib["y1"]) == float(half.attrib["y1"]) > y
    assert y == pytest.approx((float(whisker.attrib["y1"]) + float(whisker.attrib["y2"])) / 2, abs=0.1)


def test_scores_grow_to_the_right() -> None:
    (best, _), (worst, _) = circles(charts.scores([("f2", 1.0, 0.2), ("f0", -1.0, 0.2)], "about"))
    assert best > worst


def test_rounds_of_a_training_lie_side_by_side() -> None:
    svg = charts.training([("r00", [(10, 1.0), (20, 0.5)]), ("r01", [(10, 0.4), (20, 0.2)])], "about")
    first, second = (line.attrib["points"].split() for line in ET.fromstring(svg).iter("polyline"))
    assert float(first[-1].split(",")[0]) < float(second[0].split(",")[0])
    assert {"r00", "r01"} <= set(texts(svg))


def test_labels_are_escaped() -> None:
    svg = charts.scores([("<b>&", 0.0, 1.0)], '"<about>')
    assert "<b>" not in svg and "<about>" not in svg
    assert "<b>&" in texts(svg)
    assert ET.fromstring(svg).attrib["aria-label"] == '"<about>'
