"""The page of `loupe scale`: the ranking, its tables and what must be known of them; one file that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from tasks.pages.page import render

MOST_ROWS = 400
"""Of a table on the page; the CSV files have all."""


def page(svg: bytes, title: str, facts: Sequence[tuple[str, str]], warnings: Sequence[str], notes: Sequence[str],
         tables: Sequence[dict[str, Any]]) -> str:  # fmt: skip
    """svg: of `ranking.drawn`. facts: names and values. tables: title, text, columns, rows, file; long ones are cut."""
    drawing = svg.decode()
    inline = Markup(drawing[drawing.index("<svg") :])  # ours, with escaped names
    cut = [
        {**table, "more": max(0, len(table["rows"]) - MOST_ROWS), "rows": table["rows"][:MOST_ROWS]} for table in tables
    ]
    return render("scaled.html", drawing=inline, title=title, facts=facts, warnings=warnings, notes=notes, tables=cut)
