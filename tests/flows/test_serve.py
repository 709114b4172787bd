from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from flow_helpers import ALL_FLOWS, ONE_ROUND, ONE_ROUND_PARAMS, Project, flow_environment, lines, wait_until

from flows import deployments

pytestmark = pytest.mark.slow


class Patient(httpx.HTTPTransport):
    """Asks again where the server's database is busy, as Prefect's own client does."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        for _ in range(20):
            response = super().handle_request(request)
            if response.status_code != 503:
                break
            time.sleep(0.5)
        return response


class Served:
    """A served project, driven over the REST API as the labelling app and the browser do it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.log = (root / "serve.log").open("w")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "flows.serve", "--port", str(self.port), "--label-port", "0"],
            cwd=root,
            env=flow_environment(root, None),
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}/api", transport=Patient(), timeout=20)
        self.deployment = self._deployment()

    def _deployment(self) -> str:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            assert self.process.poll() is None, (self.root / "serve.log").read_text()
            try:
                answer = self.client.get("/deployments/name/low-light/loupe")
            except httpx.TransportError:
                answer = None
            if answer is not None and answer.status_code == 200:
                return str(answer.json()["id"])
            time.sleep(0.2)
        raise TimeoutError("no deployment")

    def start(self) -> str:
        answer = self.client.post(f"/deployments/{self.deployment}/create_flow_run", json={})
        return str(answer.raise_for_status().json()["id"])

    def resume(self, run: str) -> None:
        self.client.post(f"/flow_runs/{run}/resume", json={"run_input": {}}).raise_for_status()

    def state(self, run: str, *names: str) -> dict[str, Any]:
        """Waits until the run is in one of the named states."""
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            state: dict[str, Any] = self.client.get(f"/flow_runs/{run}").json()["state"]
            if state["name"] in names:
                return state
            time.sleep(0.2)
        raise TimeoutError(f"{state['name']}: {state['message']}\n{(self.root / 'serve.log').read_text()[-3000:]}")

    def gate(self, run: str, key: str) -> None:
        """Waits until the run is suspended with that key."""
        for _ in range(450):
            state = self.state(run, "Suspended", "Resuming", "Running", "Pending", "Scheduled", "Failed")
            if state["state_details"].get("pause_key") == key:
                return
            assert state["name"] != "Failed", state["message"]
            time.sleep(0.2)
        raise TimeoutError(key)

    def artifacts(self, *keys: str) -> dict[str, dict[str, Any]]:
        """The newest artifact of each key."""
        wanted = {"artifacts": {"key": {"any_": list(keys)}}}
        return {item["key"]: item for item in self.client.post("/artifacts/latest/filter", json=wanted).json()}

    def form(self, run: str) -> str:
        """The words of the form at Resume; Prefect takes them in a moment after the state."""
        key = self.state(run, "Suspended")["state_details"]["run_input_keyset"]["description"]
        for _ in range(50):
            answer = self.client.get(f"/flow_runs/{run}/input/{key}")
            if answer.status_code == 200:
                return answer.text
            time.sleep(0.2)
        raise TimeoutError(answer.text)

    def tasks(self, run: str) -> dict[str, tuple[str, str]]:
        """Stage -> type and name of its state, of its earliest task; the server records them a moment later."""
        for _ in range(50):
            wanted = {"task_runs": {"flow_run_id": {"any_": [run]}}, "sort": "EXPECTED_START_TIME_DESC"}
            found = self.client.post("/task_runs/filter", json=wanted).json()
            if found and all(task["state_type"] not in ("RUNNING", "PENDING") for task in found):
                break
            time.sleep(0.2)
        return {task["name"]: (task["state_type"], task["state_name"]) for task in found}

    def scheduled_run(self, deployment: str) -> dict[str, Any]:
        """Waits for a run of a schedule that has completed."""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            wanted = {
                "flow_runs": {"deployment_id": {"any_": [deployment]}, "state": {"type": {"any_": ["COMPLETED"]}}},
                "limit": 5,
            }
            for run in self.client.post("/flow_runs/filter", json=wanted).json():
                if run["auto_scheduled"] and run["state_name"] == "Completed":
                    return dict(run)
            time.sleep(0.5)
        raise TimeoutError((self.root / "serve.log").read_text()[-3000:])

    def close(self) -> None:
        self.client.close()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=90)
        finally:
            self.process.kill()
            self.process.wait()
            self.log.close()


def said_by(root: Path, words: str) -> str:
    """Waits until the served project has said these words; returns all that it said."""
    deadline = time.monotonic() + 90
    while words not in (said := (root / "serve.log").read_text()):
        assert time.monotonic() < deadline, said
        time.sleep(0.1)
    return said


