"""`loupe score`: a judge's opinion of a user's pictures, as a table and as heatmaps."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from skimage import data

from cli.main import main
from models.core.storage import save_weights
from models.judges import create
from pictures import read_uint8, write_png
from tasks.training.judges import judge_path

ROOT = Path(__file__).resolve().parents[2]
SMALL = {"side": 64, "grid": 4, "width": 16, "depth": 1, "heads": 2}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    values = yaml.safe_load((ROOT / "presets" / "demo.yaml").read_text())
    values["thermal"]["judge"]["options"] = SMALL
    Path("params.yaml").write_text(yaml.safe_dump(values))
    torch.manual_seed(0)
    for round_name in ("r00", "r01"):
        save_weights(create("reward", **SMALL), judge_path("thermal", round_name))
    save_weights(create("ranker", **values["low_light"]["judge"]["options"]), judge_path("low_light", "r03"))
    for number, name in enumerate(("a", "b", "c")):
        for folder in ("fused", "ir", "vis"):
            write_png(f"{folder}/{name}.png", np.roll(data.astronaut()[: 100 + number, :120], number, 2))
    return tmp_path


def loupe(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["loupe", "score", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


SOURCES = ("--source", "ir", "--source", "vis")


def test_a_folder_is_scored_by_criterion_with_heatmaps(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert loupe(monkeypatch, "fused", "--kind", "thermal", *SOURCES, "--out", "s.csv", "--heatmaps", "maps") == 0
    found = pd.read_csv("s.csv")
    assert list(found.columns) == ["picture", "score", "thermal", "texture", "artifacts", "sharpness"]
    assert list(found.picture) == ["a.png", "b.png", "c.png"]
    assert np.allclose(found.score, found[["thermal", "texture", "artifacts", "sharpness"]].mean(axis=1))
    assert read_uint8("maps/b.png").shape == (101, 120, 3)
    assert loupe(monkeypatch, "fused", "--kind", "thermal", *SOURCES, "--out", "s.parquet", "--round", "r00") == 0
    assert not np.allclose(pd.read_parquet("s.parquet").score, found.score), "another round's judge says something else"


def test_one_picture_and_a_judge_that_looks_at_it_alone(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = ("fused/a.png", "--kind", "thermal", "--source", "ir/a.png", "--source", "vis/a.png", "--out", "one.csv")
    assert loupe(monkeypatch, *one) == 0
    assert len(pd.read_csv("one.csv")) == 1
    assert loupe(monkeypatch, "fused", "--kind", "low_light", "--out", "r.csv") == 0
    assert list(pd.read_csv("r.csv").columns) == ["picture", "score"]


def test_what_cannot_be_scored_is_named_and_passed_over(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_png("ir/b.png", data.astronaut()[:50, :50])
    write_png("fused/alone.png", data.astronaut()[:50, :50])
    Path("vis/c.png").write_bytes(b"nothing")
    assert loupe(monkeypatch, "fused", "--kind", "thermal", *SOURCES, "--out", "s.csv") == 3
    assert list(pd.read_csv("s.csv").picture) == ["a.png"]
    said = capsys.readouterr().err
    assert "b.png: differs in size" in said and "alone.png" in said and "c.png" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--kind", "thermal", "--out", "s.csv"), "looks at infrared and visible beside each picture: give --source"),
        (("--kind", "thermal", *SOURCES, "--out", "s.txt"), "should end in .csv or .parquet"),
        (("--kind", "brackets", "--out", "s.csv"), "`dvc repro report@brackets` trains it"),
        (("--kind", "x-rays", "--out", "s.csv"), "does not name 'x-rays'"),
        (("--kind", "thermal", *SOURCES, "--out", "s.csv", "--round", "r07"), "--round takes r00, r01"),
        (("--kind", "low_light", "--out", "s.csv", "--heatmaps", "m"), "the judge ranker says no heatmaps"),
    ],
)
def test_what_does_not_go_together_is_one_line(
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    said: str,
) -> None:
    assert loupe(monkeypatch, "fused", *arguments) == 1
    assert said in capsys.readouterr().err
    assert not Path("s.csv").exists()
