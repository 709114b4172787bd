from __future__ import annotations

from pathlib import Path

import pytest

from flows import server_log
from flows.server_log import ServerLog

FAILED = """12:00:01.123 | ERROR   | prefect.server.services.scheduler - schedule_deployments failed
Traceback (most recent call last):
  File "x.py", line 1, in run
    raise error
sqlalchemy.exc.InvalidRequestError: Can't evaluate bulk DML statement
"""


def log_of(tmp_path: Path, before: str = "") -> tuple[ServerLog, Path]:
    path = tmp_path / "server.log"
    path.write_text(before)
    return ServerLog(path), path


def add(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def test_an_error_comes_with_its_cause_in_one_line(tmp_path: Path) -> None:
    log, path = log_of(tmp_path)
    add(path, "12:00:00.000 | INFO    | uvicorn - started\n" + FAILED)
    assert log.new_errors() == [
        "prefect.server.services.scheduler - schedule_deployments failed: "
        "sqlalchemy.exc.InvalidRequestError: Can't evaluate bulk DML statement"
    ]


def test_what_was_there_before_is_old(tmp_path: Path) -> None:
    log, _ = log_of(tmp_path, FAILED)
    assert log.new_errors() == []


def test_the_same_error_every_minute_is_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, path = log_of(tmp_path)
    add(path, FAILED)
    assert len(log.new_errors()) == 1
    add(path, FAILED)
    assert log.new_errors() == []
    monkeypatch.setattr(server_log, "_AGAIN_SECONDS", 0.0)
    add(path, FAILED)
    assert len(log.new_errors()) == 1


def test_half_a_line_waits_for_its_end(tmp_path: Path) -> None:
    log, path = log_of(tmp_path)
    add(path, "12:00:01 | ERROR   | it is")
    assert log.new_errors() == []
    add(path, " broken\n")
    assert log.new_errors() == ["it is broken"]


def test_a_log_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    assert ServerLog(tmp_path / "none").new_errors() == []
