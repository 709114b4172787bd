"""Resuming the waiting run, against a small server that answers as Prefect's REST API does."""

from __future__ import annotations

from pathlib import Path

import pytest
from prefect_helpers import FakePrefect

from labelling.desk import resume
from labelling.desk.project import note_own_server, project_id
from labelling.desk.resume import after_last_vote
from labelling.exchange import manifest

ROUND = "low_light-r01"
BY_HAND = "All labels of round low_light-r01 are in. To go on, run `dvc repro` (or `loupe run`)."


def gate(round: str = ROUND, number: int = 1) -> str:
    """The key of a run of this project that waits at the round's gate."""
    return f"gate-{project_id()}-{round.replace('_', '-')}-{number}"


def test_resumes_every_run_that_waits_at_this_rounds_gate(prefect: FakePrefect) -> None:
    for id, key in (
        ("a", gate()),
        ("b", gate("low_light-r011")),
        ("c", None),
        ("d", gate(number=12)),
        ("e", gate("low_light-r02")),
        ("f", gate("brackets-r01")),
        ("before", gate("r01")),  # kinds had no rounds of their own: nobody knows whose it is
        ("long before", "gate-r01-1"),
    ):
        prefect.add_run(id, key)
    assert after_last_vote(ROUND) == "All labels of round low_light-r01 are in. 2 waiting runs go on."
    resumed = [path for _, path, _ in prefect.asked if path.endswith("/resume")]
    assert resumed == ["/api/flow_runs/a/resume", "/api/flow_runs/d/resume"]
    assert not any("create_flow_run" in path for _, path, _ in prefect.asked)


def test_another_project_on_the_same_server_is_left_alone(prefect: FakePrefect, tmp_path: Path) -> None:
    """On a shared server only runs and deployments with this project's id are touched."""
    mine = project_id()
    note_own_server(None)
    for id, key in (
        ("mine", gate()),
        ("theirs", "gate-other-12345678-low-light-r01-1"),
        ("old", "gate-r01-1"),
        ("r011", f"{gate()}-2"),
    ):
        prefect.add_run(id, key)
    assert after_last_vote(ROUND) == "All labels of round low_light-r01 are in. The waiting run goes on."
    assert [path for _, path, _ in prefect.asked if path.endswith("/resume")] == ["/api/flow_runs/mine/resume"]
    prefect.runs.clear()
    assert after_last_vote(ROUND) == BY_HAND
    assert prefect.asked[-1][:2] == ("GET", f"/api/deployments/name/low-light/loupe-{mine}")


def test_finds_a_run_behind_many_others(prefect: FakePrefect) -> None:
    for i in range(250):
        prefect.add_run(f"x{i}", gate("low_light-r09"))
    prefect.add_run("wanted", gate())
    assert after_last_vote(ROUND) == "All labels of round low_light-r01 are in. The waiting run goes on."


@pytest.mark.parametrize("busy", [1, 3])
def test_a_busy_server_is_asked_again(prefect: FakePrefect, monkeypatch: pytest.MonkeyPatch, busy: int) -> None:
    """Prefect answers 503 where its database is locked for a moment; the last vote is not lost on it."""
    monkeypatch.setattr(resume, "_PAUSES", (0.01, 0.01, 0.01, 0.01))
    prefect.add_run("a", gate())
    prefect.busy = busy
    assert after_last_vote(ROUND) == "All labels of round low_light-r01 are in. The waiting run goes on."


def test_one_that_stays_busy_is_not_asked_for_ever(prefect: FakePrefect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resume, "_PAUSES", (0.01, 0.01))
    prefect.busy = 1000
    assert after_last_vote(ROUND) == BY_HAND
    assert len(prefect.asked) == 3


def test_starts_the_deployment_where_none_waits(prefect: FakePrefect) -> None:
    prefect.add_run("b", gate("low_light-r02"))
    assert after_last_vote(ROUND).startswith(
        "All labels of round low_light-r01 are in. A new run was started in Prefect"
    )
    assert prefect.asked[-1] == ("POST", "/api/deployments/d1/create_flow_run", {})


def test_a_run_that_was_resumed_by_somebody_else_is_no_harm(prefect: FakePrefect) -> None:
    prefect.add_run("a", gate())
    prefect.add_run("b", gate())
    prefect.verdicts["a"] = "ABORT"
    assert after_last_vote(ROUND) == "All labels of round low_light-r01 are in. The waiting run goes on."
    prefect.verdicts["b"] = "REJECT"
    assert after_last_vote(ROUND) == BY_HAND


def test_without_a_deployment_the_sentence_says_what_to_run(prefect: FakePrefect) -> None:
    prefect.deployment = None
    assert after_last_vote(ROUND) == BY_HAND


def test_without_an_address_nothing_is_called(prefect: FakePrefect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL")
    assert after_last_vote(ROUND) == BY_HAND
    assert prefect.asked == []
    assert "new run was started" in after_last_vote(ROUND, api_url=f"{prefect.api}/")


@pytest.mark.parametrize("broken", [b"<html>no API</html>", b'{"detail": "?"}', b"[1, 2]"])
def test_a_server_that_is_something_else(prefect: FakePrefect, broken: bytes) -> None:
    prefect.broken = broken
    assert after_last_vote(ROUND) == BY_HAND


def test_a_silent_server_costs_little_time(prefect: FakePrefect) -> None:
    prefect.silent.clear()
    assert after_last_vote(ROUND, timeout=0.2) == BY_HAND
    prefect.silent.set()


@pytest.mark.parametrize("address", ["http://127.0.0.1:1/api", "nonsense", "http://[bad", "ftp://127.0.0.1/"])
def test_an_address_that_leads_nowhere(address: str) -> None:
    assert after_last_vote(ROUND, api_url=address, timeout=0.5) == BY_HAND


def test_a_proxy_of_the_environment_is_not_asked_for_loopback(
    prefect: FakePrefect, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    prefect.add_run("a", gate())
    assert after_last_vote(ROUND) == "All labels of round low_light-r01 are in. The waiting run goes on."


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_no_run_waits_for_the_validation_photos(prefect: FakePrefect) -> None:
    prefect.add_run("a", gate("brackets-validation"))
    said = after_last_vote("brackets-validation")
    assert said.startswith(
        "All labels of round brackets-validation are in. To take them into the report, raise evaluate.label_rev"
    )
    assert prefect.asked == []


@pytest.mark.parametrize(("task", "command"), [("pairs", "loupe study results"), ("ratings", "loupe ratings export")])
def test_no_run_waits_for_a_study(prefect: FakePrefect, project: Path, task: manifest.Task, command: str) -> None:
    manifest.Manifest("llie", task, "Which?", ("a", "b"), ()).save()
    said = after_last_vote("llie")
    assert said.startswith("All labels of round llie are in.")
    assert f"`{command}`" in said
    assert "llie" not in said.replace("round llie", "")  # the page shows it without the name
    assert prefect.asked == []
    assert "new run was started" in after_last_vote(ROUND)


def test_a_study_whose_manifest_is_damaged(prefect: FakePrefect, project: Path) -> None:
    path = manifest.Manifest("llie", "pairs", "Which?", ("a", "b"), ()).save()
    path.write_text("{")
    assert "cannot be computed yet" in after_last_vote("llie")
    assert prefect.asked == []
