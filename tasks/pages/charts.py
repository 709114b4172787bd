"""The report's charts: inline SVG as text, drawn without a library, coloured by the page's style sheet.

Every function returns a whole `<svg>` with a spoken description; labels are escaped; coordinates are rounded, so that the
same numbers give the same text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

Text = Callable[[float], str]


@dataclass(frozen=True)
class Axis:
    """A linear map from values [low, high] to coordinates [start, end]."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def ticks(low: float, high: float, count: int = 4) -> list[float]:
    """About `count` round values (steps of 1, 2 or 5 times a power of ten) within [low, high]."""
    step = 10 ** math.floor(math.log10((high - low) / count))
    step = next(step * factor for factor in (1, 2, 5, 10, 20) if (high - low) / (step * factor) <= count)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]


def tick_text(values: Sequence[float]) -> list[str]:
    """The ticks with as many decimals as their distance needs."""
    step = values[1] - values[0] if len(values) > 1 else 1.0
    decimals = min(max(0, -math.floor(math.log10(abs(step)) + 1e-9)), 8)
    return [f"{value:.{decimals}f}" for value in values]


def padded(values: Sequence[float], share: float = 0.12) -> tuple[float, float]:
    """The range of the values, a little widened; never empty."""
    low, high = min(values), max(values)
    margin = (high - low) * share or max(abs(high) * 0.05, 1e-3)
    return low - margin, high + margin


def widened(low: float, high: float, least: float) -> tuple[float, float]:
    """The range, or one of the span `least` around its middle where it is narrower."""
    missing = max(0.0, least - (high - low)) / 2
    return low - missing, high + missing


def curve(
    names: Sequence[str],
    values: Sequence[float],
    text: Text,
    about: str,
    input_value: float | None = None,
    least: float = 0.0,
) -> Markup:
    """A metric by round: dots joined by a line, both ends named, the input's value as a dashed line.

    least: the smallest span of values that fills the height, so that a change that means nothing looks like nothing.
    An input far from all rounds would flatten the curve: it is then written at the edge with an arrow, not drawn to scale.
    """
    width, height = 320.0, 190.0
    low, high = widened(*padded(values), least)
    shown = list(values)
    fits = input_value is not None and low - 1.5 * (high - low) <= input_value <= high + 1.5 * (high - low)
    if input_value is not None and fits:
        shown.append(input_value)
    # Room for the line of an input that is off the scale, below or above the curve.
    below = input_value is not None and not fits and input_value < low
    above = input_value is not None and not fits and not below
    top, bottom = (40.0 if above else 18.0), height - (50.0 if below else 30.0)
    x = _places(len(names), 46, width - 20)
    y = Axis(*widened(*padded(shown, 0.16), least), bottom, top)
    parts = [_grid(y, 46, width - 6), _names(names, x, height - 12)]
    if input_value is not None:
        inside = y(input_value) if fits else (height - 28 if below else 12)
        off = "" if fits else (" ↓" if below else " ↑")
        parts.append(
            Markup('<line class="reference" x1="46" x2="{}" y1="{y}" y2="{y}"/>').format(_n(width - 6), y=_n(inside))
        )
        beside = inside - 5 if inside > 24 else inside + 13
        label = f"input {text(input_value)}{off}"
        parts.append(Markup('<text class="note" x="50" y="{}">{}</text>').format(_n(beside), label))
    points = " ".join(f"{_n(a)},{_n(y(b))}" for a, b in zip(x, values, strict=True))
    parts.append(Markup('<polyline class="line" points="{}"/>').format(points))
    for index, (place, value) in enumerate(zip(x, values, strict=True)):
        parts.append(Markup('<circle class="dot" cx="{}" cy="{}" r="4"/>').format(_n(place), _n(y(value))))
        if index in (0, len(values) - 1):
            parts.append(
                Markup('<text class="value" x="{}" y="{}" text-anchor="middle">{}</text>').format(
                    _n(place), _n(y(value) - 9), text(value)
                )
            )
    return _svg(width, height, about, parts)


