"""A flow whose Prefect server goes away, in this process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from flow_helpers import Project, lines

import flows  # noqa: F401

# isort: split
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import State

from flows import running

pytestmark = pytest.mark.usefixtures("in_prefect")
STAGES = "stages:\n  end: {cmd: 'echo run >> ran; echo x > end', outs: [end]}\n"


@flow(name="test-running", persist_result=False)
def up_to_date(target: str) -> State[Any]:
    return running.bring_up_to_date(target)


@pytest.fixture
def root(project: Project, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = project(STAGES, "")
    monkeypatch.chdir(folder)
    return folder


def test_a_server_that_went_away_is_waited_for(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The stage ran, and its end could not be told: it is found done once there is a server again."""
    healthy: list[Exception | None] = [httpx.ConnectError("refused"), None]
    walk = running.walk
    walks = 0

    def cut_off(*arguments: Any, **options: Any) -> Any:
        nonlocal walks
        walks += 1
        found = walk(*arguments, **options)
        if walks == 1:
            raise httpx.ConnectError("refused")
        return found

    told: list[Any] = []
    monkeypatch.setattr(running.notify, "tell", lambda *about: told.append(about) or ["notify: said"])
    monkeypatch.setattr(running, "walk", cut_off)
    monkeypatch.setattr(SyncPrefectClient, "api_healthcheck", lambda self: healthy.pop(0))
    monkeypatch.setattr(running, "_ASKED_AGAIN_SECONDS", 0.0)
    state = up_to_date("end", return_state=True)
    assert state.is_completed()
    assert (walks, healthy, lines(root / "ran")) == (2, [], 1)
    said = capsys.readouterr().err
    assert "Prefect's server does not answer; waiting for it" in said
    assert told == [(root, {}, ["end", "GraphError end", "GateError end"])]
    assert "notify: said\n" in said

    unknown = up_to_date("start", return_state=True)
    assert unknown.is_failed()
    assert told[1:] == [(root, {"GraphError start": unknown.message})]


def test_a_server_that_stays_away_ends_the_run(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut_off(*arguments: Any, **options: Any) -> Any:
        raise httpx.ConnectError("refused")

    monkeypatch.setattr(running, "walk", cut_off)
    monkeypatch.setattr(running, "_PATIENCE_SECONDS", 0)
    state = up_to_date("end", return_state=True)
    assert state.is_failed()
    assert "refused" in str(state.message)
    assert not (root / "ran").exists()
