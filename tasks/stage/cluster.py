"""A map over the workers of a Dask cluster, known by its scheduler's address.

Workers run in this project's folder, on a file system that all machines share, with the same Python, Loupe and libraries as
here; each is asked before the map begins, and one that joins later at its first item. What a lost worker had in hand, others do.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from tasks.stage import fingerprint

if TYPE_CHECKING:
    from distributed import Client

Item = TypeVar("Item")
Output = TypeVar("Output")

ANSWER_SECONDS = 5.0
"""How long a scheduler may take to answer, and after it the first worker to join."""
ALONE_SECONDS = 60.0
"""How long a map goes on without any worker: what watches over workers may start them anew."""
_LOOK_SECONDS = 2.0
_POLL_SECONDS = 0.005
_AT_ONCE = 5_000  # tasks that the scheduler knows at a time: each takes about a kilobyte of it
_TOGETHER = 8  # items of a task at most, for a task costs milliseconds; fewer where the last ones would be waited for
_FOLDERS = (".loupe", "data")


class ClusterError(RuntimeError):
    """A Dask cluster cannot be used; the message names it, or the worker, and what is wrong."""


def map_on_cluster(
    address: str,
    function: Callable[[Item], Output],
    items: Sequence[Item],
    name: Callable[[Item], str],
    step: Callable[[], None],
) -> list[Output]:
    """function of each item, in the order of the items. name: what a user knows an item by; step: called after each.

    Raises ClusterError: no scheduler or no worker there, a worker that is not as this process, workers that die of an
    item, or all of them gone. What `function` raises comes as it is.
    """
    project = hashlib.sha256(str(Path.cwd()).encode()).hexdigest()[:12]
    prefix = f"loupe-{project}-"
    results: list[Output] = []
    with _marks() as marks, _client(address) as client:
        wanted = fingerprint.fingerprint(marks)
        _check(client, address, wanted, marks)
        _until_idle(client, prefix)
        task = partial(_on_worker, tuple(wanted.items()), tuple(marks), function)
        try:
            size = max(1, min(_TOGETHER, len(items) // (8 * max(1, len(client.nthreads())))))
            groups = [items[start : start + size] for start in range(0, len(items), size)]
            for start in range(0, len(groups), _AT_ONCE):
                part = groups[start : start + _AT_ONCE]
                for found in _slice(client, address, task, part, f"{prefix}{uuid.uuid4().hex}", name, step):
                    results += found
        except BaseException:
            with suppress(Exception):  # what went wrong is said, not this
                _until_idle(client, prefix)  # nobody writes into a folder that the caller is going to remove
            raise
    return results


@contextmanager
def _client(address: str) -> Iterator[Client]:
    """Raises ClusterError: nobody answers, or whoever does is no scheduler."""
    import logging

    from distributed import Client

    for logger in ("distributed", "distributed.client"):  # what goes wrong is said by this module
        logging.getLogger(logger).setLevel(logging.CRITICAL)
    try:
        _knock(address)
        client = Client(address, timeout=ANSWER_SECONDS, set_as_default=False, name="loupe")
    except Exception as error:  # what answers there may be anything
        raise ClusterError(
            f"no Dask scheduler answers at {address} ({_words(error)}); start one there (`dask scheduler`), or see "
            "machine.executor in params.yaml"
        ) from error
    try:
        yield client
    finally:
        with suppress(Exception):
            client.close(timeout=ANSWER_SECONDS)


def _knock(address: str) -> None:
    """Raises OSError, TimeoutError or ValueError: no scheduler there. (Dask's client leaves threads behind where it fails.)"""
    from distributed import rpc

    found = urlsplit(address)
    if not found.hostname or not found.port:
        raise ValueError("an address is tcp://HOST:PORT")
    if found.scheme in ("tcp", "tls"):  # refused is said at once, where Dask tries again for seconds
        socket.create_connection((found.hostname, found.port), timeout=ANSWER_SECONDS).close()

    async def identity() -> str:
        async with rpc(address, timeout=ANSWER_SECONDS) as scheduler:
            return str((await scheduler.identity())["type"])

    kind = asyncio.run(asyncio.wait_for(identity(), ANSWER_SECONDS))
    if kind != "Scheduler":
        raise ValueError(f"it is a {kind.lower()}")


@contextmanager
def _marks() -> Iterator[list[str]]:
    """Files of a new name in the folders that workers read and write: whoever sees them sees the same folders."""
    name = f".cluster-{uuid.uuid4().hex}"
    Path(_FOLDERS[0]).mkdir(exist_ok=True)
    marks = [Path(folder) / name for folder in _FOLDERS if Path(folder).is_dir()]
    try:
        for mark in marks:
            mark.touch()
        yield [str(mark) for mark in marks]
    finally:
        for mark in marks:
            mark.unlink(missing_ok=True)


def _check(client: Client, address: str, wanted: Mapping[str, str], marks: Sequence[str]) -> None:
    """Raises ClusterError: no workers, or some that differ from this process, each named with what differs."""
    import cloudpickle

    try:
        client.wait_for_workers(1, timeout=ANSWER_SECONDS)
    except TimeoutError as error:
        raise ClusterError(
            f"the Dask scheduler at {address} has no workers; start one a core in this folder, on every machine: "
            f"`dask worker {address} --nworkers auto --nthreads 1`"
        ) from error
    workers = client.scheduler_info()["workers"]
    versions: Any = client.get_versions()
    pythons = {
        worker: ".".join(str(facts["host"]["python"]).split(".")[:2]) for worker, facts in versions["workers"].items()
    }
    # Code that travels by value needs the same Python; those of another are not asked more.
    faults = {
        worker: [f"Python {python} instead of {wanted['Python']}"]
        for worker, python in pythons.items()
        if python != wanted["Python"]
    }
    cloudpickle.register_pickle_by_value(fingerprint)
    try:
        found = client.run(
            fingerprint.fingerprint, list(marks), workers=sorted(set(workers) - set(faults)), on_error="return"
        )
    finally:
        cloudpickle.unregister_pickle_by_value(fingerprint)
    for worker, facts in found.items():
        faults[worker] = (
            fingerprint.differences(wanted, facts) if isinstance(facts, dict) else [f"no answer ({_words(facts)})"]
        )
        threads = workers[worker]["nthreads"]
        if threads != 1:
            faults[worker].append(f"{threads} threads instead of 1 (--nthreads 1)")
    _refuse({f"{workers[worker]['name']} ({worker})": said for worker, said in faults.items() if said})


def _refuse(faults: Mapping[str, Sequence[str]]) -> None:
    if faults:
        lines = "\n".join(f"  worker {worker}: {', '.join(said)}" for worker, said in sorted(faults.items()))
        raise ClusterError(
            "workers of the Dask cluster are not as this process, so pictures would not be the same; put that right and "
            f"start them again in this project's folder:\n{lines}"
        )


def _on_worker(
    wanted: tuple[tuple[str, str], ...],
    marks: tuple[str, ...],
    function: Callable[[Item], Output],
    items: Sequence[Item],
) -> list[Output]:
    _joined(wanted, marks)
    return [function(item) for item in items]


@cache
def _joined(wanted: tuple[tuple[str, str], ...], marks: tuple[str, ...]) -> None:
    """Once a map in every worker's process: that it is as wanted, and keeps to one thread as it is to be one of many."""
    from distributed import get_worker

    worker = get_worker()
    _refuse(
        {
            f"{worker.name} ({worker.address})": said
            for said in [fingerprint.differences(dict(wanted), fingerprint.fingerprint(marks, worker))]
            if said
        }
    )
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = "1"
    for module, limit in (("torch", "set_num_threads"), ("cv2", "setNumThreads")):
        if module in sys.modules:
            getattr(sys.modules[module], limit)(1)


def _slice(
    client: Client,
    address: str,
    task: Callable[[Sequence[Item]], list[Output]],
    groups: Sequence[Sequence[Item]],
    key: str,
    name: Callable[[Item], str],
    step: Callable[[], None],
) -> list[list[Output]]:
    """The results of groups of items, each a task of the scheduler's."""
    from distributed import as_completed
    from distributed.scheduler import KilledWorker

    futures = client.map(task, groups, key=[f"{key}-{place}" for place in range(len(groups))])
    places = {future.key: place for place, future in enumerate(futures)}
    found: dict[int, list[Output]] = {}
    done = as_completed(futures, loop=client.loop)
    alone = _Alone(client, address)
    try:
        while not done.is_empty():
            if not done.has_ready():
                alone.look()
                time.sleep(_POLL_SECONDS)
                continue
            batch = done.next_batch(block=False)
            for future, result in zip(batch, _gathered(client, batch, alone), strict=True):
                found[places[future.key]] = result
                for _ in result:
                    step()
        return [found[place] for place in range(len(groups))]
    except KilledWorker as error:
        group = groups[places[error.task]]
        names = dict.fromkeys([name(group[0]), name(group[-1])])
        raise ClusterError(
            f"every Dask worker that was given {' to '.join(names)} died, the last one "
            f"{error.last_worker.name}; if memory ran out, use fewer workers on a machine or smaller images"
        ) from error
    except (asyncio.CancelledError, CancelledError) as error:
        raise ClusterError(f"the Dask scheduler at {address} does not answer any more") from error
    finally:
        with suppress(Exception):  # of the scheduler's end is said above
            client.cancel([future for future in futures if not future.done()])


def _gathered(client: Client, futures: Sequence[Any], alone: _Alone) -> list[Any]:
    """The results of futures that are done; where their worker dies before they are fetched, Dask has them made again."""
    loop: Any = client.loop
    fetched = asyncio.run_coroutine_threadsafe(client.gather(futures, asynchronous=True), loop.asyncio_loop)
    while True:
        try:
            return list(fetched.result(timeout=_LOOK_SECONDS))
        except TimeoutError:
            if fetched.done():
                raise
            alone.look()


class _Alone:
    """Looks now and then whether scheduler and workers are still there."""

    def __init__(self, client: Client, address: str) -> None:
        self._client, self._address = client, address
        self._looked = self._seen = time.monotonic()

    def look(self) -> None:
        now = time.monotonic()
        if now - self._looked < _LOOK_SECONDS:
            return
        self._looked = now
        try:
            if self._client.nthreads():
                self._seen = now
        except (OSError, TimeoutError, ValueError) as error:
            raise ClusterError(f"the Dask scheduler at {self._address} does not answer any more") from error
        if now - self._seen > ALONE_SECONDS:
            raise ClusterError(
                f"the Dask scheduler at {self._address} has had no workers for {ALONE_SECONDS:.0f} s; what is done in the "
                "stage so far is made anew when it runs again"
            )


def _outlived(prefix: str, dask_worker: Any = None) -> bool:
    """Whether a worker still runs a task that nobody waits for any more: a thread cannot be stopped."""
    return any(task.key.startswith(prefix) and task.state == "cancelled" for task in dask_worker.state.executing)


def _until_idle(client: Client, prefix: str) -> None:
    """Wait for workers that still have an item of a map of this project that has ended, as where its process was killed."""
    said = False
    while True in client.run(_outlived, prefix, on_error="return").values():
        if not said:
            print("waiting for workers that still have a picture of a map before this one", file=sys.stderr, flush=True)
        said = True
        time.sleep(0.2)


def _words(error: object) -> str:
    return " ".join(str(error).split()) or type(error).__name__
