"""Which project this is, in places that several projects share: a Prefect server, its deployments, gates and artifacts."""

from __future__ import annotations

import re
import uuid
from pathlib import Path

from labelling.store import project_root
from pictures import FileFault, atomic_path, read_text

# In a copy these would lead to what the original runs, and tell once more what it has told.
_OF_THE_ORIGINAL = ("label-address", "report-address", "prefect-address", "notify.json")


def project_id(root: Path | None = None) -> str:
    """A name for the project, of lower-case letters, digits and dashes: its folder's name and eight digits of its own.

    It is kept in `.loupe/project`, and stays when the folder moves. A copy of the folder beside the original gets another,
    and forgets what the original runs.
    """
    root = (root or project_root()).resolve()
    path = root / ".loupe" / "project"
    found = _read(path)
    if found is not None:
        name, place = found
        if place == root or not (place / ".loupe" / "project").exists() or place.samefile(root):
            if place != root:
                _write(path, name, root)
            return name
        for noted in _OF_THE_ORIGINAL:
            path.with_name(noted).unlink(missing_ok=True)
    name = f"{slug(root.name)[:30].strip('-') or 'project'}-{uuid.uuid4().hex[:8]}"
    _write(path, name, root)
    return _read(path, name)[0]  # type: ignore[index]  # another process may have been quicker


def gate_prefix(round: str, root: Path | None = None) -> str:
    """How the pause keys of the runs begin that wait for the labels of `round`."""
    return f"gate-{project_id(root)}-{slug(round)}-"


def progress_key(round: str, root: Path | None = None) -> str:
    """The key of the Prefect artifact that shows how far the labelling of `round` is."""
    return f"labels-{project_id(root)}-{slug(round)}"


def deployment_name(own_server: bool, root: Path | None = None) -> str:
    """What the project's deployments are called: `loupe` on a server of its own, with its id on one that others use."""
    return "loupe" if own_server else f"loupe-{project_id(root)}"


def is_own_server(address: str, root: Path | None = None) -> bool:
    """Whether the Prefect server at `address` was started for this project alone (by `make ui`, which notes it)."""
    try:
        noted = read_text(_own_address(root)).strip()
    except FileFault:
        return False
    return bool(noted) and noted == address.rstrip("/")


def note_own_server(address: str | None, root: Path | None = None) -> None:
    """Note the address of the project's own Prefect server; None: it ends."""
    path = _own_address(root)
    if address is None:
        path.unlink(missing_ok=True)
        return
    with atomic_path(path) as temporary:
        temporary.write_text(address.rstrip("/") + "\n", encoding="utf-8")


def _own_address(root: Path | None) -> Path:
    return (root or project_root()) / ".loupe" / "prefect-address"


def slug(text: str) -> str:
    """`text` in the characters that Prefect takes for keys: lower-case letters, digits, dashes."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower())


def _read(path: Path, default: str | None = None) -> tuple[str, Path] | None:
    try:
        name, place = read_text(path).splitlines()[:2]
    except (FileFault, ValueError):
        return None if default is None else (default, path.parent.parent)
    return (name, Path(place)) if re.fullmatch(r"[a-z0-9-]+", name) else None


def _write(path: Path, name: str, root: Path) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(f"{name}\n{root}\n", encoding="utf-8")
