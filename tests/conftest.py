"""Slow tests first, and dealt out to all workers: a long test at the end would leave the other worker idle.

One thread a process, also of those that tests start: two processes of two threads each wait for one another on two cores, and
take twenty times as long.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # read when torch is imported

# Its handlers write to the streams that are there at its first import: those of the session, not of some one test.
import dvc.logger  # noqa: F401
import pytest


def allowance(item: pytest.Item) -> float:
    """Seconds that a test may take, the more the longer it runs; 0 for one that is not slow."""
    if item.get_closest_marker("slow") is None:
        return 0.0
    timeout = item.get_closest_marker("timeout")
    return float(timeout.args[0]) if timeout is not None and timeout.args else 1.0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the tests so that the part of each worker, a stretch of the list at first, begins with its share of slow ones."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    slow = sorted(filter(allowance, items), key=allowance, reverse=True)
    quick = [item for item in items if not allowance(item)]
    ends = [len(quick) * part // workers for part in range(workers + 1)]
    items[:] = [
        item for worker in range(workers) for item in (*slow[worker::workers], *quick[ends[worker] : ends[worker + 1]])
    ]
