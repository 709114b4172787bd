"""One stage at a time on the GPU: Prefect's limit `gpu` shows it, a lock file keeps it whatever dies."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

LIMIT = "gpu"
_LEASE_SECONDS = 60.0
_POLL_SECONDS = 0.2
_ACQUIRE_SECONDS = 5.0


def ensure_limit() -> None:
    """Creates the global concurrency limit `gpu` of one where it is missing; a limit that exists stays as it is."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
    from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

    with get_client(sync_client=True) as client:
        try:
            client.read_global_concurrency_limit_by_name(LIMIT)
        except ObjectNotFound:
            with suppress(ObjectAlreadyExists):  # another run was quicker
                client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=LIMIT, limit=1))


@contextmanager
def gpu_slot(root: Path, stopped: threading.Event) -> Iterator[tuple[int, ...]]:
    """Waits for the GPU and holds it; yields the file descriptors that the stage's process has to inherit.

    The lock of `.loupe/gpu.lock` belongs to whoever has the file open: a DVC process that outlives its flow keeps it,
    and nothing keeps it after a crash. Prefect's slot has neither property.
    Once `stopped` is set it waits no longer; whoever uses it has to look.
    """
    from prefect.concurrency.sync import concurrency

    path = root / ".loupe" / "gpu.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        while not stopped.is_set():
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                stopped.wait(_POLL_SECONDS)
        if not stopped.is_set():
            _free_abandoned_slot()
        with ExitStack() as slot:
            while not stopped.is_set():
                waiting = concurrency(
                    LIMIT,
                    strict=True,
                    timeout_seconds=_ACQUIRE_SECONDS,
                    lease_duration=_LEASE_SECONDS,
                    raise_on_lease_renewal_failure=False,
                )
                with suppress(TimeoutError):  # taken by another project on the same server
                    slot.enter_context(waiting)
                    break
            yield (lock.fileno(),)


def _free_abandoned_slot() -> None:
    """A flow killed on the GPU leaves its slot taken; the server forgets the lease when it ends, and the slot with it
    stays taken for good. Whoever holds the lock file knows that nobody of this project uses the slot; on a server that
    belongs to the project alone that is everybody."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import GlobalConcurrencyLimitUpdate

    from flows.server import OWN_SERVER

    if os.environ.get(OWN_SERVER) != "1":
        return
    with get_client(sync_client=True) as client:
        if client.read_global_concurrency_limit_by_name(LIMIT).active_slots:
            client.update_global_concurrency_limit(LIMIT, GlobalConcurrencyLimitUpdate(active_slots=0))
