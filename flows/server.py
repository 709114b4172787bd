"""A Prefect server as a child process, on loopback, with its database inside the project."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Set to "1" where the server was started for this project alone, so that its bookkeeping may be mended.
OWN_SERVER = "LOUPE_OWN_PREFECT_SERVER"
_BOOT_SECONDS = 120.0
_ATTEMPTS = 3


class ServerError(RuntimeError):
    """The Prefect server did not start, or its port is taken."""


class LocalServer:
    """A running server of ours: its `address`, http://127.0.0.1:PORT/api, its `log`, and starting it again."""

    def __init__(self, root: Path, port: int | None = None, ui: bool = False) -> None:
        """Boots it; see `local_server`. Raises ServerError."""
        home = Path(os.environ["PREFECT_HOME"])
        home.mkdir(parents=True, exist_ok=True)
        self.log = root / ".loupe" / "logs" / "prefect-server.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if port is not None and taken(port):
            raise ServerError(f"port {port} is taken: stop what listens there, or choose another with --port")
        self._root, self._ui, self._home = root, ui, home
        self._process, self.port = self._booted(port)
        self.address = f"http://127.0.0.1:{self.port}/api"

    @property
    def ended(self) -> int | None:
        """Its exit code where it has ended by itself."""
        return self._process.poll()

    def restart(self) -> None:
        """Boot it again on the same port. Raises ServerError."""
        self._process, _ = self._booted(self.port)

    def stop(self) -> None:
        """End it, and wait until it has."""
        self._process.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _booted(self, port: int | None) -> tuple[subprocess.Popen[bytes], int]:
        with (self._home / "boot.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # two first starts at once would both create the database, and one fails
            return _boot(self._root, port, self._ui, self.log)


@contextmanager
def local_server(root: Path, port: int | None = None, ui: bool = False) -> Iterator[str]:
    """Runs a server while the context lasts and yields the address of its API, http://127.0.0.1:PORT/api.

    port: a free one where None. ui: with web pages and the services that schedules need; otherwise the bare API.
    It ends with this process, even if that is killed. Raises ServerError.
    """
    server = LocalServer(root, port, ui)
    try:
        yield server.address
    finally:
        server.stop()


def _boot(root: Path, port: int | None, ui: bool, log: Path) -> tuple[subprocess.Popen[bytes], int]:
    for _ in range(_ATTEMPTS):
        chosen = port or free_port()
        process = _spawn(root, chosen, ui, log)
        try:
            if _healthy(process, chosen):
                return process, chosen
        except BaseException:
            process.kill()
            raise
        process.kill()
        process.wait()
    last = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])
    raise ServerError(f"the Prefect server did not start ({_ATTEMPTS} attempts, log: {log})\n{last}")


def _spawn(root: Path, port: int, ui: bool, log: Path) -> subprocess.Popen[bytes]:
    # Not `prefect server start`: that is one process more to lose, and it prints a banner.
    environment = {**os.environ, "PREFECT__SERVER_FINAL": "1"}
    environment.pop("PREFECT_API_URL", None)
    if ui:
        environment["PREFECT_UI_API_URL"] = f"http://127.0.0.1:{port}/api"
    else:
        environment |= {"PREFECT__SERVER_EPHEMERAL": "1", "PREFECT_UI_ENABLED": "0"}
    command = [sys.executable, "-P", __file__, str(port), str(os.getpid())]
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            cwd=root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _healthy(process: subprocess.Popen[bytes], port: int) -> bool:
    import httpx

    deadline = time.monotonic() + _BOOT_SECONDS
    with httpx.Client(trust_env=False, timeout=5) as client:
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(httpx.TransportError):
                if client.get(f"http://127.0.0.1:{port}/api/health").status_code == 200:
                    return True
            time.sleep(0.05)
    return False


def taken(port: int) -> bool:
    """Whether something listens on the port of this machine's loopback."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _serve(port: int, parent: int) -> None:
    """The child: Prefect's server until SIGTERM, which Linux also sends when the parent is gone, however it went."""
    with contextlib.suppress(OSError, AttributeError):  # not on Linux: a killed parent leaves the server behind
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # 1: PR_SET_PDEATHSIG
    if os.getppid() != parent:
        return
    import uvicorn

    uvicorn.run(
        "prefect.server.api.server:create_app",
        factory=True,
        host="127.0.0.1",
        port=port,
        log_level="error",
        lifespan="on",
        timeout_graceful_shutdown=2,
    )


if __name__ == "__main__":
    _serve(int(sys.argv[1]), int(sys.argv[2]))
