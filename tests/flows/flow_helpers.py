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

# The label store of these projects: a round has its votes when the file votes_ROUND is there.
STATUS = """
from pathlib import Path
from types import SimpleNamespace

def labels_status(round, store=None):
    there = Path(f"votes_{round}").exists()
    return SimpleNamespace(complete=there, have=4 if there else 1, need=4, kind="people", what="votes")
"""

# All of `labelling` is the real one but how many votes there are, which the file beside this one says.
BESIDE_OURS = """
from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)

from labelling import status, store

store.labels_status = status.labels_status
"""

ROUNDS = """
stages:
  start: {cmd: "echo run >> ran_start; echo model > m_r00", outs: [m_r00], meta: {gpu: true}}
  labels:
    foreach: ${rounds}
    do:
      cmd: "test -f votes_${key} || { echo votes are missing; exit 75; }; cp m_${item.prev} l_${item.round}"
      deps: ["m_${item.prev}"]
      outs: ["l_${item.round}"]
  judge:
    foreach: ${rounds}
    do:
      cmd: >-
        echo run >> ran_${item.round}; cp l_${item.round} m_${item.round};
        echo '{"accuracy": {"panel": 0.75}}' > q_${item.round}.json
      deps: ["l_${item.round}"]
      outs: ["m_${item.round}"]
      metrics: ["q_${item.round}.json"]
  report:
    foreach: [low_light]
    do: {cmd: "cat m_r0* > report", deps: [m_r01, m_r02], outs: [report]}
"""
ROUNDS_PARAMS = "rounds: {low_light-r01: {round: r01, prev: r00}, low_light-r02: {round: r02, prev: r01}}\n"
ONE_ROUND = ROUNDS.replace("deps: [m_r01, m_r02]", "deps: [m_r01]")
# What params.yaml says where all flows have something to do.
ALL_FLOWS = "kinds: {low_light: {}, brackets: {}, thermal: {}}\nsearched: [brackets]\ngenetic: {kinds: [low_light]}\n"
ONE_ROUND_PARAMS = "rounds: {low_light-r01: {round: r01, prev: r00}}\n"


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
