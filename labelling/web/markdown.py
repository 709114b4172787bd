"""Text of a study's pages as HTML: paragraphs, headings, lists, emphasis and links, and nothing else of Markdown."""

from __future__ import annotations

from functools import cache

from markdown_it import MarkdownIt
from markupsafe import Markup

_PARTS = ("heading", "list", "emphasis", "link", "newline", "escape", "balance_pairs", "fragments_join")


def html(text: str) -> Markup:
    """`text` as safe HTML: tags in it are shown as they are written, and links lead to http, https or mailto alone."""
    return Markup(_reader().render(text))


@cache
def _reader() -> MarkdownIt:
    return MarkdownIt("zero", {"html": False}).enable(list(_PARTS))
