from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tasks.config import ConfigError, Params, View, load_whole
from tasks.config.base import Training
from tasks.stage import together

ROOT = Path(__file__).resolve().parents[2]


def section(accumulate: int) -> Training:
    return Training(steps=1, batch=1, learning_rate=0.1, accumulate=accumulate)


@pytest.mark.parametrize(
    ("wanted", "accumulate", "number"),
    [(1, [4], 1), (2, [4], 2), (2, [1], 1), (4, [6], 3), (8, [4, 6], 2), (4, [], 1), (0, [4], 1)],
)
def test_so_many_processes_share_a_step(wanted: int, accumulate: list[int], number: int) -> None:
    assert together.shared_by(wanted, [section(count) for count in accumulate]) == number


def test_trainings_inside_a_section_count(params: Params) -> None:
    start = params.low_light.start  # type: ignore[attr-defined]
    inner = {"first": start.model_copy(update={"accumulate": 3, "phases": {}})}
    assert together.shared_by(6, [start.model_copy(update={"accumulate": 6, "phases": inner}), None]) == 3


@pytest.fixture(scope="module")
def params() -> Params:
    return load_whole(ROOT / "presets" / "demo.yaml")


def started(params: Params, processes: int, accumulate: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many processes are started for an alignment; none where the stage runs here."""
    own = params.low_light  # type: ignore[attr-defined]
    changed = params.model_copy(
        update={
            "machine": params.machine.model_copy(update={"processes": processes, "device": "cpu"}),
            "low_light": own.model_copy(update={"align": own.align.model_copy(update={"accumulate": accumulate})}),
        }
    )
    found: list[int] = []

    def start(number: int) -> int:
        found.append(number)
        return 7

    monkeypatch.setattr(together, "_start", start)
    code = together.run(lambda: 3, View(changed, ("{kind}.align",), "low_light"), ("align",), lambda _: "cpu")
    assert code == (7 if found else 3)
    return found


def test_a_stage_starts_its_processes(
    params: Params, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert started(params, 1, 4, monkeypatch) == []
    assert started(params, 4, 4, monkeypatch) == [4]
    assert started(params, 0, 4, monkeypatch) == []  # without a GPU
    assert capsys.readouterr().out == ""
    assert started(params, 4, 2, monkeypatch) == [2]
    assert "2 of 4 processes share the training: more do not divide align.accumulate" in capsys.readouterr().out


def test_a_stage_that_a_launcher_started_starts_no_more(params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "no")  # accelerate launch --num_processes 1
    assert started(params, 4, 4, monkeypatch) == []
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="trains nothing"):
        together.run(lambda: 0, View(params, ()), (), lambda _: "cpu")


def test_an_error_of_a_process_that_does_not_lead_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(together.time, "sleep", waited.append)
    together.say_if_alone()
    monkeypatch.setenv("WORLD_SIZE", "2")
    together.say_if_alone()
    assert waited == []
    monkeypatch.setenv("RANK", "1")
    together.say_if_alone()
    assert len(waited) == 1


def test_what_does_not_lead_writes_and_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    from pictures import write_json

    with together._behind():
        write_json(Path("data") / "x.json", {})
        print("here")
        print("there", file=sys.stderr)
    assert not (tmp_path / "data").exists()
    assert list((tmp_path / ".loupe" / "work").iterdir()) == []
    assert capsys.readouterr() == ("", "")
