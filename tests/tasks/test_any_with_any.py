"""Any kind of pictures with any judge and any aligner: one change of params each, through the stages, at the smallest scale."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from models.core.storage import load_tensors
from tasks.brackets import pictures as exposures
from tasks.brackets import start as train_brackets
from tasks.config import View, validate
from tasks.low_light import pictures as photos
from tasks.low_light import start as train_low_light
from tasks.pages.aligned import labels_of
from tasks.rounds import align, aligning, judge_start, regions
from tasks.stage import tables
from tasks.stage.places import MODEL, Places
from tasks.thermal import pictures as pairs
from tasks.thermal import start as train_thermal

ROOT = Path(__file__).resolve().parents[2]
STAGES = {
    "low_light": (photos, train_low_light),
    "brackets": (exposures, train_brackets),
    "thermal": (pairs, train_thermal),
}
FUSER = """
import torch
from torch import nn


class Mix(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(6, 3, 1)

    def forward(self, under, over):
        return torch.sigmoid(self.layer(torch.cat([under, over], 1)))
"""
POLICY = {"samples": 2, "regions": 2, "explore": {"scale": 0.2}, "side": 64}
AS_RANKER = {"steps": 8, "batch": 2, "crop": 64, "learning_rate": 0.02, "margin": 0.5, "log_every": 2}
REWARD = {"name": "reward", "options": {"side": 64, "grid": 4, "width": 16, "depth": 1, "heads": 2}, "start": AS_RANKER}
NIQE = {"name": "metric", "options": {"metric": "niqe"}, "start": None, "rounds": None}
CELLS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "low_light x ranker x grpo": ("low_light", {"start": AS_RANKER}, {"name": "grpo", "crop": 64, "options": POLICY}),
    "low_light x ranker x preferred": ("low_light", {"start": AS_RANKER}, {"name": "preferred", "crop": 64, "options": {}}),
    "brackets x reward x ppo": ("brackets", REWARD, {"name": "ppo", "crop": 64, "options": POLICY | {"view": "local"}}),
    "thermal x ranker x ranker_loss": ("thermal", {"start": AS_RANKER}, {}),
    "thermal x niqe x grpo": ("thermal", NIQE, {"name": "grpo", "crop": 192, "options": POLICY | {"view": "whole"}}),
}  # fmt: skip


def changed(kind: str, judge: dict[str, Any], section: dict[str, Any], **more: Any) -> dict[str, Any]:
    values = copy.deepcopy(yaml.safe_load((ROOT / "tests" / "tiny.yaml").read_text()))
    values[kind]["judge"] |= judge
    values[kind]["align"] |= {"steps": 2, **section}
    values[kind] |= more
    if kind == "brackets":  # a fuser that no search has to find
        values["searched"], values["kinds"][kind]["start"] = [], "pictures"
        values[kind]["model"] = {"name": "their_fuser:Mix", "options": {}}
    return values


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "their_fuser", raising=False)
    Path("their_fuser.py").write_text(FUSER)
    for module in (pairs, photos, exposures):
        monkeypatch.setattr(module, "PHOTOS", module.PHOTOS[:5])
    return tmp_path


def view(values: dict[str, Any], module: Any, kind: str) -> View:
    return View(validate(values), module.PARAMS, kind)


@pytest.mark.slow
@pytest.mark.parametrize("cell", CELLS)
def test_one_change_of_params_each(cell: str, here: Path) -> None:
    kind, judge, section = CELLS[cell]
    values, at = changed(kind, judge, section), Places(kind)
    for module in (*STAGES[kind], judge_start, regions):
        module.run(view(values, module, kind))
    align.run(view(values, align, kind), "r00")
    first, aligned = load_tensors(at.start / MODEL), load_tensors(at.model("r00") / MODEL)
    assert any(not torch.equal(first[name], aligned[name]) for name in first)
    logged = json.loads((at.model("r00") / "live" / "metrics.json").read_text())
    asked = "reward" in logged
    assert asked == (values[kind]["align"]["name"] in ("grpo", "ppo"))
    assert json.loads((at.regions / "summary.json").read_text())["segmenter"] == ("superpixels" if asked else None)
    assert bool(len(tables.read("regions", at.regions / "regions.parquet"))) == asked


def test_regions_guard_and_hardest(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Regions cover every picture; the guard's photographs are not trained on; the hardest are chosen; a guard leaves no harm."""
    kind, at = "thermal", Places("thermal")
    guard = {"witnesses": ["qabf"], "photographs": 1, "every": 1, "patience": 1, "harm": 0.0, "fidelity": 200.0}
    section = {"name": "grpo", "crop": 64, "options": POLICY, "data": "hardest", "share": 0.5, "guard": guard}
    values = changed(
        kind, {"start": AS_RANKER}, section, regions={"name": "grid", "options": {"rows": 2, "columns": 2}}
    )
    for module in (*STAGES[kind], judge_start, regions):
        module.run(view(values, module, kind))
    labels = labels_of(at)
    subjects = aligning.subjects_of(kind)
    assert set(labels) == {one.id for one in subjects}
    assert all(sorted(set(one.ravel().tolist())) == [0, 1, 2, 3] for one in labels.values())
    params = view(values, align, kind)
    kept, watched = aligning.split_off(aligning.subjects_of(kind, "train"), params.align.guard, params.seed)
    assert len(watched) == 1 and watched[0].id not in {one.id for one in kept}
    with pytest.raises(aligning.CannotAlign, match="there are 2 of training: lower it"):
        greedy = params.align.guard.model_copy(update={"photographs": 9})
        aligning.split_off(aligning.subjects_of(kind, "train"), greedy, params.seed)
    align.run(params, "r00")
    out = capsys.readouterr().out
    assert "on the 1 of 1 images that the judge likes least" in out
    first, aligned = load_tensors(at.start / MODEL), load_tensors(at.model("r00") / MODEL)
    assert all(torch.equal(first[name], aligned[name]) for name in first), "no step was without harm"
    regions_table = at.regions / "regions.parquet"
    tables.write("regions", [], regions_table)
    with pytest.raises(tables.TableError, match="has no regions of"):
        align.run(params, "r00")


def test_what_was_voted_and_what_is_kept_reach_the_aligner(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """DPO on votes, with a loss of the kind beside it; before any vote it says that it asks the judge."""
    kind, at = "thermal", Places("thermal")
    section = {"name": "dpo", "crop": 64, "options": POLICY | {"pairs": "votes"}, "keep": {"gradient": 2.0}}
    values = changed(kind, {"start": AS_RANKER}, section)
    for module in (*STAGES[kind], judge_start, regions):
        module.run(view(values, module, kind))
    params = view(values, align, kind)
    align.run(params, "r00")
    assert "nobody has voted yet" in capsys.readouterr().out
    alone = load_tensors(at.model("r00") / MODEL)
    one, dataset = aligning.subjects_of(kind, "train")[0], at.judge("r00") / "dataset"
    row = {
        "round": "r01",
        "key": "k",
        "image": one.id,
        "rank": 0,
        "gap": 0.5,
        "first_model": "f0",
        "second_model": "f1",
    }
    for side, path, sha256 in zip(("first", "second"), one.sources, one.hashes, strict=True):
        row |= {side: f"pictures/{sha256}.png", f"{side}_sha256": sha256}
        (dataset / "pictures").mkdir(exist_ok=True)
        shutil.copyfile(path, dataset / row[side])
    vote = {"round": "r01", "key": "k", "image": one.id, "observer": "o", "kind": "people", "choice": "second"}
    tables.write("pairs", [row], dataset / "pairs.parquet")
    tables.write("labels", [vote | {"undecidable": False}], dataset / "labels.parquet")
    align.run(params, "r00")
    assert "nobody has voted yet" not in capsys.readouterr().out
    voted, logged = (
        load_tensors(at.model("r00") / MODEL),
        json.loads((at.model("r00") / "live" / "metrics.json").read_text()),
    )
    assert any(not torch.equal(alone[name], voted[name]) for name in alone)
    assert {"kept", "preferred"} <= set(logged)
