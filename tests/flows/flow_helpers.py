"""What the tests of the flow share: a small pipeline with rounds, and commands run in a project."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

Project = Callable[..., Path]
CODE = Path(__file__).resolve().parents[2]

# The label store of these projects: a round has its votes when the file votes_rNN is there.
STATUS = """
from pathlib import Path
from types import SimpleNamespace

def labels_status(round, store=None):
    there = Path(f"votes_{round}").exists()
    return SimpleNamespace(complete=there, have=4 if there else 1, need=4)
"""

# All of `labelling` but its status is the real one.
BESIDE_OURS = "from pkgutil import extend_path\n__path__ = extend_path(__path__, __name__)\n"

ROUNDS = """
stages:
  pretrain: {cmd: "echo run >> ran_pretrain; echo model > m_r00", outs: [m_r00], meta: {gpu: true}}
  labels:
    foreach: ${rounds}
    do:
      cmd: "test -f votes_${key} || { echo votes are missing; exit 75; }; cp m_${item.prev} l_${key}"
      deps: ["m_${item.prev}"]
      outs: ["l_${key}"]
  ranker:
    foreach: ${rounds}
    do:
      cmd: "echo run >> ran_${key}; cp l_${key} m_${key}; echo '{\\"accuracy\\": {\\"panel\\": 0.75}}' > q_${key}.json"
      deps: ["l_${key}"]
      outs: ["m_${key}"]
      metrics: ["q_${key}.json"]
  report: {cmd: "cat m_r0* > report", deps: [m_r01, m_r02], outs: [report]}
"""
ROUNDS_PARAMS = "rounds: {r01: {prev: r00}, r02: {prev: r01}}\n"


def lines(path: Path) -> int:
    """How often a stage ran: each run adds a line to its file."""
    return len(path.read_text().splitlines()) if path.exists() else 0


def dvc(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A plain dvc command in the project."""
    command = [sys.executable, "-m", "dvc", *arguments]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120, check=False)


def flow_environment(root: Path, api: str | None) -> dict[str, str]:
    """The environment of `python -m flows...` in the project: its own Prefect folder, this code, the given server."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT", "LOUPE"))}
    kept |= {"PYTHONPATH": f"{root}{os.pathsep}{CODE}", "PREFECT_HOME": str(root / ".prefect")}
    return kept | ({"PREFECT_API_URL": api} if api else {})


def wait_until(true: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)
