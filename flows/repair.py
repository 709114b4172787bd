"""Mending an output of the pipeline that is damaged: deleted alone, it would come back from DVC's cache as damaged as it was.

DVC takes an object of its cache for whole as long as it is read-only, and never looks at its bytes again.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pictures import FileFault, check_regular, read_json, tar_of

_LARGEST = 1 << 40
_DIR = ".dir"


class RepairError(RuntimeError):
    """A path cannot be mended; the message says why."""


@dataclass(frozen=True)
class _Entry:
    """A file of an output: where it lies, and its object in the cache by its md5."""

    path: Path
    md5: str
    cached: Path


def repair(path: Path, root: Path) -> str:
    """Remove what is damaged of a pipeline's output, in the project at `root` and in DVC's cache; what was done, in words.

    path: a file, a picture that is packed (its tar file is meant), or an output folder whole. What is whole stays. Nothing is
    removed that the stage, or the cache, cannot bring back. Raises `RepairError`: no output of the pipeline, or one that DVC
    has not recorded.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    if not path.exists() and (tar := tar_of(path)) is not None:
        path = tar
    place = Path(os.path.abspath(path))  # noqa: PTH100 (resolve would follow a link into DVC's cache)
    try:
        with Repo(str(root)) as repo, repo.lock:
            out = _output(repo, place)
            if not out.hash_info or out.hash_info.name != "md5" or not out.use_cache:
                raise RepairError(f"{path}: DVC keeps no copy of it (dvc.lock); delete it and run `dvc repro`")
            stage = out.stage.addressing
            return _mend(path, place, out, repo.cache.local, stage)
    except DvcException as error:
        raise RepairError(f"DVC cannot read the project in {root}: {error}") from error


def _output(repo: Any, place: Path) -> Any:
    for out in repo.index.outs:
        own = Path(out.fs_path)
        if place == own or own in place.parents:
            return out
    raise RepairError(f"{place} is no output of the pipeline (dvc.yaml); restore it from a copy of your own")


def _mend(path: Path, place: Path, out: Any, cache: Any, stage: str) -> str:
    oid, own = str(out.hash_info.value), Path(out.fs_path)
    listing = Path(cache.oid_to_path(oid))
    again = f"run `dvc repro {stage}` to make it anew"
    if oid.endswith(_DIR):
        entries = _entries(listing, oid, own, cache)
        if entries is None:  # without its listing no object of the folder can be told; the stage makes all of it
            _remove(own)
            _remove(listing)
            return f"removed {own} and its damaged list {listing} in DVC's cache; {again}"
        wanted = [entry for entry in entries if place in (own, entry.path) or place in entry.path.parents]
        if not wanted:
            raise RepairError(f"{path}: the stage {stage} did not make it (dvc.lock); delete it")
    else:
        wanted = [_Entry(own, oid, listing)]
    lost = [entry.cached for entry in wanted if not _whole(entry.cached, entry.md5)]
    broken = [entry.path for entry in wanted if not _whole(entry.path, entry.md5)]
    for damaged in lost:
        _remove(damaged)
    for damaged in broken:
        _remove(damaged)
    if lost:
        if oid.endswith(_DIR):  # DVC would restore the folder from its cache, and stop where this object is wanting
            _remove(listing)
        named = ", ".join(map(str, lost[:3])) + (f" and {len(lost) - 3} more" if len(lost) > 3 else "")
        if not broken:
            return f"removed the damaged copy of {path} in DVC's cache ({named}); `dvc commit -f {stage}` keeps a sound one"
        return f"removed {path} where it was damaged, and its damaged copy in DVC's cache ({named}); {again}"
    if broken:
        return f"removed {path} where it was damaged; its copy in DVC's cache is whole: `dvc checkout {own}` brings it back"
    return f"{path} and its copy in DVC's cache are as its stage wrote them; `dvc repro -f -s {stage}` makes it anew"


def _entries(listing: Path, oid: str, own: Path, cache: Any) -> list[_Entry] | None:
    """The files of an output folder, from its listing in the cache; None where that is damaged."""
    if not _whole(listing, oid.removesuffix(_DIR)):
        return None
    try:
        rows = read_json(listing, 1 << 30)
        return [_Entry(own / row["relpath"], row["md5"], Path(cache.oid_to_path(row["md5"]))) for row in rows]
    except (FileFault, KeyError, TypeError):
        return None


def _whole(path: Path, md5: str) -> bool:
    try:
        check_regular(path, _LARGEST)
        with path.open("rb") as file:
            return hashlib.file_digest(file, "md5").hexdigest() == md5
    except (FileFault, OSError):
        return False


def _remove(path: Path) -> None:
    """A file, link or folder, also a read-only one; nothing where there is none."""
    if path.is_dir() and not path.is_symlink():
        for inner in _folders(path):
            inner.chmod(inner.stat().st_mode | stat.S_IRWXU)
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _folders(path: Path) -> Iterator[Path]:
    yield path
    yield from (inner for inner in path.rglob("*") if inner.is_dir() and not inner.is_symlink())
