"""The warm DVC process: what becomes of stages when it, or the flow, is killed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flow_helpers import Project, dvc, lines, wait_until

from flows.dvc_worker import DvcWorker, Task

STAGES = """
stages:
  slow: {cmd: "echo run >> ran_slow; while ! test -f go; do sleep 0.05; done; echo x > slow", outs: [slow]}
  quick: {cmd: "echo run >> ran_quick; echo x > quick", deps: [given], outs: [quick]}
  asks: {cmd: "echo votes are missing; exit 75", outs: [asks]}
  wrong: {cmd: "echo it broke >&2; exit 3", outs: [wrong]}
"""


@pytest.fixture
def root(project: Project) -> Path:
    folder = project(STAGES, "{}\n")
    (folder / "given").write_text("given")  # the run cache takes no stage without inputs
    return folder


@pytest.fixture
def worker(root: Path) -> Iterator[DvcWorker]:
    started = DvcWorker(root)
    yield started
    started.close()


def begin(worker: DvcWorker, root: Path, name: str, inherit: tuple[int, ...] = ()) -> Task:
    return worker.run(name, root / f"{name}.log", inherit)


def parent_of(pid: int) -> int:
    """The warm process, which forked the stage's own."""
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


def test_how_stages_end(worker: DvcWorker, root: Path) -> None:
    assert begin(worker, root, "quick").result() == {"how": "ran"}
    assert begin(worker, root, "quick").result() == {"how": "cached"}
    (root / "quick").unlink()
    (root / "dvc.lock").unlink()
    assert begin(worker, root, "quick").result() == {"how": "restored"}
    assert lines(root / "ran_quick") == 1


@pytest.mark.parametrize(("stage", "status", "said"), [("asks", 75, "votes are missing"), ("wrong", 3, "it broke")])
def test_the_exit_status_comes_as_a_number(worker: DvcWorker, root: Path, stage: str, status: int, said: str) -> None:
    assert begin(worker, root, stage).result() == {"how": "exited", "status": status}
    log = (root / f"{stage}.log").read_text()
    assert said in log
    assert "failed to reproduce" not in log


def test_a_stage_that_does_not_exist_fails_and_says_so(worker: DvcWorker, root: Path) -> None:
    found = begin(worker, root, "nowhere").result()
    assert found["how"] == "failed"
    assert "nowhere" in found["message"]


def test_a_stage_outlives_the_warm_process_and_is_recorded(worker: DvcWorker, root: Path) -> None:
    task = begin(worker, root, "slow")
    wait_until(lambda: lines(root / "ran_slow") == 1)
    os.kill(parent_of(task.pid), signal.SIGKILL)
    time.sleep(0.2)
    (root / "go").touch()
    assert task.result() == {"how": "ran"}
    assert "slow" in (root / "dvc.lock").read_text()
    assert "didn't change" in dvc(root, "repro", "-s", "slow").stdout
    assert lines(root / "ran_slow") == 1


def test_a_warm_process_that_died_is_started_again(worker: DvcWorker, root: Path) -> None:
    task = begin(worker, root, "slow")
    warm = parent_of(task.pid)
    (root / "go").touch()
    assert task.result() == {"how": "ran"}
    os.kill(warm, signal.SIGKILL)
    wait_until(lambda: not Path(f"/proc/{warm}").exists() or "Z" in Path(f"/proc/{warm}/stat").read_text())
    again = begin(worker, root, "quick")
    assert again.result() == {"how": "ran"}


def test_a_stage_that_is_killed_is_said_to_be(worker: DvcWorker, root: Path) -> None:
    task = begin(worker, root, "slow")
    wait_until(lambda: lines(root / "ran_slow") == 1)
    os.killpg(task.pid, signal.SIGKILL)
    assert task.result() == {"how": "killed"}
    assert not (root / "slow").exists()


def test_stages_run_side_by_side(worker: DvcWorker, root: Path) -> None:
    slow = begin(worker, root, "slow")
    wait_until(lambda: lines(root / "ran_slow") == 1)
    assert begin(worker, root, "quick").result() == {"how": "ran"}
    (root / "go").touch()
    assert slow.result() == {"how": "ran"}


def test_a_lock_that_is_handed_down_stays_with_the_stage(worker: DvcWorker, root: Path) -> None:
    """The GPU's lock: held until the stage ends, even where the flow, which took it, closed it long before."""
    import fcntl

    path = root / "device.lock"
    ours = os.open(path, os.O_RDWR | os.O_CREAT)
    fcntl.flock(ours, fcntl.LOCK_EX)
    task = begin(worker, root, "slow", (ours,))
    os.close(ours)
    wait_until(lambda: lines(root / "ran_slow") == 1)
    with path.open() as other:
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        (root / "go").touch()
        assert task.result() == {"how": "ran"}
        wait_until(lambda: _free(other.fileno()), 10)


def _free(descriptor: int) -> bool:
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def test_close_ends_the_warm_process_and_no_stage(root: Path) -> None:
    worker = DvcWorker(root)
    task = begin(worker, root, "slow")
    wait_until(lambda: lines(root / "ran_slow") == 1)
    warm = parent_of(task.pid)
    worker.close()
    wait_until(lambda: not Path(f"/proc/{warm}").exists(), 10)
    (root / "go").touch()
    assert task.result() == {"how": "ran"}
