"""The rounds at a tiny scale with people as the label source, by the Prefect flow and by `dvc repro` in turns: one graph."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
import yaml

from labelling.store import Store, Vote
from tasks.low_light.kind import KIND as LOW_LIGHT
from tasks.stage import tables
from tasks.stage.places import Places, store_round

ROOT = Path(__file__).resolve().parent.parent
KIND = LOW_LIGHT.name
ROUND = store_round(KIND, "r01")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
SOURCES = (
    "cli",
    "flows",
    "labelling",
    "models",
    "pictures",
    "presets",
    "tasks",
    ".dvc",
    "dvc.yaml",
    ".dvcignore",
    ".gitignore",
    "data",
)


class Workspace:
    """A clone of the project with the tiny params, its own label store and its own Prefect home."""

    def __init__(self, root: Path, store: Path) -> None:
        self.root = root
        self.store = store
        self.environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "LOUPE_LABELS": str(store),
            "PREFECT_HOME": str(root / ".prefect"),
            "PYTHONPATH": str(root),
            "HOME": str(root.parent / "home"),
        }
        self.environment.pop("PREFECT_API_URL", None)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=self.root, env=self.environment, capture_output=True, text=True, timeout=800, check=False
        )

    def repro(self) -> subprocess.CompletedProcess[str]:
        return self.run("dvc", "repro", f"report@{KIND}")

    def flow(self) -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, "-m", "flows", "--verbose")

    def ran(self, done: subprocess.CompletedProcess[str]) -> list[str]:
        """Stages whose command ran."""
        return re.findall(r"Running stage '([^']+)'", done.stdout + done.stderr)

    def git(self, *arguments: str) -> str:
        done = self.run("git", "-c", "user.name=t", "-c", "user.email=t@localhost", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def vote(self, observer: str, count: int | None = None) -> None:
        pairs = tables.read("pairs", Places(KIND, self.root / "data").questions("r01") / "pairs.parquet")
        with Store.open(str(self.store)) as store:
            store.add_votes(
                [
                    Vote(
                        id=str(uuid.uuid4()),
                        key=row.key,
                        observer=observer,
                        kind="people",
                        preferred=row.second_sha256,
                        left=row.first_sha256,
                        round=ROUND,
                    )
                    for row in list(pairs.itertuples(index=False))[:count]
                ]
            )


def workspace(tmp_path: Path) -> Workspace:
    root = tmp_path / "project"
    root.mkdir()
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            skip = (
                shutil.ignore_patterns("__pycache__", "tmp", "cache", "config.local")
                if name != "data"
                else _all_but_keep
            )
            shutil.copytree(source, root / name, ignore=skip)
        else:
            shutil.copyfile(source, root / name)
    shutil.copyfile(ROOT / "tests" / "tiny.yaml", root / "params.yaml")
    (tmp_path / "home").mkdir()
    made = Workspace(root, tmp_path / "labels.sqlite")
    made.git("init", "-q", "-b", "main")
    made.run("dvc", "remote", "add", "-d", "shelf", str(tmp_path / "shelf"))
    made.git("add", "-A")
    made.git("commit", "-qm", "start")
    return made


def _all_but_keep(_folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name != ".gitkeep"]


def outputs(root: Path) -> dict[str, str]:
    """Path -> hash of every artifact in dvc.lock."""
    lock = yaml.safe_load((root / "dvc.lock").read_text())
    return {out["path"]: out["md5"] for stage in lock["stages"].values() for out in stage["outs"]}


# Whose outputs are random numbers' first: a photo's crops, and a training of each sort.
ONCE_MORE = ("pictures@{kind}", "start@{kind}", "judge@{round}", "align@{round}")


def test_stops_at_the_gate_goes_on_after_labelling_then_does_nothing(tmp_path: Path) -> None:
    here = workspace(tmp_path)
    at = Places(KIND, here.root / "data")

    stopped = here.flow()
    assert stopped.returncode == 75, stopped.stdout + stopped.stderr
    assert "0 of 6 votes" in stopped.stdout, stopped.stdout + stopped.stderr
    assert f"loupe label {ROUND}" in stopped.stdout
    assert not at.labels("r01").exists()
    assert {line[3:] for line in here.git("status", "--porcelain").splitlines()} <= {"dvc.lock"}

    here.vote("ann")
    here.vote("bob", 1)
    partial = here.repro()
    assert partial.returncode == 255, partial.stdout + partial.stderr
    assert "4 of 6 votes" in partial.stdout
    # It stops at the gate, and takes what does not depend on it in any order: an ablation may be left for later.
    again = set(here.ran(partial)) & set(here.ran(stopped))
    assert again <= {f"labels@{ROUND}"}, "nothing before the gate runs again"

    here.vote("bob")
    complete = here.flow()
    assert complete.returncode == 0, complete.stdout + complete.stderr
    labels = tables.read("labels", at.labels("r01") / "labels.parquet")
    assert sorted(labels.observer.unique()) == ["ann", "bob"]
    assert (labels.choice == "second").all()
    assert (at.report / "report.html").stat().st_size > 1000

    here.vote("carol")
    nothing = here.repro()
    assert nothing.returncode == 0, nothing.stdout + nothing.stderr
    assert here.ran(nothing) == [], "late votes, too, change nothing until label_rev is raised"

    made = outputs(here.root)
    forced = [name.format(kind=KIND, round=ROUND) for name in ONCE_MORE]
    assert here.run("dvc", "repro", "--force", "--single-item", *forced).returncode == 0
    assert outputs(here.root) == made, "what is made twice has the same hash"
    late_votes_and_clones(here, at, tmp_path)


def late_votes_and_clones(here: Workspace, at: Places, tmp_path: Path) -> None:
    here.git("add", "-A")
    here.git("commit", "-qm", "done")
    pushed = here.run("dvc", "push", "-q")
    assert pushed.returncode == 0, pushed.stderr
    clone = Workspace(tmp_path / "clone", tmp_path / "no-store.sqlite")
    here.run("git", "clone", "-q", str(here.root), str(clone.root))
    clone.environment["PYTHONPATH"] = str(clone.root)
    assert clone.run("dvc", "pull", "-q", "--allow-missing").returncode == 0
    fresh = clone.repro()
    assert fresh.returncode == 0, fresh.stdout + fresh.stderr
    assert clone.ran(fresh) == [], "a fresh clone with the pulled artifacts needs no store and runs nothing"

    params = here.root / "params.yaml"
    text = params.read_text()
    line = next(line for line in text.splitlines() if f"  {ROUND}: " in line)
    params.write_text(text.replace(line, line.replace("label_rev: 0", "label_rev: 1")))
    late = here.run("dvc", "repro", f"labels@{ROUND}")
    assert here.ran(late) == [f"labels@{ROUND}"]
    labels = tables.read("labels", at.labels("r01") / "labels.parquet")
    assert sorted(labels.observer.unique()) == ["ann", "bob", "carol"]
