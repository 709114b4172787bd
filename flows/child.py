"""Runs another module as a child process that ends with its parent, however the parent ends.

python -m flows.child PARENT MODULE [ARGUMENT ...]
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import runpy
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

_PATIENCE_SECONDS = 10


@contextmanager
def running(
    module: str, arguments: Sequence[str], root: Path, environment: Mapping[str, str], ended: Callable[[int], None]
) -> Iterator[None]:
    """Runs `python -m MODULE ARGUMENTS` in `root` while the context lasts; it writes where this process does.

    environment: what it gets besides this process's own. ended: called with its exit code if it ends before its time.
    """
    command = [sys.executable, "-m", "flows.child", str(os.getpid()), module, *arguments]
    process = subprocess.Popen(
        command,
        cwd=root,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C in the terminal is for the parent, which ends it in order
    )
    stopping = threading.Event()

    def watch() -> None:
        code = process.wait()
        if not stopping.is_set():
            ended(code)

    watcher = threading.Thread(target=watch, name=f"watch {module}", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        stopping.set()
        process.send_signal(signal.SIGINT)
        watcher.join(_PATIENCE_SECONDS)
        if watcher.is_alive():
            process.kill()
            watcher.join()


def _run(parent: int, module: str, arguments: Sequence[str]) -> None:
    with contextlib.suppress(OSError, AttributeError):  # not on Linux: a killed parent leaves the child behind
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # 1: PR_SET_PDEATHSIG
    if os.getppid() != parent:
        return
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _run(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
