from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from flow_helpers import ROUNDS, Project, dvc, flow_environment, lines, wait_until

SLOW_START = ROUNDS.replace("echo run >> ran_start;", "echo run >> ran_start; sleep 4;")

NEXT_ON_THE_GPU = """
  next: {cmd: "cp m_r00 next", deps: [m_r00], outs: [next], meta: {gpu: true}}
"""


Start = Callable[..., subprocess.Popen[str]]


# A shell's background job ignores SIGINT and so does all it starts; this suite may be one.
HEEDING_INTERRUPTS = ("env", "--default-signal=INT")


@pytest.fixture
def start() -> Iterator[Start]:
    """start(root, api, *arguments) starts the flow's command; whatever still runs after the test is killed."""
    started: list[subprocess.Popen[str]] = []

    def launch(root: Path, api: str | None, *arguments: str) -> subprocess.Popen[str]:
        command = [*HEEDING_INTERRUPTS, sys.executable, "-m", "flows", "low-light", *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        started.append(subprocess.Popen(command, cwd=root, env=flow_environment(root, api), text=True, **pipes))
        return started[-1]

    yield launch
    for process in started:
        process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    output, errors = process.communicate(timeout=120)
    return process.returncode, output, errors


@pytest.mark.slow
def test_one_line_a_stage_and_exit_codes(project: Project, prefect_api: str, start: Start) -> None:
    root = project()
    code, output, errors = ended(start(root, prefect_api))
    assert (code, errors) == (75, "")
    first, second, last = output.splitlines()
    assert first.split()[:2] == ["start", "ran"]
    assert second.split()[:3] == ["labels@low_light-r01", "awaiting", "labels"]
    assert (
        last == "labels@low_light-r01 has 1 of 4 votes: label with `loupe label low_light-r01`, then start this again"
    )
    code, output, errors = ended(start(root, prefect_api, "--target", "reprot"))
    assert (code, output) == (1, "")
    assert errors.startswith("error: no stage named 'reprot'")


@pytest.mark.slow
def test_a_killed_run_leaves_dvc_to_finish_its_stage(project: Project, start: Start) -> None:
    """kill -9 in the middle of a GPU stage: nothing runs twice, no slot stays taken, no server is left behind."""
    root = project(SLOW_START + NEXT_ON_THE_GPU)
    process = start(root, None, "--target", "next")
    wait_until((root / "ran_start").exists)
    children = {child.pid: " ".join(child.cmdline()) for child in psutil.Process(process.pid).children()}
    server = next(pid for pid, command in children.items() if "server.py" in command)
    process.kill()
    process.communicate()
    code, output, errors = ended(start(root, None, "--target", "next"))
    assert (code, errors) == (0, "")
    assert lines(root / "ran_start") == 1
    assert [line.split()[:2] for line in output.splitlines()] == [["start", "cached"], ["next", "ran"]]
    wait_until(lambda: not psutil.pid_exists(server) or psutil.Process(server).status() == psutil.STATUS_ZOMBIE)
    assert "didn't change" in dvc(root, "repro", "start").stdout


@pytest.mark.slow
def test_an_interrupted_run_takes_its_stage_with_it(project: Project, prefect_api: str, start: Start) -> None:
    root = project(SLOW_START)
    process = start(root, prefect_api, "--target", "start")
    wait_until((root / "ran_start").exists)
    os.kill(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "start again to go on" in errors
    time.sleep(4.5)
    assert not (root / "m_r00").exists()
