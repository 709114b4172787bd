"""HiLLIE's round 0 with LightenDiffusion in place of the curve network, by one change of params, at the smallest scale."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from models.core.storage import load_tensors
from pictures import sha256_file
from tasks.config import View, validate
from tasks.low_light import phases, pictures, start
from tasks.rounds import align, judge_start, outputs, regions
from tasks.stage.places import MODEL, Places
from tasks.training import learning

ROOT = Path(__file__).resolve().parents[2]
MODEL_SECTION = {
    "name": "lighten_diffusion",
    "options": {
        "width": 4, "heads": 2, "unet_width": 8, "multipliers": [1, 2], "blocks": 1, "attention": [1], "steps": 4,
    },
}  # fmt: skip
SHORT: dict[str, Any] = {"steps": 2, "batch": 1, "crop": 32, "learning_rate": 0.01}
ENTROPY = {"name": "metric", "options": {"metric": "entropy"}, "start": None, "rounds": None}
POLICY = {"samples": 4, "regions": 0, "view": "whole", "side": 32, "explore": {"name": "own", "scale": 0.9, "last": 2}}


def changed(model: dict[str, Any] = MODEL_SECTION, **start_values: Any) -> dict[str, Any]:
    values = copy.deepcopy(yaml.safe_load((ROOT / "tests" / "tiny.yaml").read_text()))
    values["low_light"]["model"] = model
    values["low_light"]["start"] |= {"crop": 32, **start_values}
    return values


def view(values: dict[str, Any], module: Any) -> View:
    return View(validate(values), module.PARAMS, "low_light")


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pictures, "PHOTOS", pictures.PHOTOS[:5])
    pictures.run(view(changed(), pictures))
    return Places("low_light")


def test_one_change_of_params(at: Places) -> None:
    values = changed(phases={"decomposition": SHORT})
    for module in (start, judge_start):
        module.run(view(values, module))
    outputs.run(view(values, outputs), "r00")
    first = load_tensors(at.start / MODEL)
    for name, options in (("ranker_loss", values["low_light"]["align"]["options"]), ("grpo", POLICY)):
        values["low_light"]["align"] |= {"name": name, "options": options, "steps": 1, "crop": 64}
        if name == "grpo":  # an untrained ranker says the same of all
            values["low_light"]["judge"] |= ENTROPY
            for module in (judge_start, regions):
                module.run(view(values, module))
        align.run(view(values, align), "r00")
        aligned = load_tensors(at.model("r00") / MODEL)
        assert any(not torch.equal(first[key], aligned[key]) for key in first if key.startswith("unet.")), name
    logged = json.loads((at.model("r00") / "live" / "metrics.json").read_text())
    assert "reward" in logged and "kl" in logged


def test_a_start_that_was_killed_in_its_second_training_ends_the_same(
    at: Places, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    params = view(changed(phases={"decomposition": SHORT}), start)
    start.run(params)
    whole = sha256_file(at.start / MODEL)
    checkpoints = {path.name: sha256_file(path) for path in (at.start / "checkpoints").iterdir()}
    assert not any(Path(".loupe/training").iterdir()), "no resumable state is left"
    crops = phases.crops

    def killed(plan: Any, sets: Any, seed: int) -> Any:
        batch = crops(plan, sets, seed)

        def until(index: int) -> Any:
            if plan.phase.name == "diffusion" and index == 4:
                raise KeyboardInterrupt
            return batch(index)

        return until

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(start, "crops", killed)
        start.run(params)
    capsys.readouterr()
    start.run(params)
    said = capsys.readouterr().out
    assert "start@low_light-decomposition: resumed at step 2 of 2" in said
    assert "start@low_light: resumed at step 3 of 6" in said
    assert sha256_file(at.start / MODEL) == whole
    assert {path.name: sha256_file(path) for path in (at.start / "checkpoints").iterdir()} == checkpoints
    assert learning.STATE.is_dir()


def test_what_the_start_cannot_do_is_told(at: Places) -> None:
    with pytest.raises(phases.CannotTrain, match=r"phases names wavelet; its trainings are decomposition, diffusion"):
        start.run(view(changed(phases={"wavelet": SHORT}), start))
    with pytest.raises(phases.CannotTrain, match="diffusion: its loss has no colour, but noise, content"):
        start.run(view(changed(phases={"diffusion": SHORT | {"weights": {"colour": 1.0}}}), start))
    curve = {"name": "curve", "options": {"width": 4}}
    with pytest.raises(phases.CannotTrain, match=r"this enhancer has one training, low_light.start"):
        start.run(view(changed(curve, phases={"diffusion": SHORT}), start))
    values = changed(phases={"diffusion": SHORT | {"crop": 4096}})
    assert "start.phases.diffusion.crop" in str(start.KIND.crops(validate(values).of("low_light")))


def test_photos_in_normal_light_are_those_of_the_folder_or_the_references(at: Places) -> None:
    import pandas as pd

    from pictures import write_png
    from tasks.stage import tables

    table = at.pictures / "images.parquet"
    found = phases.photos(at, {"low", "normal"})
    assert len(found["normal"][0]) == len(found["low"][0]) and "reference" in found["normal"][0]._entries[0][0]
    assert set(phases.photos(at, {"low"})) == {"low"}
    write_png(at.pictures / "normal" / "one.png", torch.zeros(64, 64, 3, dtype=torch.uint8).numpy())
    assert len(phases.photos(at, {"normal"})["normal"][0]) == 1
    (at.pictures / "normal" / "one.png").unlink()
    rows = tables.read("images", table)
    assert isinstance(rows, pd.DataFrame)
    for column in ("reference", "reference_sha256"):
        rows[column] = None
    for column in ("path",):
        rows[column] = [Path(path).relative_to(at.pictures).as_posix() for path in rows[column]]
    tables.write("images", rows.to_dict("records"), table)
    with pytest.raises(phases.CannotTrain, match=r"photos in normal light .* low_light.dataset.folder.normal"):
        phases.photos(at, {"low", "normal"})
