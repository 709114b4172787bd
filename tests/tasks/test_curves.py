from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from tasks.training.curves import curves

POINTS = [
    (10, {"loss": 0.5094003677368164, "content": 1e-17}),
    (20, {"loss": 3.0, "content": math.nan}),
    (25, {"loss": -math.inf, "content": 123456789.0}),
]


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_files_are_those_of_dvclive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dvclive = pytest.importorskip("dvclive")
    monkeypatch.chdir(tmp_path)
    with dvclive.Live(dir="theirs", save_dvc_exp=False, dvcyaml=None, report=None, monitor_system=False) as live:
        for step, values in POINTS:
            live.step = step
            for name, value in values.items():
                live.log_metric(name, value)
    with curves(tmp_path / "ours") as ours:
        for step, values in POINTS:
            ours.log(step, values)
    found = files(tmp_path / "ours")
    assert set(found) == {"metrics.json", "plots/metrics/loss.tsv", "plots/metrics/content.tsv"}
    assert found == files(tmp_path / "theirs")


def test_an_earlier_training_leaves_nothing_and_a_broken_one_what_it_reached(tmp_path: Path) -> None:
    with curves(tmp_path) as first:
        first.log(1, {"old": 1.0})
    with pytest.raises(KeyboardInterrupt), curves(tmp_path) as second:
        second.log(7, {"new": 2.0})
        raise KeyboardInterrupt
    assert set(files(tmp_path)) == {"metrics.json", "plots/metrics/new.tsv"}
    assert json.loads((tmp_path / "metrics.json").read_text()) == {"new": 2.0, "step": 7}