def test_a_run_suspends_at_the_gate_and_goes_on_with_the_votes(project: Project) -> None:
    root = project(ONE_ROUND, ONE_ROUND_PARAMS + ALL_FLOWS)
    running = Served(root)
    try:
        run = running.start()
        project = (root / ".loupe" / "project").read_text().split()[0]
        running.gate(run, f"gate-{project}-low-light-r01-1")
        said = running.state(run, "Suspended")["message"]
        assert said.startswith(
            "round r01 of low light waits for labels: 1 of 4 votes are in. To go on, label at http://"
        )
        links = running.artifacts(f"labels-{project}-low-light-r01", f"labels-{project}-low-light-r01-link")
        assert links[f"labels-{project}-low-light-r01"]["type"] == "progress"
        assert links[f"labels-{project}-low-light-r01"]["data"] == 25.0
        assert "http://127.0.0.1:" in links[f"labels-{project}-low-light-r01-link"]["data"]
        assert "Nothing has to be filled in" in running.form(run)
        assert running.tasks(run)["labels@low_light-r01"] == ("PAUSED", "AwaitingLabels")
        for flow in deployments.FLOWS:
            answer = running.client.get(f"/deployments/name/{flow}/loupe")
            assert answer.status_code == 200, flow
            assert answer.json()["tags"] == [project]
        log = (root / ".loupe/logs/labels@low_light-r01.log").read_text()
        assert "votes are missing" in log
        assert not re.search(r"ERROR|failed to reproduce|git add|autostage", log)

        other = running.start()  # a schedule's next run does not pile up behind the first
        assert "1 of 4" in running.state(other, "AlreadyWaiting")["message"]

        running.resume(run)  # too early: it suspends again
        running.gate(run, f"gate-{project}-low-light-r01-2")

        (root / "votes_low_light-r01").touch()
        third = running.start()  # finds the labels in, and the waiting run
        running.state(third, "ResumedWaitingRun")
        running.state(run, "Completed")
        assert running.tasks(run)["labels@low_light-r01"] == ("COMPLETED", "LabelsIn")
        assert (root / "report").exists()
        assert lines(root / "ran_start") == lines(root / "ran_r01") == 1
    finally:
        running.close()
    assert running.process.returncode == 0
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", running.port)) != 0, "the server is still there"


def test_a_taken_port_is_said(project: Project) -> None:
    root = project()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "flows.serve", "--port", port]
        environment = flow_environment(root, None)
        done = subprocess.run(
            command, cwd=root, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
    assert done.returncode == 1
    assert f"port {port} is taken" in done.stderr


def test_what_is_set_in_the_ui_stays_and_schedules_fire(project: Project) -> None:
    """A schedule of seconds made over the API starts a run by itself; a second start of the server keeps it.

    The labelling app runs beside it, prints links that work, and ends with it.
    """
    root = project("stages:\n  report: {cmd: 'echo run >> ran; echo x > report', outs: [report]}\n", ONE_ROUND_PARAMS)
    running = Served(root)
    try:
        link = next(word for word in said_by(root, "To watch").split() if "/o/" in word)
        with httpx.Client(trust_env=False, follow_redirects=True) as client:
            assert client.get(link).status_code == 200
        deployment = running.deployment
        # Runs are scheduled ahead with the parameters of that moment: the schedule comes last.
        mine = {"tags": ["mine"], "parameters": {"target": "report"}, "description": "as I like it"}
        running.client.patch(f"/deployments/{deployment}", json=mine).raise_for_status()
        schedule = {"active": True, "schedule": {"interval": 3}}
        running.client.post(f"/deployments/{deployment}/schedules", json=[schedule]).raise_for_status()
        done = running.scheduled_run(deployment)
        assert re.fullmatch(r"low-light to report, \d\d \w{3} \d\d:\d\d", done["name"])
        assert lines(root / "ran") == 1
    finally:
        running.close()
    assert running.process.returncode == 0
    assert "has ended" not in (root / "serve.log").read_text()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", httpx.URL(link).port or 0)) != 0, "the labelling app is still there"
    again = Served(root)
    try:
        kept = again.client.get(f"/deployments/{deployment}").json()
        assert [item["schedule"]["interval"] for item in kept["schedules"]] == [3]
        assert (kept["tags"], kept["description"]) == (["mine"], "as I like it")
    finally:
        again.close()
    said = (root / "serve.log").read_text()
    assert said.startswith("Starting Prefect's server")
    assert not re.search(r"WARNING|ERROR|Traceback|reports:", said), said


SLOW = """
stages:
  slow:
    cmd: "echo run >> ran; while ! test -f go; do sleep 0.05; done; echo '{\\"psnr\\": 1}' > q_r01.json"
    metrics: [q_r01.json]
  report:
    foreach: [low_light]
    do: {cmd: "echo x > report", deps: [q_r01.json], outs: [report]}
"""


def test_one_instance_a_project_and_what_dies_is_started_again(project: Project) -> None:
    """The server dies while a stage runs, which ends before there is a server again: the run goes on, and completes.

    A schedule of params.yaml is there. A labelling app that cannot start leaves Prefect alone.
    """
    given = ONE_ROUND_PARAMS + "schedule: {low-light: {cron: '0 2 * * *', timezone: Europe/Berlin}}\n"
    root = project(SLOW, given)
    (root / ".loupe").mkdir(exist_ok=True)
    (root / ".loupe" / "labels.sqlite").write_text("not a database, but long enough to be looked at as one" * 20)
    running = Served(root)
    try:
        said = said_by(root, "The labelling app has ended (exit code 1). Start it again with:")
        assert "is not an SQLite database" in said
        assert "Traceback" not in said
        found = running.client.get(f"/deployments/{running.deployment}").json()["schedules"]
        assert [(item["schedule"]["cron"], item["schedule"]["timezone"]) for item in found] == [
            ("0 2 * * *", "Europe/Berlin")
        ]
        second = subprocess.run(
            [sys.executable, "-m", "flows.serve"],
            cwd=root,
            env=flow_environment(root, None),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert second.returncode == 1
        assert f"this project is served already (process {running.process.pid})" in second.stderr
        server = next(
            child
            for child in psutil.Process(running.process.pid).children()
            if "server.py" in " ".join(child.cmdline())
        )
        run = running.start()
        wait_until((root / "ran").exists)
        server.kill()
        (root / "go").touch()
        said_by(root, "answers again")
        assert "Prefect's server has ended (exit code -9" in (root / "serve.log").read_text()
        running.state(run, "Completed")
        assert (root / "report").exists()
        assert lines(root / "ran") == 1
    finally:
        running.close()
    assert running.process.returncode == 0
