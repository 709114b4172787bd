"""What must be the same in every process that takes part in a map, for the pictures to be the same whoever made them.

Workers of a cluster get this module by value, before anything of Loupe is known to be there: it imports the standard library
alone.
"""

from __future__ import annotations

import hashlib
import importlib.util
import platform
import tomllib
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

CODE = ("labelling", "models", "pictures", "tasks")
LIBRARIES = ("numpy", "opencv-python-headless", "pillow", "scikit-image", "scipy", "torch", "torchvision")
LOUPE, FOLDER = "Loupe", "folder"
_NONE = "none"


def fingerprint(marks: Sequence[str] = (), dask_worker: Any = None) -> dict[str, str]:
    """Python, Loupe's version and code, libraries, and the working folder of this process: name -> what it has.

    marks: files, relative to the working folder; of a folder that lacks one it is said.
    dask_worker: Dask gives it; its code counts as of the first time that it was asked, for that is what it has loaded.
    """
    code = code_of_loupe()
    if dask_worker is not None:
        code = vars(dask_worker).setdefault("loupe_code", code)
    folder = Path.cwd()
    lacking = [str(Path(mark).parent) for mark in marks if not (folder / mark).is_file()]
    return {
        "Python": ".".join(platform.python_version_tuple()[:2]),
        LOUPE: code,
        **{name: _version(name) for name in LIBRARIES},
        FOLDER: str(folder) + (f" without this project's {' and '.join(lacking)}" if lacking else ""),
    }


def differences(wanted: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """What of `found` is not as wanted, a clause each."""
    return [
        f"{name} {found.get(name, _NONE)} instead of {value}"
        for name, value in wanted.items()
        if found.get(name) != value
    ]


def code_of_loupe() -> str:
    """Loupe's version, and eight digits of the sha256 over its files that a map can run; `none` without Loupe."""
    found = importlib.util.find_spec("tasks")
    if found is None or not found.submodule_search_locations:
        return _NONE
    root = Path(next(iter(found.submodule_search_locations))).parent
    project = root / "pyproject.toml"
    version = tomllib.loads(project.read_text())["project"]["version"] if project.is_file() else _version("loupe")
    total = hashlib.sha256()
    for path in sorted(path for part in CODE for path in (root / part).rglob("*") if path.is_file()):
        if "__pycache__" not in path.parts:
            total.update(f"{path.relative_to(root).as_posix()}\0".encode())
            total.update(hashlib.sha256(path.read_bytes()).digest())
    return f"{version} (code {total.hexdigest()[:8]})"


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return _NONE
