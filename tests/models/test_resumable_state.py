from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from models.core.resume import ResumableState

CPU = torch.device("cpu")


def state(folder: Path, part: nn.Module, fingerprint: str = "mine") -> ResumableState:
    return ResumableState(folder, fingerprint, {"part": part}, "the work")


def test_parts_and_values_come_back(tmp_path: Path) -> None:
    one, other = nn.Linear(2, 2), nn.Linear(2, 2)
    state(tmp_path / "s", one).save(step=7, history=[{"loss": 0.5}])
    found = state(tmp_path / "s", other).load(CPU)
    assert found is not None and (found["step"], found["history"]) == (7, [{"loss": 0.5}])
    assert torch.equal(one.weight, other.weight)


def test_a_state_of_something_else_is_removed(tmp_path: Path) -> None:
    part = nn.Linear(2, 2)
    state(tmp_path / "s", part, "another").save(step=7)
    before = part.weight.clone()
    assert state(tmp_path / "s", part).load(CPU) is None
    assert torch.equal(part.weight, before) and list((tmp_path / "s").iterdir()) == []


def test_a_damaged_state_is_said_and_removed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state(tmp_path / "s", nn.Linear(2, 2)).save(step=7)
    path = tmp_path / "s" / "state.pt"
    path.write_bytes(path.read_bytes()[:100])
    assert state(tmp_path / "s", nn.Linear(2, 2)).load(CPU) is None
    assert "is damaged" in (said := capsys.readouterr().out) and "the work starts anew" in said
    assert not path.exists()


def test_a_fresh_start_makes_the_folder(tmp_path: Path) -> None:
    assert state(tmp_path / "deep" / "s", nn.Linear(2, 2)).load(CPU) is None
    assert (tmp_path / "deep" / "s").is_dir()