def shares(rows: Sequence[tuple[str, float, float | None, float | None]], about: str, joined: bool = False) -> Markup:
    """Shares in [0, 1] as (name, share, low, high): dots with whiskers on a 0 to 100 % scale with the 50 % line."""
    width, height = 360.0, 230.0
    x = _places(len(rows), 46, width - 8)
    y = Axis(0.0, 1.0, height - 30, 24)
    parts = [_grid(y, 46, width - 6, [0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])]
    parts.append(Markup('<line class="half" x1="46" x2="{}" y1="{y}" y2="{y}"/>').format(_n(width - 6), y=_n(y(0.5))))
    parts.append(_names([row[0] for row in rows], x, height - 12))
    if joined:
        points = " ".join(f"{_n(a)},{_n(y(row[1]))}" for a, row in zip(x, rows, strict=True))
        parts.append(Markup('<polyline class="line" points="{}"/>').format(points))
    for place, (_, share, low, high) in zip(x, rows, strict=True):
        if low is not None and high is not None:
            parts.append(_whisker_up(place, y(low), y(high)))
        parts.append(Markup('<circle class="dot" cx="{}" cy="{}" r="5"/>').format(_n(place), _n(y(share))))
        top = y(high if high is not None else share)
        label = f"{math.floor(share * 100 + 0.5)} %"
        parts.append(
            Markup('<text class="value" x="{}" y="{}" text-anchor="middle">{}</text>').format(
                _n(place), _n(top - 8), label
            )
        )
    return _svg(width, height, about, parts)


