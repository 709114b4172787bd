"""A whole round on infrared and visible pictures, with the reward model as judge, at the smallest scale there is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from models.core.storage import load_weights
from models.judges import create
from tasks.config import View, validate
from tasks.rounds import ablation, align, evaluate, judge, judge_start, labels, loop, outputs, questions, report
from tasks.stage import tables
from tasks.stage.places import Places
from tasks.thermal import pictures, start
from tasks.training import ratings
from tasks.training.ratings import predicts

ROOT = Path(__file__).resolve().parents[3]
KIND = "thermal"
AT = Places(KIND)
SMALL = {"side": 64, "grid": 4, "width": 16, "depth": 1, "heads": 2}


def view(module: Any, **judge_changes: Any) -> View:
    values = yaml.safe_load((ROOT / "tests" / "tiny.yaml").read_text())
    own = values[KIND]
    own["labels"]["source"] = "simulated"
    own["labels"]["simulated"]["noise"] = 0.0  # two observers of one mind: f1 hardly differs from f0
    own["start"]["evolve"] = {"population": 3, "generations": 1, "steps": 1}
    start_of = {"variants": 2, "steps": 4, "batch": 4, "learning_rate": 0.001, "log_every": 2}
    own["judge"] |= {"name": "reward", "options": SMALL, "start": start_of} | judge_changes
    return View(validate(values), module.PARAMS, KIND)


@pytest.mark.slow
def test_a_whole_round_with_a_reward_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOUPE_LABELS", str(tmp_path / "labels.sqlite"))
    monkeypatch.setattr(pictures, "PHOTOS", pictures.PHOTOS[:5])
    for module in (pictures, start):
        module.run(view(module))
    found = json.loads((AT.start / "checkpoints" / "generations.json").read_text())
    assert len(found) == 2 and found[1]["best"] >= found[0]["best"]

    tried_on: list[int] = []

    def noted(found: Any, examples: Any, criteria: Any) -> Any:
        tried_on.append(len(examples))
        return predicts(found, examples, criteria)

    monkeypatch.setattr(ratings, "predicts", noted)
    judge_start.run(view(judge_start))
    assert tried_on == [2 * 3], "on the validation scenes, which it did not learn from"
    said = json.loads((AT.judge("r00") / "summary.json").read_text())
    assert said["versions"] == 2 * 2 and set(said["held_out"]) == {
        "thermal",
        "texture",
        "artifacts",
        "sharpness",
        "heatmap",
    }
    load_weights(create("reward", **SMALL), AT.judge("r00") / "model.safetensors")
    align.run(view(align), "r00")
    for name in ("r00", "r01"):
        outputs.run(view(outputs), name)
    questions.run(view(questions), "r01", "pictures")
    assert labels.run(view(labels), "r01") == 0
    judge.run(view(judge), "r01")
    align.run(view(align), "r01")
    assert loop.weights_of(KIND, "r01").is_file()


def test_a_kind_without_corruptions_refuses_such_a_judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    values = yaml.safe_load((ROOT / "tests" / "tiny.yaml").read_text())
    start_of = {"variants": 2, "steps": 4, "batch": 4, "learning_rate": 0.001}
    values["low_light"]["judge"] |= {"name": "reward", "options": SMALL, "start": start_of}
    params = View(validate(values), judge_start.PARAMS, "low_light")
    with pytest.raises(judge_start.NothingToRate, match="low_light has no corruptions with a known truth"):
        judge_start.run(params)


@pytest.mark.parametrize(
    ("section", "changes", "said"),
    [
        ("start", {"variants": None}, r"start\.variants is missing: reward learns there from ratings"),
        ("start", {"crop": 64}, r"start\.crop is not for a training on ratings"),
        ("rounds", {"margin": None}, r"rounds\.margin is missing: reward learns there from pairs"),
        ("rounds", {"variants": 3}, r"rounds\.variants is not for a training on pairs"),
    ],
)
def test_a_training_has_what_its_labels_need(section: str, changes: dict[str, Any], said: str) -> None:
    values = yaml.safe_load((ROOT / "presets" / "demo.yaml").read_text())
    values[KIND]["judge"][section] |= changes
    with pytest.raises(ValueError, match=said):
        validate(values)


RATED = {
    "pictures": 6,
    "injected": 0.7,
    "experts": {"pictures": 4, "raters": 2},
    "simulated": {"noise": 0.3, "bias": 0.2, "lapse": 0.0, "miss": 0.0, "jitter": 0.1},
}


@pytest.mark.slow
def test_a_round_of_ratings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOUPE_LABELS", str(tmp_path / "labels.sqlite"))
    monkeypatch.setattr(pictures, "PHOTOS", pictures.PHOTOS[:5])

    def of(module: Any) -> View:
        values = yaml.safe_load((ROOT / "tests" / "tiny.yaml").read_text())
        own = values[KIND]
        own["labels"] |= {"source": "simulated", "asks": "ratings", "ratings": RATED}
        start_of = {"variants": 2, "steps": 4, "batch": 4, "learning_rate": 0.001, "log_every": 2}
        own["judge"] |= {"name": "reward", "options": SMALL, "start": start_of}
        return View(validate(values), module.PARAMS, KIND)

    for module in (pictures, start, judge_start):
        module.run(of(module))
    align.run(of(align), "r00")
    for name in ("r00", "r01"):
        outputs.run(of(outputs), name)
    questions.run(of(questions), "r01", "pictures")
    asked = tables.read("items", AT.questions("r01") / "items.parquet")
    assert len(asked) == 6 and asked["first"].sum() == 6, "nobody else rates them"
    assert (
        asked.model.str.contains("+", regex=False).any()
        and (asked.spread.sort_values(ascending=False) == asked.spread).all()
    )
    assert labels.run(of(labels), "r01") == 0
    said = tables.read("ratings", AT.labels("r01") / "ratings.parquet")
    assert len(said) == 12 and set(said.kind) == {"simulated"} and set(said.weight) == {1.0}
    before = (AT.labels("r01") / "ratings.parquet").read_bytes()
    assert labels.run(of(labels), "r01") == 0
    assert (AT.labels("r01") / "ratings.parquet").read_bytes() == before
    judge.run(of(judge), "r01")
    summary = json.loads((AT.judge("r01") / "summary.json").read_text())
    assert summary["pictures"] == 6 and set(summary["predicted"]) >= {"thermal", "heatmap"}
    dataset = AT.judge("r01") / "dataset"
    assert len(list((dataset / "pictures").iterdir())) == len(list((dataset / "heatmaps").iterdir())) == 6
    align.run(of(align), "r01")
    outputs.run(of(outputs), "r02")
    questions.run(of(questions), "r02", "pictures")
    later = tables.read("items", AT.questions("r02") / "items.parquet")
    assert len(later) == 6 and not set(later.sha256) & set(asked.sha256), "nobody rates a picture twice"
    for variant in ablation.VARIANTS:
        ablation.run(of(ablation), variant)
    evaluate.run(of(evaluate))
    report.run(of(report))
    assert set(tables.read("judgements", AT.evaluate / "judgements.parquet").judge) == {"g0", "g1"}
    page = (AT.report / "report.html").read_text()
    assert "12\u00a0ratings" in page and "predicted" in page
    assert "infrared and visible fusion, taught" in page and "No camera made it" in page
    assert "after a first one from injected corruptions" in page and "NIQE" not in page
