"""params.yaml, as far as the flows read it: where the labelling app is, what runs when, how many stages at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml


def settings(root: Path) -> dict[str, Any]:
    """params.yaml as it is; {} where it cannot be read (the stages say what is wrong with it)."""
    try:
        found = yaml.safe_load((root / "params.yaml").read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return found if isinstance(found, dict) else {}
