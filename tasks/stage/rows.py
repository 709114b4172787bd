"""The rows of `enhanced`, made in one place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pictures import sha256_file


def enhanced_row(image: str, split: str, model: str, path: str, folder: Path) -> dict[str, Any]:
    """Of `enhanced`: a picture that lies at folder/path, where the table lies in `folder`."""
    return {"image": image, "split": split, "model": model, "path": path, "sha256": sha256_file(folder / path)}
