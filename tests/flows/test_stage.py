from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from flow_helpers import Project, dvc, lines, wait_until

from flows.stage import StageError, StageRunner, StageStoppedError

STAGES = """
stages:
  good: {cmd: "echo some output; cat in > good", deps: [in], outs: [good]}
  bad: {cmd: "echo the reason; exit 3", outs: [never]}
  gate: {cmd: "echo votes are missing; exit 75", outs: [labels]}
  slow: {cmd: "echo run >> ran; sleep 6; echo x > slow", outs: [slow]}
"""


@pytest.fixture
def root(project: Project) -> Path:
    folder = project(STAGES, "")
    (folder / "in").write_text("1")
    return folder


def run(root: Path, name: str) -> tuple[str, list[str]]:
    said: list[str] = []
    return StageRunner(root).run(name, said.append).status, said


def test_ran_cached_restored(root: Path) -> None:
    status, said = run(root, "good")
    assert status == "ran"
    assert "some output" in said
    assert run(root, "good")[0] == "cached"
    (root / "in").write_text("2")
    assert run(root, "good")[0] == "ran"
    (root / "in").write_text("1")
    assert run(root, "good")[0] == "restored"
    assert (root / "good").read_text() == "1"


def test_missing_labels_are_no_failure(root: Path) -> None:
    status, said = run(root, "gate")
    assert status == "awaiting"
    assert "votes are missing" in said


def test_a_failure_has_name_status_last_lines_and_log(root: Path) -> None:
    with pytest.raises(StageError, match=r"(?s)stage bad failed: its command exited with 3.*bad\.log.*the reason"):
        run(root, "bad")


def test_an_orphan_is_waited_for(root: Path) -> None:
    orphan = subprocess.Popen([sys.executable, "-m", "dvc", "repro", "-q", "-s", "slow"], cwd=root)
    try:
        wait_until((root / "ran").exists)
        status, said = run(root, "slow")
    finally:
        orphan.wait(timeout=60)
    assert status == "cached"
    assert any("waits for another DVC process" in line for line in said)
    assert lines(root / "ran") == 1


def test_a_lock_of_a_dead_process_is_ignored(root: Path) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    lock(root, dead.pid)
    assert run(root, "slow")[0] == "ran"


def test_a_lock_of_a_stranger_is_named(root: Path) -> None:
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        lock(root, stranger.pid)
        with pytest.raises(
            StageError, match=r"rwlock says that process \d+ .* not DVC \('sleep 60'\).*delete that file"
        ):
            run(root, "slow")
    finally:
        stranger.kill()
        stranger.wait()


def test_stop_ends_the_command_too(root: Path) -> None:
    runner = StageRunner(root)

    def stop() -> None:
        wait_until((root / "ran").exists)
        runner.stop()

    stopper = threading.Thread(target=stop)
    stopper.start()
    with pytest.raises(StageStoppedError):
        runner.run("slow", lambda line: None)
    stopper.join()
    time.sleep(3.5)
    assert not (root / "slow").exists()
    assert "slow" in dvc(root, "status").stdout


def lock(root: Path, pid: int) -> None:
    holder = {"pid": pid, "cmd": "dvc repro -s slow"}
    (root / ".dvc" / "tmp").mkdir(exist_ok=True)
    (root / ".dvc" / "tmp" / "rwlock").write_text(json.dumps({"write": {os.fspath(root / "slow"): holder}, "read": {}}))
