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
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

_PATIENCE_SECONDS = 10
_SHORT_SECONDS = 60.0
_TRIES = 3


class Supervised:
    """`python -m MODULE ARGUMENTS` in `root`, beside this process: it writes where this process does, and ends with it.

    environment: what it gets besides this process's own. name, by_hand: what it is called, and the command that starts
    it, for what is said when it ends by itself.
    """

    def __init__(
        self, module: str, arguments: Sequence[str], root: Path, environment: Mapping[str, str], name: str, by_hand: str
    ) -> None:
        self._command = [sys.executable, "-m", "flows.child", str(os.getpid()), module, *arguments]
        self._root, self._environment, self._name, self._by_hand = root, {**os.environ, **environment}, name, by_hand
        self._starts: list[float] = []
        self._gave_up = False
        self._process = self._started()

    def look(self) -> None:
        """Starts it again where it has ended by itself, and says so; after three starts in a minute no more."""
        code = self._process.poll()
        if code is None or self._gave_up:
            return
        if sum(time.monotonic() - start < _SHORT_SECONDS for start in self._starts) >= _TRIES:
            self._gave_up = True
            print(f"{self._name} has ended (exit code {code}). Start it again with: {self._by_hand}", flush=True)
            return
        print(f"{self._name} has ended (exit code {code}); starting it again ...", flush=True)
        self._process = self._started()

    def stop(self) -> None:
        """Ends it in order, or by force where it takes too long."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(_PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _started(self) -> subprocess.Popen[bytes]:
        self._starts.append(time.monotonic())
        return subprocess.Popen(
            self._command,
            cwd=self._root,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in the terminal is for the parent, which ends it in order
        )


def _run(parent: int, module: str, arguments: Sequence[str]) -> None:
    with contextlib.suppress(OSError, AttributeError):  # not on Linux: a killed parent leaves the child behind
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # 1: PR_SET_PDEATHSIG
    if os.getppid() != parent:
        return
    sys.argv = [module, *arguments]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except KeyboardInterrupt:  # asked to end, perhaps while it was still starting
        sys.exit(128 + signal.SIGINT)


if __name__ == "__main__":
    _run(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
