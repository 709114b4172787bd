"""When flows run, as params.yaml says it, and how the project's deployments are called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flow_helpers import ALL_FLOWS

from flows import deployments
from flows.deployments import Schedule, ScheduleError, schedules
from flows.server import OWN_SERVER
from labelling.desk.project import project_id


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
    code = str(Path(deployments.__file__).resolve().parents[1])
    assert deployments._code(tmp_path) == [str(tmp_path), code]
    assert deployments._code(Path(code)) == [code]
