"""A round that asks about two versions of what the model makes, through the stages, at the smallest scale."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
import yaml

from models.core.storage import load_tensors
from tasks.config import View, validate
from tasks.low_light import pictures, start
from tasks.pages.data import round_facts
from tasks.rounds import align, aligning, judge, judge_start, labels, outputs, questions
from tasks.stage import tables
from tasks.stage.places import MODEL, Places
from tasks.training.votes import preferred

ROOT = Path(__file__).resolve().parents[2]
KIND, AT = "low_light", Places("low_light")


def test_a_model_learns_to_make_what_was_preferred(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two rounds: the second learns from the second's votes alone; what was asked about stays readable."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pictures, "PHOTOS", pictures.PHOTOS[:6])
    values = copy.deepcopy(yaml.safe_load((ROOT / "tests" / "tiny.yaml").read_text()))
    values[KIND]["pairs"] |= {"k": 2, "vary": {"tone": 0.8, "parts": 2}}
    values[KIND]["align"] |= {"name": "preferred", "options": {"newest_votes": 1}, "steps": 4}
    values[KIND]["labels"]["source"] = "simulated"
    names = ("r01", "r02")
    values["rounds"] |= {
        f"{KIND}-{name}": values["rounds"][f"{KIND}-r01"] | {"round": name, "prev": before}
        for name, before in zip(names, ("r00", "r01"), strict=True)
    }
    values["kinds"][KIND]["rounds"] = 2
    params = validate(values)

    def view(module: object, round: str = "r01") -> View:
        declared = tuple(name.replace("{round}", round) for name in module.PARAMS)  # type: ignore[attr-defined]
        return View(params, declared, KIND)

    for module in (pictures, start, judge_start):
        module.run(view(module))
    learnt: list[int] = []
    batches_of = aligning.batches_of
    monkeypatch.setattr(
        aligning, "batches_of", lambda found, params: learnt.append(len(found)) or batches_of(found, params)
    )
    align.run(view(align), "r00")
    assert "nobody has voted yet, so the judge tells two versions" in capsys.readouterr().out
    before = load_tensors(AT.model("r00") / MODEL)
    for name in names:
        outputs.run(view(outputs), name)
        questions.run(view(questions), name, "pictures")
        assert labels.run(view(labels, name), name) == 0
        judge.run(view(judge), name)
        align.run(view(align), name)
        assert "nobody has voted yet" not in capsys.readouterr().out
        after = load_tensors(AT.model(name) / MODEL)
        assert any(not torch.equal(value, after[key]) for key, value in before.items())
        before = after
    dataset, images = (
        AT.judge("r02") / "dataset",
        set(tables.read("pairs", AT.judge("r02") / "dataset" / "pairs.parquet").image),
    )
    newest, every = preferred(dataset, images, 1), preferred(dataset, images)
    assert 0 < len(newest) < len(every) <= 4
    assert learnt == [0, len(every) - len(newest), len(newest)]
    of_second = tables.read("pairs", AT.questions("r02") / "pairs.parquet")
    assert {one.better[1] for one in newest} <= {*of_second.first_sha256, *of_second.second_sha256}
    facts = round_facts("r02", of_second, tables.read("labels", AT.labels("r02") / "labels.parquet"))
    assert (facts.older, facts.newer, facts.pairs) == ("f2 darker", "f2 brighter", 2)
