"""What files of a pipeline need beside pictures: JSON written whole or not at all, and hashes."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pictures.atomic import atomic_path
from pictures.errors import AbsentFile
from pictures.opening import check_regular
from pictures.packed import read_packed
from pictures.receipts import digest

_LARGEST = 1 << 40
MAX_PICTURE = 1 << 30
"""Bytes of a picture of the workspace."""


def write_json(path: Path | str, value: Any) -> None:
    """Write `value` as JSON, atomically: sorted keys, indent 2, UTF-8, a newline at the end.

    NaN and infinities become null (JSON has neither), numpy scalars and arrays plain numbers and lists, paths POSIX
    strings.

    Raises:
        TypeError: the value holds something that JSON cannot express.
    """
    text = json.dumps(_plain(value), sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def sha256_file(path: Path | str) -> str:
    """SHA-256 of a file's bytes, or of a packed picture's, as 64 hex digits.

    Raises `FileFault` for what is no regular file, or larger than 1 TB.
    """
    try:
        check_regular(path, _LARGEST)
    except AbsentFile:
        packed = read_packed(Path(path))
        if packed is None:
            raise
        return sha256_bytes(packed)
    return digest(Path(path))


def sha256_bytes(data: bytes) -> str:
    """SHA-256 of `data`, as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def _plain(value: Any) -> Any:
    """`value` in JSON's own types; what is not known is left for json to refuse."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Path):
        return value.as_posix()
    if hasattr(value, "tolist"):  # numpy scalars and arrays, without importing numpy
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
