"""Putting the report's page together: the template, its style sheet and its script, all inside one file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from tasks.pages import words as report_words

TEMPLATES = Path(__file__).parent / "templates"


def render(template: str, **values: Any) -> str:
    """The page as text. Everything in `values` is escaped, but for `Markup` (the charts)."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "percent": report_words.percent,
        "count": report_words.count,
        "listed": report_words.listed,
        "without_folders": report_words.without_folders,
        "metric_title": report_words.metric_title,
        "metric_meaning": report_words.metric_meaning,
        "metric_value": lambda value, name: report_words.metric_value(name, value),
        "model_title": report_words.model_title,
        "gap": lambda value: "–" if value is None else f"{value:.3g}",
    }
    own = {name: Markup((TEMPLATES / f"report.{name}").read_text(encoding="utf-8")) for name in ("css", "js")}
    return environment.get_template(template).render(**own, **values)
