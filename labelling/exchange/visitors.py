"""Everybody who came by the open link of a study as one table: when, how far, the code, and what they answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from labelling.exchange.study_pages import StudyPages
from labelling.store import Visitor

FIXED = ("visitor", "code", "began_at", "consented_at", "finished_at", "excluded", "votes")
COLOUR = ("colour_passed", "colour_right", "colour_plates")
DISPLAY = (
    "ratio",
    "screen_width",
    "screen_height",
    "width",
    "height",
    "depth",
    "gamut",
    "dark_seen",
    "bright_seen",
    "gamma",
)


def visitor_table(visitors: Sequence[Visitor], pages: StudyPages) -> tuple[list[str], list[list[Any]]]:
    """The columns and a row for each visitor, in the order in which they came; None for what was not answered.

    Questions are in columns `answer_NAME`, also those that were asked before the pages changed. `colour_plates` has kind,
    digit shown and digit said of each plate; `display_...` is as in page_answers.display_answers.
    """
    answered = [{**_content(each, "before"), **_content(each, "after")} for each in visitors]
    names = list(
        dict.fromkeys([question.name for question in pages.questions] + sorted({n for a in answered for n in a}))
    )
    columns = [*FIXED, *(f"answer_{name}" for name in names)]
    columns += [*COLOUR, "display_passed", *(f"display_{name}" for name in DISPLAY)]
    return columns, [_row(each, answers, names) for each, answers in zip(visitors, answered, strict=True)]


def _row(each: Visitor, answers: dict[str, Any], names: Sequence[str]) -> list[Any]:
    consent = each.pages.get("consent")
    colour, display = _content(each, "colour"), _content(each, "display")
    plates = "; ".join(f"{p['kind']} {p['shown']} {p['said'] or '-'}" for p in colour.get("plates", []))
    return [
        each.name, each.code, each.began_at, consent and consent.at, each.finished_at, each.excluded, each.votes,
        *(answers.get(name) for name in names),
        colour.get("passed"), colour.get("right"), plates or None,
        display.get("passed"), *(display.get(name) for name in DISPLAY),
    ]  # fmt: skip


def _content(each: Visitor, page: str) -> dict[str, Any]:
    return each.pages[page].content if page in each.pages else {}
