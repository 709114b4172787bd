"""`loupe weights convert`: a checkpoint of the user's as safetensors, perhaps a published one under this project's names."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

from cli.errors import UserError
from models.enhancers import published
from models.weights.checkpoint import CheckpointError, convert
from pictures import FileFault, read_regular

MAX_JSON = 1 << 20


def convert_checkpoint(
    source: Path, target: Path | None, key: str | None, of: str | None, renames: Path | None, options: Path | None
) -> str:
    """What was written. of: the enhancer whose published checkpoint it is; renames, options: JSON files for that.

    Raises `CheckpointError`, `UnknownEnhancer`, `UserError`.
    """
    if of is None:
        if renames or options:
            raise UserError("--names and --options go with --of NAME, the enhancer that the checkpoint is of")
        return convert(source, target, key)
    fitted = partial(published(of), renames=_json(renames), options=_json(options))
    try:
        return convert(source, target, key, fitted)
    except CheckpointError:
        raise
    except ValueError as error:
        raise UserError(f"{source}: {error}") from error


def _json(path: Path | None) -> dict[str, Any]:
    """The object in a JSON file; {} without one. Raises `UserError`."""
    if path is None:
        return {}
    try:
        found = json.loads(read_regular(path, MAX_JSON))
    except (FileFault, ValueError) as error:
        raise UserError(f"{path}: no readable JSON ({error})") from error
    if not isinstance(found, dict):
        raise UserError(f"{path}: should be an object, {{...}}, not {type(found).__name__}")
    return found
