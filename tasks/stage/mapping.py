"""The one map over images: a function of one item, run over many items in processes, results in order.

Stages that only transform images use it and nothing else. It runs in processes of this machine, or on the workers of a Dask
cluster (`cluster`).
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar, overload

from pictures import shortened
from tasks.stage.cluster import ClusterError, map_on_cluster

__all__ = ["ClusterError", "Failure", "MapError", "Workers", "cores", "map_images"]

Item = TypeVar("Item")
Output = TypeVar("Output")

_NAMES = ("id", "path", "name")
_SECONDS_BETWEEN_LINES = 10.0


class MapError(RuntimeError):
    """An item failed, or a worker process died; the message says the cause first, then names the item."""


@dataclass(frozen=True)
class Workers:
    """Where maps run: in `count` processes of this machine, or on a Dask cluster by its scheduler's address."""

    count: int
    cluster: str | None = None


@dataclass(frozen=True)
class Failure(Generic[Item]):
    """Takes the place of a result where an item failed in a way that the caller asked to skip."""

    item: Item
    error: Exception


@overload
def map_images(
    function: Callable[[Item], Output],
    items: Iterable[Item],
    workers: int | Workers,
    description: str,
    *,
    progress: bool = True,
) -> list[Output]: ...


@overload
def map_images(
    function: Callable[[Item], Output],
    items: Iterable[Item],
    workers: int | Workers,
    description: str,
    *,
    progress: bool = True,
    skip: tuple[type[Exception], ...],
) -> list[Output | Failure[Item]]: ...


def map_images(
    function: Callable[[Item], Output],
    items: Iterable[Item],
    workers: int | Workers,
    description: str,
    *,
    progress: bool = True,
    skip: tuple[type[Exception], ...] = (),
) -> list[Output] | list[Output | Failure[Item]]:
    """Apply `function` to every item; results in the order of the items.

    Args:
        function: of one item; with more than one worker it lives at module level (or is a `functools.partial` of such a
            function), because it is sent to other processes, as are items and results.
        workers: processes, or the cluster to run on; 1 or fewer processes: it runs in this one. Threads in the workers
            are limited so that workers x threads does not exceed the cores; on a cluster each has one.
        description: what is being done, for the progress line on stderr, such as "enhancing".
        skip: errors that become a `Failure` in the results; any other error ends the map.

    Raises:
        MapError: an item failed (it is named), or a worker was killed, as happens when memory runs out.
        TypeError: the function cannot be sent to another process.
        ClusterError: the cluster cannot be used, or its workers died of an item or are gone.
    """
    todo = list(items)
    where = workers if isinstance(workers, Workers) else Workers(workers)
    call = partial(_call, function, skip, description)
    with _progress(description, len(todo), progress) as step:
        if where.cluster is not None and todo:
            _check_can_be_sent(function)
            return map_on_cluster(where.cluster, call, todo, _name, step)
        count = min(where.count, len(todo))
        if count <= 1:
            results = []
            for item in todo:
                results.append(call(item))
                step()
            return results
        _check_can_be_sent(function)
        pool = _processes(count)
        try:
            return _collect([pool.submit(call, item) for item in todo], todo, description, step)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def cores() -> int:
    """The processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processes(workers: int) -> ProcessPoolExecutor:
    """Spawned, not forked: a fork of a process that runs torch's threads can hang."""
    threads = max(1, cores() // workers)
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker, initargs=(threads,))


def _start_worker(threads: int) -> None:
    """Limit a worker's threads, whether torch and OpenCV are loaded yet or not, and tie its life to its parent's."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(threads)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
    if "cv2" in sys.modules:
        sys.modules["cv2"].setNumThreads(threads)
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    """A worker whose parent was killed would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _call(
    function: Callable[[Item], Output], skip: tuple[type[Exception], ...], description: str, item: Item
) -> Output | Failure[Item]:
    try:
        return function(item)
    except skip as error:
        return Failure(item, error)
    except Exception as error:
        raise MapError(f"{type(error).__name__}: {error} ({description}, {_name(item)})") from error


def _collect(
    futures: Sequence[Future[Output | Failure[Item]]], items: Sequence[Item], description: str, step: Callable[[], None]
) -> list[Output | Failure[Item]]:
    results = []
    for future, item in zip(futures, items, strict=True):
        try:
            results.append(future.result())
        except BrokenProcessPool as error:
            raise MapError(
                f"{description}: a worker process was killed, at or after {_name(item)}; if memory ran out, use fewer "
                "workers (`workers` in params.yaml) or smaller images"
            ) from error
        step()
    return results


def _check_can_be_sent(function: Callable[..., object]) -> None:
    try:
        pickle.dumps(function)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise TypeError(
            f"{function!r} cannot be sent to other processes ({error}); use a function at module level or workers=1"
        ) from error


def _name(item: object) -> str:
    """What a user knows an item by: its path, its id or its name; of a job, that of what the job is about."""
    if isinstance(item, tuple) and item:
        return _name(item[0])
    for attribute in _NAMES:
        inner = getattr(item, attribute, None)
        if isinstance(inner, str | Path) and str(inner):
            return shortened(inner, 120)
    if is_dataclass(item):
        return _name(getattr(item, fields(item)[0].name))
    return shortened(item, 120)


@contextmanager
def _progress(description: str, total: int, show: bool) -> Iterator[Callable[[], None]]:
    """Yield a function to call after each item: a bar on a terminal, a plain line now and then elsewhere."""
    if not show or not total:
        yield lambda: None
    elif sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import Progress

        with Progress(console=Console(stderr=True)) as bar:
            task = bar.add_task(description, total=total)
            yield lambda: bar.advance(task)
    else:
        yield _plain_lines(description, total)


def _plain_lines(description: str, total: int) -> Callable[[], None]:
    done, last = 0, time.monotonic()

    def step() -> None:
        nonlocal done, last
        done += 1
        now = time.monotonic()
        if done == total or now - last >= _SECONDS_BETWEEN_LINES:
            print(f"{description}: {done}/{total}", file=sys.stderr, flush=True)
            last = now

    return step
