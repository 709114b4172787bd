"""When flows run, as params.yaml says it, and how the project's deployments are called."""

from __future__ import annotations

import os
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flow_helpers import ALL_FLOWS

from flows import deployments
from flows.deployments import CODE, Schedule, ScheduleError, schedules
from flows.pools import TEMPLATE, Pool, PoolError, job_variables, merged, ready
from flows.server import OWN_SERVER
from labelling.desk.project import project_id

# isort: split
from prefect.utilities.templating import apply_values


def test_no_schedule() -> None:
    assert schedules({}) == schedules({"schedule": None}) == schedules({"schedule": {"low-light": None}}) == {}


def test_schedules_of_several_flows() -> None:
    given = {"low-light": {"cron": "0 2 * * *", "timezone": "Europe/Berlin"}, "genetic": {"cron": "*/5 * * * *"}}
    assert schedules({"schedule": given}) == {
        "low-light": Schedule("0 2 * * *", "Europe/Berlin"),
        "genetic": Schedule("*/5 * * * *", "UTC"),
    }


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("0 2 * * *", "schedule: in params.yaml gives a schedule for each flow"),
        (
            {"low_light": {"cron": "0 2 * * *"}},
            "schedule.low_light: no such flow; they are low-light, brackets, thermal, search, genetic",
        ),
        ({"low-light": "0 2 * * *"}, "schedule.low-light: give a cron line and a timezone"),
        ({"low-light": {"timezone": "UTC"}}, "schedule.low-light: give a cron line and a timezone"),
        ({"low-light": {"cron": "0 2 * * *", "tz": "UTC"}}, "schedule.low-light: give a cron line and a timezone"),
    ],
)
def test_faults_of_a_schedule_in_a_line(given: Any, said: str) -> None:
    with pytest.raises(ScheduleError) as error:
        schedules({"schedule": given})
    assert str(error.value).startswith(said)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("schedule", "said"),
    [(Schedule("every night"), "cron"), (Schedule("0 2 * * *", "Europe/Atlantis"), "timezone")],
)
def test_what_only_prefect_can_judge_is_a_line_too(schedule: Schedule, said: str) -> None:
    with pytest.raises(ScheduleError) as error:
        deployments._check("low-light", schedule)
    assert str(error.value).startswith("schedule.low-light: ")
    assert said in str(error.value).lower()
    assert "\n" not in str(error.value)


def test_names_tell_projects_apart_where_the_server_is_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(OWN_SERVER, raising=False)
    id = project_id(tmp_path)
    assert deployments.full_names(tmp_path)[0] == f"low-light/loupe-{id}"
    monkeypatch.setenv(OWN_SERVER, "1")
    assert deployments.full_names(tmp_path) == ["low-light/loupe", "brackets/loupe", "thermal/loupe"]
    (tmp_path / "params.yaml").write_text(ALL_FLOWS)
    assert deployments.full_names(tmp_path) == [
        "low-light/loupe",
        "brackets/loupe",
        "thermal/loupe",
        "search/loupe",
        "genetic/loupe",
    ]


