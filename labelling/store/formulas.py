"""Texts that a spreadsheet would run: which they are, and how they are written into a CSV so that it does not.

The rule: where a text, or what follows a semicolon, tab or line break in it (a spreadsheet may split there), begins with
= + - @ (a wide or small form, too) or with a tab or line break, an apostrophe is put before. Spaces and apostrophes in front
do not hide a beginning, so `restore` gives back exactly what `neutralise` was given. Plain numbers are left as they are.
"""

from __future__ import annotations

import re

SIGNS = "=+-@＝＋－＠﹦﹢﹣﹫⁼⁺⁻₌₊₋−"
_CLASS = re.escape(SIGNS)
_BLANK = "[^\\S\\t\\r\\n]"
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_FORMULA = re.compile(f"{_BLANK}*[{_CLASS}\\t\\r\\n]")
_INNER = f"([;\\t\\r\\n][\"\\s]*)(?='*{_BLANK}*[{_CLASS}])"
_NEUTRALISE = re.compile(_INNER)
_RESTORE = re.compile(f"([;\\t\\r\\n][\"\\s]*)'(?='*{_BLANK}*[{_CLASS}])")


def is_formula(text: str) -> bool:
    """True where a spreadsheet may run `text`: it begins, after spaces, with = + - @, a form of these, a tab or line break."""
    return _FORMULA.match(text) is not None and _NUMBER.fullmatch(text.strip(" ")) is None


def neutralise(text: str) -> str:
    """`text` as it is written into a CSV cell: an apostrophe before each beginning of a formula."""
    inner = _NEUTRALISE.sub(r"\1'", text)
    return f"'{inner}" if is_formula(text.lstrip("'")) else inner


def restore(cell: str) -> str:
    """The text that `neutralise` made this cell of; any other cell as it is."""
    text = cell[1:] if cell.startswith("'") and is_formula(cell.lstrip("'")) else cell
    return _RESTORE.sub(r"\1", text)
