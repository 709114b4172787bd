"""Two projects on one Prefect server that neither of them started, with one worker for both."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from flow_helpers import CODE, ONE_ROUND, ONE_ROUND_PARAMS, flow_environment, lines, wait_until

from flows.server import local_server
from labelling.desk.project import deployment_name, project_id
from labelling.desk.resume import ask, client_of

pytestmark = pytest.mark.slow
LAST_VOTE = "from labelling.desk.resume import after_last_vote; print(after_last_vote('low_light-r01'))"


@contextmanager
def worker(folder: Path, address: str) -> Iterator[None]:
    """`prefect worker start` in a folder of its own, with nothing of ours in its environment."""
    environment = flow_environment(folder, address) | {"PREFECT_WORKER_QUERY_SECONDS": "1"}
    del environment["PYTHONPATH"]
    with (folder / "worker.log").open("w") as log:
        command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", "shared"]
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            yield
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):  # how long Prefect's worker takes to stop is not tested here
                process.wait(timeout=20)
            with suppress(ProcessLookupError):  # it has children of its own
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


class Registered:
    """A project whose flows `loupe deploy --pool shared` has registered."""

    def __init__(self, root: Path, address: str, client: httpx.Client) -> None:
        self.root, self.address, self.client = root, address, client
        said = self.run("from flows.deployments import Pool, deploy; raise SystemExit(deploy(Pool('shared', limit=4)))")
        self.name = f"low-light/{deployment_name(False, root)}"
        assert f"{self.name} is registered at {address}" in said

    def run(self, code: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=self.root, env=flow_environment(self.root, self.address),
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self) -> str:
        id = ask(self.client, "GET", f"/deployments/name/{self.name}").json()["id"]
        return str(ask(self.client, "POST", f"/deployments/{id}/create_flow_run", {}).json()["id"])

    def state(self, run: str) -> Any:
        return ask(self.client, "GET", f"/flow_runs/{run}").json()["state"]

    def wait(self, run: str, name: str) -> Any:
        wait_until(lambda: self.state(run)["name"] in (name, "Failed", "Crashed"), 120)
        state = self.state(run)
        assert state["name"] == name, state["message"]
        return state


def test_projects_on_one_server_leave_each_other_alone(
    project_named: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    roots = [project_named(name, ONE_ROUND, ONE_ROUND_PARAMS) for name in ("mine", "yours")]
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    with ExitStack() as running:
        address = running.enter_context(local_server(tmp_path))
        client = running.enter_context(client_of(address, 20))
        mine, yours = (Registered(root, address, client) for root in roots)
        running.enter_context(worker(tmp_path, address))
        assert mine.name != yours.name
        runs = mine.start(), yours.start()
        keys = [
            each.wait(run, "Suspended")["state_details"]["pause_key"]
            for each, run in zip((mine, yours), runs, strict=True)
        ]
        assert keys == [f"gate-{project_id(root)}-low-light-r01-1" for root in roots]

        (mine.root / "votes_low_light-r01").touch()
        assert "The waiting run goes on." in mine.run(LAST_VOTE)
        mine.wait(runs[0], "Completed")
        assert (mine.root / "report").exists()
        assert yours.state(runs[1])["state_details"].get("pause_key") == keys[1], "the other's vote resumed it"
        assert not (yours.root / "report").exists()

        (yours.root / "votes_low_light-r01").touch()
        third = yours.start()  # a run of its own project finds it, and not the other's
        yours.wait(third, "ResumedWaitingRun")
        yours.wait(runs[1], "Completed")
        assert [lines(each.root / "ran_r01") for each in (mine, yours)] == [1, 1]

        assert ask(client, "GET", "/work_pools/shared").json()["concurrency_limit"] == 4
        environment = ask(client, "GET", f"/deployments/name/{mine.name}").json()["job_variables"]["env"]
        assert environment["PYTHONPATH"] == f"{mine.root}{os.pathsep}{CODE}"
