"""Presets: params.yaml written whole, so that DVC sees every number that changes with the scale."""

from __future__ import annotations

import shutil
from pathlib import Path

from pictures import MAX_TEXT, atomic_path, read_regular
from tasks.config import PARAMS_FILE, ConfigError, read_yaml, validate

PRESETS = Path(__file__).resolve().parent.parent / "presets"


def apply(name: str, target: Path = PARAMS_FILE) -> str:
    """Write the preset to `target` (checked first), keep the file before beside it, and return what was done."""
    source = PRESETS / f"{name}.yaml"
    if not source.is_file():
        known = ", ".join(sorted(path.stem for path in PRESETS.glob("*.yaml")))
        raise ConfigError(f"no preset is called {name!r}; known are {known}")
    validate(read_yaml(source), source)
    kept = ""
    if target.is_file() and read_regular(target, MAX_TEXT) != source.read_bytes():
        before = target.with_name(target.name + ".before")
        shutil.copyfile(target, before)
        kept = f"; the file before is {before}"
    with atomic_path(target) as temporary:
        shutil.copyfile(source, temporary)
    return f"{target} is now the preset {name!r}{kept}"