def reliability(rows: Sequence[tuple[float, float, float, float]], about: str) -> Markup:
    """What is said against what is found, both from 50 to 100 %: (said, found, low, high) each, and the line where they agree."""
    width, height = 360.0, 230.0
    low = min([0.5, *(row[2] for row in rows)])
    x, y = Axis(0.5, 1.0, 60, width - 28), Axis(math.floor(low * 10) / 10, 1.0, height - 38, 14)
    marks = [0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    tall = [mark / 10 for mark in range(round(y.low * 10), 11) if mark % 2 == 0 or y.low >= 0.5]
    parts = [_grid(y, 46, width - 6, tall, [f"{mark * 100:.0f} %" for mark in tall])]
    parts.append(_names([f"{mark * 100:.0f} %" for mark in marks], [x(mark) for mark in marks], height - 20))
    parts.append(
        Markup('<line class="half" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(
            _n(x(0.5)), _n(y(0.5)), _n(x(1.0)), _n(y(1.0))
        )
    )
    for said, found, lowest, highest in rows:
        parts.append(_whisker_up(x(said), y(lowest), y(highest)))
        parts.append(Markup('<circle class="dot" cx="{}" cy="{}" r="5"/>').format(_n(x(said)), _n(y(found))))
    parts.append(
        Markup('<text class="tick" x="{}" y="{}" text-anchor="middle">what it says</text>').format(
            _n((46 + width) / 2), _n(height - 4)
        )
    )
    return _svg(width, height, about, parts)


def scores(rows: Sequence[tuple[str, float, float]], about: str) -> Markup:
    """Scores as (name, score, half width of the interval), one line each, best first."""
    width, left = 360.0, 132.0
    height = 34.0 + 28 * len(rows)
    x = Axis(
        *padded([edge for _, score, half in rows for edge in (score - half, score + half)], 0.05), left, width - 12
    )
    found = ticks(x.low, x.high, 5)
    parts = []
    for value, label in zip(found, tick_text(found), strict=True):
        parts.append(
            Markup('<line class="grid" x1="{x}" x2="{x}" y1="8" y2="{}"/>').format(_n(height - 24), x=_n(x(value)))
        )
        parts.append(
            Markup('<text class="tick" x="{}" y="{}" text-anchor="middle">{}</text>').format(
                _n(x(value)), _n(height - 8), label.replace("-", "−")
            )
        )
    for index, (name, score, half) in enumerate(rows):
        y = 24.0 + 28 * index
        parts.append(
            Markup('<text class="name" x="{}" y="{}" text-anchor="end">{}</text>').format(
                _n(left - 10), _n(y + 4), name
            )
        )
        ends = x(score - half), x(score + half)
        parts.append(
            Markup('<line class="whisker" x1="{}" x2="{}" y1="{y}" y2="{y}"/>').format(*map(_n, ends), y=_n(y))
        )
        for end in ends:
            parts.append(
                Markup('<line class="whisker" x1="{x}" x2="{x}" y1="{}" y2="{}"/>').format(
                    _n(y - 4), _n(y + 4), x=_n(end)
                )
            )
        parts.append(Markup('<circle class="dot" cx="{}" cy="{}" r="5"/>').format(_n(x(score)), _n(y)))
    return _svg(width, height, about, parts)


def training(segments: Sequence[tuple[str, Sequence[tuple[float, float]]]], about: str) -> Markup:
    """A training curve, the rounds one after another from left to right: (name, [(step, value)]) each, steps from 1 on.

    A training without a name is named by its number of steps.
    """
    width, height = 320.0, 150.0
    values = [value for _, points in segments for _, value in points]
    y = Axis(*padded(values, 0.08), height - 28, 10)
    parts = [_grid(y, 52, width - 6)]
    steps = [max(step for step, _ in points) for _, points in segments]
    start, room = 52.0, width - 58.0
    for index, (name, points) in enumerate(segments):
        share = steps[index] / sum(steps) * room
        x = Axis(0.0, steps[index], start, start + share)
        if index:
            parts.append(
                Markup('<line class="divider" x1="{x}" x2="{x}" y1="10" y2="{}"/>').format(_n(height - 28), x=_n(start))
            )
        drawn = " ".join(f"{_n(x(step))},{_n(y(value))}" for step, value in points)
        parts.append(
            Markup('<polyline class="line thin" points="{}"/>').format(drawn)
            if len(points) > 1
            else Markup('<circle class="dot" cx="{}" cy="{}" r="2.5"/>').format(*drawn.split(","))
        )
        parts.append(
            Markup('<text class="name" x="{}" y="{}" text-anchor="middle">{}</text>').format(
                _n(start + share / 2), _n(height - 10), name or f"{steps[index]:g} steps"
            )
        )
        start += share
    return _svg(width, height, about, parts)


def _n(value: float) -> str:
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def _places(number: int, start: float, end: float) -> list[float]:
    """Centres of `number` equal columns."""
    share = (end - start) / number
    return [start + share * (index + 0.5) for index in range(number)]


def _grid(
    y: Axis, left: float, right: float, values: Sequence[float] | None = None, labels: Sequence[str] | None = None
) -> Markup:
    found = list(values) if values is not None else ticks(y.low, y.high)
    parts = []
    for value, label in zip(found, labels or tick_text(found), strict=True):
        at = y(value)
        parts.append(
            Markup('<line class="grid" x1="{}" x2="{}" y1="{y}" y2="{y}"/>').format(_n(left), _n(right), y=_n(at))
        )
        parts.append(
            Markup('<text class="tick" x="{}" y="{}" text-anchor="end">{}</text>').format(
                _n(left - 6), _n(at + 4), label.replace("-", "−")
            )
        )
    return Markup("").join(parts)


def _names(names: Sequence[str], places: Sequence[float], y: float) -> Markup:
    template = Markup('<text class="name" x="{}" y="{}" text-anchor="middle">{}</text>')
    return Markup("").join(template.format(_n(x), _n(y), name) for name, x in zip(names, places, strict=True))


def _whisker_up(x: float, low: float, high: float) -> Markup:
    line = Markup('<line class="whisker" x1="{}" x2="{}" y1="{}" y2="{}"/>')
    return Markup("").join(
        [
            line.format(_n(x), _n(x), _n(low), _n(high)),
            line.format(_n(x - 5), _n(x + 5), _n(low), _n(low)),
            line.format(_n(x - 5), _n(x + 5), _n(high), _n(high)),
        ]
    )


def _svg(width: float, height: float, about: str, parts: Sequence[Markup]) -> Markup:
    body = Markup("").join(parts)
    return Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        _n(width), _n(height), escape(about), body
    )
