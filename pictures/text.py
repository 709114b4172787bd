"""Text and JSON that a user, or a stage, left on disk: read whole or refused in one line, whatever the file turns out to be."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, NoReturn

from pictures.errors import FileFault
from pictures.opening import read_regular

MAX_TEXT = 32 << 20
"""Bytes of a text file, where the reader names no other bound: the largest that a pipeline writes have a tenth of it."""
MAX_DEPTH = 64
"""Lists and mappings within each other; what Loupe writes has five."""
_WHOLE = 2**63


def read_text(path: Path | str, most: int = MAX_TEXT, encoding: str = "utf-8") -> str:
    """A regular file's text; `encoding` may be utf-8-sig, for files of other tools.

    Raises `FileFault`: as `read_regular`, or no text of this encoding. `AbsentFile` where there is none.
    """
    data = read_regular(path, most)
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise FileFault(path, f"is not text in UTF-8 (byte {error.start})") from error


def read_json(path: Path | str, most: int = MAX_TEXT, encoding: str = "utf-8") -> Any:
    """The value in a JSON file; see `parse_json`. Raises `FileFault`, `AbsentFile` where there is none."""
    text = read_text(path, most, encoding)
    try:
        return parse_json(text)
    except ValueError as error:
        raise FileFault(path, f"is not JSON ({error})") from error


def parse_json(text: str) -> Any:
    """The value of a JSON text, as strict as the standard: no NaN, no Infinity.

    Raises ValueError, in one line: no JSON, nested deeper than MAX_DEPTH, a number that is no 64-bit one.
    """
    try:
        value = json.loads(text, parse_int=_whole, parse_float=_fraction, parse_constant=_constant)
    except RecursionError:
        raise ValueError(f"nested deeper than {MAX_DEPTH}") from None
    _check_depth(value)
    return value


def _whole(digits: str) -> int:
    if len(digits) > 20 or not -_WHOLE <= (value := int(digits)) < _WHOLE:
        raise ValueError(f"the number {shortened(digits)} is too large")
    return value


def _fraction(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"the number {shortened(digits)} is too large")
    return value


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _check_depth(value: Any) -> None:
    """Level by level and not by recursion, which a deep value would exhaust."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        outer = [each.values() if isinstance(each, dict) else each for each in level if isinstance(each, dict | list)]
        if not outer:
            return
        level = [inner for each in outer for inner in each]
    raise ValueError(f"nested deeper than {MAX_DEPTH}")


def shortened(value: object, most: int = 60) -> str:
    """A value's text for a message, cut to `most` characters."""
    text = str(value)
    return text if len(text) <= most else f"{text[:most]}..."
