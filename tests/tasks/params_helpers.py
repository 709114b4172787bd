"""The demo's params with something changed, and what is said of them."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from tasks.config import ConfigError, read_yaml, validate

ROOT = Path(__file__).resolve().parents[2]
DEMO = read_yaml(ROOT / "presets" / "demo.yaml")


def changed(**changes: Any) -> dict[str, Any]:
    """The demo's values with `section__key=value` set."""
    values = copy.deepcopy(DEMO)
    for path, value in changes.items():
        *sections, key = path.split("__")
        place = values
        for section in sections:
            place = place[section]
        place[key] = value
    return values


def faults(values: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as refused:
        validate(values)
    return str(refused.value)


def a_round(kind: str, number: int, **changes: Any) -> dict[str, dict[str, Any]]:
    """The line of a round in params.yaml, under its key."""
    names = {"kind": kind, "round": f"r{number:02d}", "prev": f"r{number - 1:02d}"}
    entry = {**names, "candidates": "pictures", "label_rev": 0, **changes}
    return {f"{kind}-r{number:02d}": entry}
