"""What the questions to the model share: how pictures are shown, how an answer is read."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from labelling.llm.asking import InvalidAnswer

SHOWN = "the picture to rate"


def object_of(properties: Mapping[str, Any]) -> dict[str, Any]:
    """JSON schema of an object that has exactly these."""
    return {
        "type": "object", "properties": dict(properties), "required": list(properties), "additionalProperties": False,
    }  # fmt: skip


def shown_pictures(named: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """Pictures (name, sha256) as the content of a message, each after its name."""
    parts: list[dict[str, Any]] = []
    for name, sha256 in named:
        parts += [{"type": "text", "text": f"{name}:"}, {"type": "picture", "sha256": sha256}]
    return parts


def loaded(text: str, keys: Sequence[str]) -> dict[str, Any]:
    """The JSON object that the text is, also within a fence of code. Raises InvalidAnswer."""
    bare = text.strip()
    if bare.startswith("```") and bare.endswith("```") and "\n" in bare:
        bare = bare[bare.index("\n") + 1 : -3].strip()
    try:
        found = json.loads(bare)
    except (ValueError, RecursionError):
        raise InvalidAnswer("it is not a JSON object") from None
    if not isinstance(found, dict) or set(found) != set(keys):
        raise InvalidAnswer(f"it must be a JSON object with exactly {', '.join(keys)}")
    return found


def number_in(name: str, value: Any, low: float, high: float) -> float:
    """A finite number in [low, high]. Raises InvalidAnswer."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InvalidAnswer(f"{name} must be a number")
    if not low <= value <= high:
        raise InvalidAnswer(f"{name} must be from {low:g} to {high:g}")
    return float(value)
