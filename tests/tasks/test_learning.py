from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from models.core.training import Settings
from tasks.config import load_whole
from tasks.training.learning import learn, settings_of

START = load_whole(Path(__file__).resolve().parents[2] / "presets" / "demo.yaml").of("low_light").start
SECTION = START.model_copy(
    update={"steps": 12, "save_every": 4, "log_every": 2, "learning_rate": 0.05, "ema": None, "accumulate": 1}
)


def batch(index: int) -> torch.Tensor:
    return torch.ones(2, 3)


def objective(model: nn.Module, x: torch.Tensor) -> tuple[torch.Tensor, Mapping[str, Any]]:
    error = (model(x) - 1).square().mean()
    return error, {"error": error}


def run(live: Path | None, use: Any = objective) -> tuple[nn.Module, Any]:
    torch.manual_seed(0)
    model = nn.Linear(3, 1)
    outcome = learn(
        model, batch, use, SECTION, seed=1, name="align@low_light-r01", identity="data", device="cpu", live=live
    )
    return model, outcome


def files(live: Path) -> dict[str, bytes]:
    return {str(path.relative_to(live)): path.read_bytes() for path in sorted(live.rglob("*")) if path.is_file()}


def test_every_number_of_the_section_reaches_the_engine() -> None:
    found = settings_of(START.model_copy(update={"ema": 0.9, "accumulate": 3, "halve_every": 7}), seed=5)
    assert isinstance(found, Settings)
    for name in Settings.__dataclass_fields__:
        wanted = {"seed": 5, "ema": 0.9, "accumulate": 3, "halve_every": 7}.get(name, getattr(START, name, None))
        assert getattr(found, name) == wanted, name


def test_curves_and_metrics_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    _, outcome = run(tmp_path / "live")
    metrics = json.loads((tmp_path / "live" / "metrics.json").read_text())
    assert metrics["step"] == 12
    assert metrics["error"] == pytest.approx(outcome.history[-1]["error"])
    curve = (tmp_path / "live" / "plots" / "metrics" / "error.tsv").read_text().splitlines()
    assert curve[0].split("\t") == ["step", "error"]
    assert [int(line.split("\t")[0]) for line in curve[1:]] == [2, 4, 6, 8, 10, 12]
    assert outcome.folder == Path(".loupe/training/align-low_light-r01")
    outcome.discard_state()
    assert not outcome.folder.exists()


def test_the_curves_of_an_interrupted_training_are_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _, outcome = run(tmp_path / "whole")
    outcome.discard_state()
    calls = 0

    def failing(model: nn.Module, x: torch.Tensor) -> Any:
        nonlocal calls
        calls += 1
        if calls > 7:
            raise KeyboardInterrupt
        return objective(model, x)

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "live", failing)
    _, outcome = run(tmp_path / "live")
    assert outcome.resumed_at == 4
    assert files(tmp_path / "live") == files(tmp_path / "whole")


def test_a_state_of_other_params_is_not_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`crop` means nothing to the engine, but a training on other crops is another training."""
    monkeypatch.chdir(tmp_path)
    resumed = []
    for crop in (64, 64, 96):
        torch.manual_seed(0)
        section = SECTION.model_copy(update={"crop": crop})
        outcome = learn(
            nn.Linear(3, 1),
            batch,
            objective,
            section,
            seed=1,
            name="start@low_light",
            identity="data",
            device="cpu",
            live=None,
        )
        resumed.append(outcome.resumed_at)
    assert resumed == [0, 12, 0]
