"""The rounds on bracketed exposures: the stages of the low-light rounds, with nothing changed but `loop.task`."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from labelling.queue import Queue
from labelling.store import Store
from models.enhancers import create
from models.fusers.searched import build, load, save
from models.search.genotype import balanced
from models.storage import save_weights
from pictures import read_uint8, sha256_file, write_json, write_png
from tasks import (
    ablation,
    enhance,
    enhancers,
    evaluate,
    finetune,
    kinds,
    labels,
    loop,
    pairs,
    ranker,
    ranker_niqe,
    report,
    tables,
)
from tasks.config import ConfigError, View, read_yaml, validate
from tasks.subjects import subjects_of

ROOT = Path(__file__).resolve().parents[2]
SIDE = 192  # the smallest that NIQE takes


def values(**changes: Any) -> dict[str, Any]:
    found = copy.deepcopy(read_yaml(ROOT / "tests" / "tiny.yaml"))
    found["loop"]["task"] = "brackets"
    found["labels"] |= {"source": "simulated"}
    found["labels"]["simulated"]["utility"] = {"mef_ssim": 1.0}
    found["evaluate"]["metrics"] = ["mef_ssim", "psnr"]
    for path, value in changes.items():
        section, key = path.split("__")
        found[section][key] = value
    return found


def view(module: Any, **changes: Any) -> View:
    return View(validate(values(**changes)), module.PARAMS)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four scenes in two exposures, two of them to validate on; f0 and two checkpoints that differ."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOUPE_LABELS", str(tmp_path / "labels.sqlite"))
    random = np.random.default_rng(0)
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    table = []
    for number in range(4):
        waves = np.stack([np.sin(x / (9 + number)) + np.cos(y / 13), np.sin(x * y / 3000), np.cos(x / 17)], 2)
        reference = np.clip(110 + 50 * waves + random.normal(0, 4, (SIDE, SIDE, 3)), 0, 255).astype(np.uint8)
        contents = {"under": reference // 3, "over": np.minimum(reference.astype(int) * 2, 255).astype(np.uint8),
                    "reference": reference}  # fmt: skip
        row: dict[str, Any] = {"id": f"s{number}", "photograph": f"p{number}", "width": SIDE, "height": SIDE,
                               "split": "train" if number < 2 else "validation", "original": "x"}  # fmt: skip
        for part, pixels in contents.items():
            row[part] = f"data/brackets/{part}/s{number}.png"
            write_png(row[part], pixels)
            row[f"{part}_sha256"] = sha256_file(row[part])
        table.append(row)
    tables.write("brackets", table, "data/brackets/brackets.parquet")
    write_json(Path("data/brackets/summary.json"), {"photographs": 4, "skipped": [], "without_reference": []})
    torch.manual_seed(0)
    fuser = build(balanced(), width=2, steps=2)
    fuser.calibrated = True
    for place, path in enumerate(("checkpoints/000001", "checkpoints/000002", "model")):
        torch.nn.init.constant_(fuser.head.bias, -0.1 * (2 - place))  # type: ignore[arg-type]
        save(fuser, loop.first_weights("brackets").parent / f"{path}.safetensors")
    (loop.first_weights("brackets").parent / "live" / "plots" / "metrics").mkdir(parents=True)
    return tmp_path


@pytest.mark.slow
def test_a_whole_round_teaches_the_fuser(project: Path) -> None:
    ranker_niqe.run(view(ranker_niqe))
    finetune.run(view(finetune), "r00")
    first, second = load(loop.first_weights("brackets")), load(loop.weights_of("r00"))
    assert second.genotype == first.genotype and second.calibrated
    moved = [name for name, value in second.state_dict().items() if not value.equal(first.state_dict()[name])]
    assert moved and not [name for name in moved if "running" in name], "the statistics of a calibrated fuser stay"

    for name in ("r00", "r01"):
        enhance.run(view(enhance), name)
    table = tables.read("enhanced", "data/enhance/r01/enhanced.parquet")
    assert list(table.image) == ["s0", "s1"] and set(table.model) == {"f1"}
    sources = ("data/brackets/under/s0.png", "data/brackets/over/s0.png")
    assert np.array_equal(
        read_uint8("data/enhance/r01/s0.png"), kinds.named("brackets").models.apply(second.eval(), sources)
    )

    pairs.run(view(pairs), "r01", "r00")
    assert labels.run(view(labels), "r01") == 0
    voted = tables.read("labels", "data/labels/r01/labels.parquet")
    assert len(voted) == 2 * 2 and set(voted.kind) == {"simulated"}
    chosen = tables.read("pairs", "data/pairs/r01/pairs.parquet")
    assert set(chosen.image) == {"s0", "s1"}
    ranker.run(view(ranker), "r01", "r00")
    finetune.run(view(finetune), "r01")
    for variant in ablation.VARIANTS:
        ablation.run(view(ablation), variant)

    evaluate.run(view(evaluate))
    outputs = tables.read("enhanced", "data/evaluate/enhanced.parquet")
    assert set(outputs.image) == {"s2", "s3"}
    assert set(outputs.model) == {"input", "f0", "f1", "f2", *ablation.VARIANTS}
    plain = (read_uint8("data/brackets/under/s2.png").astype(float) + read_uint8("data/brackets/over/s2.png")) / 2
    assert np.abs(read_uint8("data/evaluate/outputs/input/s2.png") - plain).max() <= 0.51
    scores = json.loads(Path("data/evaluate/metrics.json").read_text())["scores"]
    assert set(scores["f2"]) == {"mef_ssim", "psnr"} and 0 < scores["f2"]["mef_ssim"] <= 1

    report.run(view(report))
    page = Path("data/report/report.html").read_text()
    assert "multi-exposure fusion, taught" in page and "searched architecture, width 2" in page
    assert "MEF-SSIM" in page and "low-light" not in page
    assert "exposure_stops" not in page and "under_stops" in page, "settings of the other task are not shown"


def test_people_see_the_exposures_beside_the_pair(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, bias in (("r00", 0.0), ("r01", 0.3)):
        fuser = load(loop.first_weights("brackets"))
        torch.nn.init.constant_(fuser.head.bias, bias)  # type: ignore[arg-type]
        save(fuser, loop.first_weights("brackets") if name == "r00" else loop.weights_of("r00"))
        enhance.run(view(enhance), name)
    ranker_network = view(pairs)
    from tasks.ranker_data import fresh_ranker, ranker_path

    save_weights(fresh_ranker(ranker_network), ranker_path("r00"))
    pairs.run(view(pairs), "r01", "r00")
    assert labels.run(view(labels, labels__source="people"), "r01") == labels.LABELS_MISSING
    with Store.open() as store:
        offered = Queue(store, "r01").next("ann")
    assert offered is not None
    assert [name for name, _ in offered.sources] == ["under", "over"]
    known = {sha256 for subject in subjects_of("brackets") for sha256 in subject.hashes}
    assert {sha256 for _, sha256 in offered.sources} <= known


def test_a_task_has_its_own_subjects_and_models(project: Path) -> None:
    scene = subjects_of("brackets", "validation")[0]
    assert (scene.id, scene.photograph) == ("s2", "p2")
    assert scene.sources == ("data/brackets/under/s2.png", "data/brackets/over/s2.png")
    assert scene.reference == "data/brackets/reference/s2.png"
    assert isinstance(loop.load(view(finetune), loop.first_weights("brackets")), type(build(width=1)))
    changes: dict[str, Any] = {"loop__task": "low_light", "evaluate__metrics": ["psnr"], "labels__source": "people"}
    everything = values(**changes)
    everything["labels"]["simulated"]["utility"] = {"niqe": 1.0}
    low = View(validate(everything), finetune.PARAMS)
    save_weights(create("curve", width=4, iterations=4, scale=4), loop.first_weights("low_light"))
    enhancer = loop.load(low, loop.first_weights("low_light"))
    dark = np.full((8, 8, 3), 20, np.uint8)
    write_png("dark.png", dark)
    assert kinds.named("low_light").models.apply(enhancer, ("dark.png",)).shape == dark.shape
    assert np.array_equal(kinds.named("low_light").models.untouched(("dark.png",)), dark)
    assert loop.first_weights("low_light") == enhancers.PRETRAINED


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"loop__task": "thermal"}, "loop.task"),
        ({"loop__task": "low_light"}, "labels.simulated.utility names mef_ssim, which compare a fused image"),
        ({"pairs__candidates": "genetic"}, "pairs.candidates is 'genetic'"),
    ],
)
def test_params_that_do_not_fit_the_task(changes: dict[str, Any], expected: str) -> None:
    with pytest.raises(ConfigError) as refused:
        validate(values(**changes))
    assert expected in str(refused.value)


def test_observers_of_a_folder_without_references_judge_by_the_exposures() -> None:
    folder = values()
    folder["brackets"] |= {"source": "folder"}
    folder["brackets"]["folder"] |= {"under": "u", "over": "o", "natural": "n"}
    validate(folder)
    folder["labels"]["simulated"]["utility"] = {"psnr": 1.0}
    with pytest.raises(ConfigError, match=r"need references, but brackets\.folder\.reference is not set"):
        validate(folder)
