"""Kinds of picture files: which are read, and why another is not."""

from __future__ import annotations

from pathlib import Path

SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".tif", ".tiff", ".bmp", ".dib", ".webp"})


def why_not_read(path: Path) -> str | None:
    """Why a file of this suffix is not read as a photo, and the way out; None where it is read. The file is not opened."""
    if path.suffix.lower() in SUFFIXES:
        return None
    return "not a photo"