def test_deploy_without_a_server_says_where_one_comes_from(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    assert deployments.deploy(None) == 1
    assert capsys.readouterr().err == "error: PREFECT_API_URL names no server; `make ui` starts one of its own\n"


def test_a_worker_finds_the_project_and_this_code(tmp_path: Path) -> None:
    given = job_variables(Pool("p"), "process", tmp_path, CODE, "http://server/api")
    path = f"{tmp_path}{os.pathsep}{CODE}"
    assert given == {
        "working_dir": str(tmp_path),
        "env": {"PREFECT_API_URL": "http://server/api", "PYTHONPATH": path},
    }
    assert job_variables(Pool("p"), "process", CODE, CODE, "a")["env"]["PYTHONPATH"] == str(CODE)


def test_a_pod_has_the_project_s_folder_a_gpu_and_secrets() -> None:
    pool = Pool("gpus", image="loupe:1", claim="night", secret="loupe", gpus=1)
    given = job_variables(pool, "kubernetes", Path("/projects/night"), CODE, "http://server/api")
    config = apply_values(
        TEMPLATE["job_configuration"], given | {"command": "prefect flow-run execute"}, remove_notset=True
    )
    pod = config["job_manifest"]["spec"]["template"]["spec"]
    assert pod["volumes"] == [{"name": "project", "persistentVolumeClaim": {"claimName": "night"}}]
    container = pod["containers"][0]
    assert (container["image"], container["workingDir"]) == ("loupe:1", "/projects/night")
    assert container["volumeMounts"] == [{"name": "project", "mountPath": "/projects/night"}]
    assert container["envFrom"] == [{"secretRef": {"name": "loupe"}}]
    assert container["resources"]["limits"] == container["resources"]["requests"] == {"nvidia.com/gpu": 1}
    assert container["env"] == {"PREFECT_API_URL": "http://server/api", "PYTHONPATH": "/projects/night"}
    without = job_variables(Pool("cpus", image="loupe:1", claim="night"), "kubernetes", Path("/p"), CODE, "a")
    container = apply_values(TEMPLATE["job_configuration"], without)["job_manifest"]["spec"]["template"]["spec"][
        "containers"
    ][0]
    assert "envFrom" not in container
    assert "nvidia.com/gpu" not in str(container["resources"])


def test_what_people_set_of_a_run_stays() -> None:
    before = {"env": {"THEIRS": "1", "PYTHONPATH": "old"}, "stream_output": False}
    assert merged(before, {"working_dir": "/p", "env": {"PYTHONPATH": "/p"}}) == {
        "env": {"THEIRS": "1", "PYTHONPATH": "/p"},
        "stream_output": False,
        "working_dir": "/p",
    }


class Server:
    """The pools of a Prefect server."""

    def __init__(self, **types: str) -> None:
        self.types = types
        self.made: list[Any] = []

    def read_work_pool(self, name: str) -> Any:
        from prefect.exceptions import ObjectNotFound

        if name not in self.types:
            raise ObjectNotFound(None)
        return SimpleNamespace(type=self.types[name], base_job_template={"variables": {"properties": {"image": {}}}})

    def create_work_pool(self, pool: Any) -> None:
        self.made.append(pool)


def test_a_pool_is_made_of_the_type_asked_for() -> None:
    server = Server(there="process")
    assert ready(server, Pool("there")) == ready(server, Pool("new")) == "process"  # type: ignore[arg-type]
    pods = Pool("pods", "kubernetes", limit=2, image="i", claim="c")
    assert ready(server, pods) == "kubernetes"  # type: ignore[arg-type]
    assert [(pool.name, pool.type, pool.concurrency_limit) for pool in server.made] == [
        ("new", "process", None),
        ("pods", "kubernetes", 2),
    ]
    assert server.made[1].base_job_template == TEMPLATE


@pytest.mark.parametrize(
    ("pool", "said"),
    [
        (
            Pool("there", "kubernetes", image="i", claim="c"),
            "there is of type process, not kubernetes; leave --type out",
        ),
        (Pool("boxes"), "boxes is of type docker; Loupe runs in pools of type process and kubernetes"),
        (Pool("new", "kubernetes", image="i"), "pods of the work pool new need --claim"),
        (Pool("there", gpus=1, secret="s"), "--secret, --gpus: only for a pool of type kubernetes"),
        (Pool("theirs", image="i", claim="c"), "template of the work pool theirs has no claim, working_dir"),
    ],
)
def test_a_pool_that_cannot_take_the_runs_is_refused(pool: Pool, said: str) -> None:
    server = Server(there="process", boxes="docker", theirs="kubernetes")
    with pytest.raises(PoolError, match=re.escape(said)):
        ready(server, pool)  # type: ignore[arg-type]
    assert server.made == []
