"""`dvc.lock` of two machines that ran different stages, merged stage by stage: for git, which sees lines alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pictures import FileFault, atomic_path, read_text

_MOST = 1 << 28
STAGES = "stages"


class LockError(ValueError):
    """A file is no dvc.lock."""


def merge(base: Path, ours: Path, theirs: Path) -> list[str]:
    """Write into `ours` what both sides recorded since `base`; returns the stages that both ran, whose record stays that of ours.

    As git calls a merge driver (%O %A %B). base: an empty file where the sides have nothing in common. Raises `LockError`.
    """
    from dvc.utils.serialize import dump_yaml

    whole, other = lock_of(ours), lock_of(theirs)[STAGES]
    before, own, both = lock_of(base)[STAGES], whole[STAGES], []
    for name in {**own, **other}:
        mine, yours, was = (side.get(name) for side in (own, other, before))
        if yours in (mine, was):
            continue
        if mine != was:
            both.append(name)
        elif yours is None:
            del own[name]
        else:
            own[name] = yours
    with atomic_path(ours) as temporary:
        dump_yaml(temporary, whole)
    return both


def lock_of(path: Path) -> dict[str, Any]:
    """What is in a dvc.lock, under `STAGES` of each stage; no stages for an empty file. Raises `LockError`."""
    from dvc.utils.serialize import YAMLFileCorruptedError, parse_yaml

    try:
        found = parse_yaml(read_text(path, _MOST), str(path))
    except (FileFault, YAMLFileCorruptedError) as error:
        raise LockError(f"{path} cannot be read: {error}") from error
    if not isinstance(found, dict) or not isinstance(found.setdefault(STAGES, {}), dict):
        raise LockError(f"{path} is no dvc.lock")
    return {"schema": "2.0", **found}
