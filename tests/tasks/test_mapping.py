from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from pictures import ImageError
from tasks.stage import mapping
from tasks.stage.mapping import ClusterError, Failure, MapError, map_images

ROOT = Path(__file__).resolve().parents[2]


def late_first(item: int) -> int:
    """The first items take longest, so that an order by completion would be another one."""
    time.sleep(0.05 * (item < 2))
    return item * item


def picky(item: int) -> int:
    if item % 3 == 1:
        raise ImageError(f"{item}.png", "broken")
    if item == 99:
        raise ZeroDivisionError("by nought")
    return item


def fails_at_three(item: int) -> int:
    if item == 3:
        raise RuntimeError("three")
    return item


def killed(item: int) -> int:
    if item == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def scaled(item: int, factor: int) -> tuple[int, str]:
    return item * factor, os.environ.get("OMP_NUM_THREADS", "")


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_results_in_order_inline_and_in_processes(workers: int) -> None:
    assert map_images(late_first, range(5), workers, "squares") == [0, 1, 4, 9, 16]
    assert map_images(late_first, [], workers, "squares") == []


@pytest.mark.parametrize("workers", [1, 2])
def test_asked_for_errors_become_failures_in_place(workers: int) -> None:
    found = map_images(picky, range(4), workers, "reading", skip=(ImageError,))
    assert [entry.item if isinstance(entry, Failure) else entry for entry in found] == [0, 1, 2, 3]
    failure = found[1]
    assert isinstance(failure, Failure)
    assert isinstance(failure.error, ImageError)
    assert str(failure.error) == "1.png: broken"


@pytest.mark.parametrize("workers", [1, 2])
def test_other_errors_end_the_map_and_name_the_item(workers: int) -> None:
    with pytest.raises(MapError, match=r"^ZeroDivisionError: by nought \(reading, 99\)$"):
        map_images(picky, [0, 99, 2], workers, "reading", skip=(ImageError,))
    with pytest.raises(MapError, match=r"^ImageError: 1\.png: broken \(reading, 1\)$"):
        map_images(picky, [0, 1], workers, "reading")


def test_a_killed_worker_is_named() -> None:
    with pytest.raises(MapError, match=r"reading: a worker process was killed, at or after \d; if memory ran out, use"):
        map_images(killed, range(4), 2, "reading")


def test_a_function_that_cannot_be_sent_and_an_unknown_executor() -> None:
    def local(item: int) -> int:
        return item

    assert map_images(local, range(3), 1, "inline") == [0, 1, 2]
    with pytest.raises(
        TypeError, match=r"cannot be sent to other processes .*; use a function at module level or workers=1"
    ):
        map_images(local, range(3), 2, "sent")
    with pytest.raises(ValueError, match="unknown executor 'cloud': it is 'processes' or a Dask scheduler's address"):
        map_images(late_first, range(3), 2, "sent", executor="cloud")


def test_a_dask_cluster_by_its_address() -> None:
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None, protocol="tcp"
    ) as cluster:
        address = cluster.scheduler_address
        assert map_images(late_first, range(5), 3, "squares", executor=address) == [0, 1, 4, 9, 16]
        with pytest.raises(MapError, match=r"\(bad item, 3\)$"):
            map_images(fails_at_three, range(5), 3, "bad item", executor=address)


def test_a_cluster_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapping, "_CLUSTER_SECONDS", 0.5)
    with pytest.raises(ClusterError, match=r"tcp://127\.0\.0\.1:9"):
        map_images(late_first, range(3), 2, "sent", executor="tcp://127.0.0.1:9")


def test_partials_are_sent_and_workers_share_the_cores() -> None:
    found = map_images(partial(scaled, factor=3), [1, 2], 2, "scaling")
    assert [value for value, _ in found] == [3, 6]
    cores = len(os.sched_getaffinity(0))
    assert {threads for _, threads in found} == {str(max(1, cores // 2))}


def test_progress_goes_to_stderr_alone(capfd: pytest.CaptureFixture[str]) -> None:
    map_images(late_first, range(3), 1, "squares")
    map_images(late_first, range(3), 1, "quiet", progress=False)
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err == "squares: 3/3\n"


def test_workers_leave_with_a_killed_parent(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(
        "import os, sys, time\nfrom pathlib import Path\nfrom tasks.stage.mapping import map_images\n"
        "def slow(item):\n    Path(f'pid{item}').write_text(str(os.getpid()))\n    time.sleep(60)\n"
        "if __name__ == '__main__':\n    map_images(slow, range(2), 2, 'slow')\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen([sys.executable, "slow.py"], cwd=tmp_path, env=environment)
    files = [tmp_path / "pid0", tmp_path / "pid1"]
    until(lambda: all(file.is_file() and file.read_text() for file in files), "the workers did not start")
    parent.kill()
    parent.wait()
    until(lambda: not any(alive(int(file.read_text())) for file in files), "a worker outlived its parent")


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits to be collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@dataclass(frozen=True)
class LongJob:
    """As the stages make them: what it is about, then settings without end."""

    photo: Photograph
    settings: tuple[str, ...] = ("x" * 2_000,)


@dataclass(frozen=True)
class Photograph:
    id: str
    pixels: str = "y" * 2_000


def refused(item: object) -> None:
    raise ValueError("the cause")


@pytest.mark.parametrize(
    "item", [LongJob(Photograph("p007")), (Photograph("p007"), "z" * 2_000), ("p007", "z" * 2_000)]
)
def test_the_cause_comes_first_and_the_item_is_named_in_short(item: object) -> None:
    with pytest.raises(MapError, match=r"^ValueError: the cause \(measuring, p007\)$"):
        map_images(refused, [item], 1, "measuring")
