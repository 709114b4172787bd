from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from flow_helpers import CODE

from flows.lock import STAGES, LockError, lock_of, merge

NIGHT, DAY, DUSK = ({"cmd": f"make {name}", "outs": [{"path": name, "md5": name}]} for name in ("night", "day", "dusk"))


def lock(path: Path, **stages: Any) -> Path:
    from dvc.utils.serialize import dump_yaml

    dump_yaml(path, {"schema": "2.0", STAGES: stages})
    return path


def merged(folder: Path, base: dict[str, Any], ours: dict[str, Any], theirs: dict[str, Any]) -> tuple[Any, list[str]]:
    files = [lock(folder / name, **side) for name, side in (("base", base), ("ours", ours), ("theirs", theirs))]
    both = merge(*files)
    return lock_of(files[1]), both


def test_what_either_side_ran_is_kept(tmp_path: Path) -> None:
    base = {"same": NIGHT, "mine": NIGHT, "yours": NIGHT, "dropped": NIGHT, "gone": NIGHT}
    ours = {"same": NIGHT, "mine": DAY, "yours": NIGHT, "dropped": NIGHT, "new": DAY}
    theirs = {"same": NIGHT, "mine": NIGHT, "yours": DUSK, "gone": NIGHT, "other": DUSK}
    found, both = merged(tmp_path, base, ours, theirs)
    assert found == {
        "schema": "2.0",
        STAGES: {"same": NIGHT, "mine": DAY, "yours": DUSK, "new": DAY, "other": DUSK},
    }
    assert both == []


def test_what_both_ran_stays_as_it_is_here_and_is_told(tmp_path: Path) -> None:
    found, both = merged(tmp_path, {"a": NIGHT, "b": NIGHT}, {"a": DAY, "b": DAY}, {"a": DUSK, "b": DAY, "c": DUSK})
    assert found[STAGES] == {"a": DAY, "b": DAY, "c": DUSK}
    assert both == ["a"]
    (tmp_path / "base").write_text("")
    assert merge(tmp_path / "base", lock(tmp_path / "ours", a=DAY), lock(tmp_path / "theirs", b=DUSK)) == []
    assert lock_of(tmp_path / "ours")[STAGES] == {"a": DAY, "b": DUSK}


@pytest.mark.parametrize("text", ["- 1", "stages: 3", "<<<<<<< ours", "\x00", "a: [", None])
def test_no_lock(tmp_path: Path, text: str | None) -> None:
    files = [lock(tmp_path / name, a=NIGHT) for name in ("base", "ours", "theirs")]
    before = files[1].read_bytes()
    files[2].unlink() if text is None else files[2].write_text(text)
    with pytest.raises(LockError, match="theirs"):
        merge(*files)
    assert files[1].read_bytes() == before


def git(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(CODE), "GIT_CONFIG_GLOBAL": os.devnull}
    who = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    return subprocess.run(
        ["git", *who, *words], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_git_merges_by_it(tmp_path: Path) -> None:
    """Two clones, each of which is the first to have a dvc.lock, as on the first day of a team."""
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / ".gitattributes").write_text((CODE / ".gitattributes").read_text())
    git(tmp_path, "add", "-A"), git(tmp_path, "commit", "-qm", "start"), git(tmp_path, "branch", "other")
    driver = f"{sys.executable} -m cli.main merge-lock %O %A %B"
    git(tmp_path, "config", "merge.dvc-lock.driver", driver)
    lock(tmp_path / "dvc.lock", a=NIGHT, b=NIGHT)
    git(tmp_path, "add", "-A"), git(tmp_path, "commit", "-qm", "mine"), git(tmp_path, "checkout", "-q", "other")
    lock(tmp_path / "dvc.lock", c=NIGHT)
    git(tmp_path, "add", "-A"), git(tmp_path, "commit", "-qm", "theirs")
    found = git(tmp_path, "merge", "--no-edit", "main")
    assert found.returncode == 0, found.stdout + found.stderr
    assert lock_of(tmp_path / "dvc.lock")[STAGES] == {"a": NIGHT, "b": NIGHT, "c": NIGHT}
    lock(tmp_path / "dvc.lock", a=DUSK)
    git(tmp_path, "commit", "-qam", "theirs"), git(tmp_path, "checkout", "-q", "main")
    lock(tmp_path / "dvc.lock", a=DAY, b=NIGHT)
    git(tmp_path, "commit", "-qam", "mine")
    found = git(tmp_path, "merge", "--no-edit", "other")
    assert found.returncode == 1 and "dvc.lock: both sides ran a; what is recorded here stays" in found.stderr
    assert lock_of(tmp_path / "dvc.lock")[STAGES]["a"] == DAY
