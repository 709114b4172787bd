"""One stage at a time on a GPU, whoever starts it: a lock file a device for the whole machine.

The lock belongs to whoever has the file open: a stage that outlives its flow keeps it, and nothing keeps it after a
crash, so there is never a slot to free by hand. Where there is no GPU, stages that would want one take turns within
their project.
"""

from __future__ import annotations

import fcntl
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_DRIVER = Path("/dev/nvidiactl")


class GpuLockError(RuntimeError):
    """The lock file of the GPU cannot be opened."""


def lock_path(root: Path) -> Path:
    """The lock file of the GPU that torch takes here: the first one of CUDA_VISIBLE_DEVICES, else number 0."""
    if not _DRIVER.exists():
        return root / ".loupe" / "gpu.lock"
    first = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0].strip() or "0"
    return Path(tempfile.gettempdir()) / f"loupe-gpu-{re.sub(r'[^A-Za-z0-9-]', '_', first)}.lock"


@contextmanager
def try_gpu(root: Path) -> Iterator[int | None]:
    """The descriptor of the held lock, for the stage's process to inherit; None where another stage holds it.

    Raises GpuLockError.
    """
    path = lock_path(root)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # For every user of the machine, and never through somebody's link.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise GpuLockError(
            f"{path}, which keeps stages apart on the GPU, cannot be opened: {error.strerror}"
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        yield descriptor
    finally:
        os.close(descriptor)
