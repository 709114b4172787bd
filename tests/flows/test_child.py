"""A process beside another one: it is told to end, and says nothing of where it was, however early that comes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("where", ["import", "run"])
def test_ended_while_it_starts_it_shows_no_traceback(tmp_path: Path, where: str) -> None:
    # An import that the signal meets may swallow it (Python's callbacks of weak references do), so it comes before.
    wait = "import time\nopen('here', 'w').close()\ntime.sleep(60)\n"
    (tmp_path / "slow.py").write_text(
        wait if where == "import" else f"if __name__ == '__main__':\n    {wait.replace(chr(10), chr(10) + '    ')}\n"
    )
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"}
    command = [sys.executable, "-m", "flows.child", str(os.getpid()), "slow"]
    child = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    deadline = time.monotonic() + 30
    while not (tmp_path / "here").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    child.send_signal(signal.SIGINT)
    said, _ = child.communicate(timeout=30)
    assert (child.returncode, said) == (128 + signal.SIGINT, b"")
