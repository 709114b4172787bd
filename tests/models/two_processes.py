"""This process and another do the same thing together, as a launcher would have it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

from torch import distributed

from models.core import processes

ROOT = Path(__file__).resolve().parents[2]


def in_two(function: Callable[[Path], None], folder: Path) -> None:
    """Call a function of a test module in both; it joins and leaves, and tells what it finds in files of the folder."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    module = sys.modules[function.__module__]
    places = [str(Path(str(module.__file__)).parent), str(Path(__file__).parent), str(ROOT)]
    code = f"import sys; sys.path[:0] = {places!r}\n"
    code += f"from pathlib import Path\nfrom {function.__module__} import {function.__name__}\n"
    code += f"{function.__name__}(Path({str(folder)!r}))"
    there = {
        "WORLD_SIZE": "2", "RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1",
        "GLOO_SOCKET_IFNAME": "lo",
    }  # fmt: skip
    with patch.dict(os.environ, there), patch.object(processes, "GRACE_SECONDS", 0.0):
        other = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "RANK": "1"})
        try:
            function(folder)
            assert other.wait(60) == 0
        finally:
            other.kill()
            other.wait()
            if distributed.is_initialized():
                distributed.destroy_process_group()
