from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from pictures import ImageError
from tasks.stage import cluster, fingerprint
from tasks.stage.mapping import ClusterError, Failure, MapError, Workers, map_images

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


def test_a_function_that_cannot_be_sent() -> None:
    def local(item: int) -> int:
        return item

    assert map_images(local, range(3), 1, "inline") == [0, 1, 2]
    with pytest.raises(
        TypeError, match=r"cannot be sent to other processes .*; use a function at module level or workers=1"
    ):
        map_images(local, range(3), 2, "sent")


JOBS = """
import os, signal
from pathlib import Path
import numpy as np
from pictures import sha256_file, write_png

def picture(item, folder):
    write_png(Path(folder) / f"{item}.png", np.random.default_rng(item).random((16, 16, 3), np.float32))
    return os.getpid(), sha256_file(Path(folder) / f"{item}.png")

def picture_of_a_killed_worker(item, folder):
    try:
        open(Path(folder) / f"begun{item}", "x").close()
    except FileExistsError:
        pass
    else:
        if item == 5:
            os.kill(os.getpid(), signal.SIGKILL)
    return picture(item, folder)

def kills_everyone(item):
    os.kill(os.getpid(), signal.SIGKILL)

def fails(item):
    raise ValueError("the cause")
"""


@contextmanager
def cluster_worker(address: str, folder: Path, name: str) -> Iterator[None]:
    options = ["--no-nanny", "--no-dashboard", "--nthreads", "1", "--name", name]
    process = subprocess.Popen(
        [sys.executable, "-m", "dask", "worker", address, *options], cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}"}, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield
    finally:
        process.kill()
        process.wait()


def test_a_dask_cluster_by_its_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from distributed import LocalCluster

    monkeypatch.setattr(cluster, "ANSWER_SECONDS", 0.5)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for folder in ("data", "there", "here"):
        Path(folder).mkdir()
    Path("jobs_of_a_cluster.py").write_text(JOBS)
    jobs = importlib.import_module("jobs_of_a_cluster")
    with ExitStack() as running:
        scheduler = running.enter_context(
            LocalCluster(n_workers=0, processes=False, dashboard_address="127.0.0.1:0", protocol="tcp")
        )
        where = Workers(1, scheduler.scheduler_address)
        with pytest.raises(ClusterError, match="has no workers; start one a core in this folder"):
            map_images(jobs.fails, range(3), where, "nobody")
        for name in ("one", "two"):
            running.enter_context(cluster_worker(scheduler.scheduler_address, tmp_path, name))
        scheduler.scheduler.allowed_failures = 0
        monkeypatch.setattr(cluster, "ANSWER_SECONDS", 30)
        until(lambda: len(scheduler.scheduler.workers) == 2, "the workers did not start")
        with pytest.raises(MapError, match=r"^ValueError: the cause \(bad item, \d\)$"):
            map_images(jobs.fails, range(5), where, "bad item")
        monkeypatch.setattr(fingerprint, "code_of_loupe", lambda: "0.0.9 (code 01234567)")
        with pytest.raises(
            ClusterError,
            match=r"worker one \(tcp://\S+\): Loupe \S+ \(code \w{8}\) instead of 0\.0\.9 \(code 01234567\)",
        ):
            map_images(jobs.fails, range(3), where, "others")
        monkeypatch.undo()
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.chdir(tmp_path / "here")
        with pytest.raises(
            ClusterError, match=rf"folder {tmp_path} without this project's \.loupe instead of {tmp_path}/here"
        ):
            map_images(jobs.fails, range(3), where, "elsewhere")
        monkeypatch.chdir(tmp_path)

        scheduler.scheduler.allowed_failures = 3
        made = map_images(partial(jobs.picture_of_a_killed_worker, folder="there"), range(64), where, "pictures")
        assert len(scheduler.scheduler.workers) == 1
        assert os.getpid() not in {worker for worker, _ in made}
        assert [sha for _, sha in made] == [
            sha for _, sha in map_images(partial(jobs.picture, folder="here"), range(64), 1, "the same here")
        ]
        scheduler.scheduler.allowed_failures = 0
        with pytest.raises(ClusterError, match=r"every Dask worker that was given \d died, the last one (one|two);"):
            map_images(jobs.kills_everyone, range(2), where, "deadly")
    assert list(tmp_path.rglob(".cluster-*")) == []


def test_what_differs_is_a_clause_each() -> None:
    here = fingerprint.fingerprint()
    assert fingerprint.differences(here, here) == []
    assert fingerprint.differences(here, {**here, "torch": "1.0", "Python": "3.9"}) == [
        f"Python 3.9 instead of {here['Python']}",
        f"torch 1.0 instead of {here['torch']}",
    ]
    assert "torch none instead" in "".join(fingerprint.differences({"torch": "2"}, {}))


@pytest.mark.parametrize(
    ("address", "said"), [("tcp://127.0.0.1:9", "Connection refused"), ("tcp://:x", "an address is tcp://HOST:PORT")]
)
def test_a_cluster_that_does_not_answer_is_named(
    address: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ClusterError, match=rf"no Dask scheduler answers at {address} \(.*{said}"):
        map_images(late_first, range(3), Workers(2, address), "sent")


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
