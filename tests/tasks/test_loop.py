"""The rounds on bracketed exposures: the stages of the low-light rounds, with nothing changed but the kind of pictures."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from labelling.desk.queue import Queue
from labelling.store import Store
from models.core.storage import save_weights
from models.enhancers import create
from models.fusers.searched import build, load, save
from models.search.genotype import balanced
from pictures import pack, packed, read_uint8, sha256_file, write_json, write_png
from tasks import kinds
from tasks.config import ConfigError, View, read_yaml, validate
from tasks.datasets.subjects import subjects_of
from tasks.rounds import ablation, align, evaluate, judge, judge_start, labels, loop, outputs, questions, report
from tasks.stage import tables
from tasks.stage.places import Places
from tasks.stage.runtime import workers
from tasks.training.judges import fresh_judge, judge_path

ROOT = Path(__file__).resolve().parents[2]
AT = Places("brackets")
SIDE = 192  # the smallest that NIQE takes


def values(**changes: Any) -> dict[str, Any]:
    """The tiny params; changes: of the section of brackets, pairs__k=2."""
    found = copy.deepcopy(read_yaml(ROOT / "tests" / "tiny.yaml"))
    own = found["brackets"]
    own["labels"] |= {"source": "simulated"}
    own["labels"]["simulated"] |= {"utility": {"mef_ssim": 1.0}, "noise": 0.0}  # two observers would often differ
    own["evaluate"]["metrics"] = ["mef_ssim", "psnr"]
    for path, value in changes.items():
        section, key = path.split("__")
        own[section][key] = value
    return found


def view(module: Any, **changes: Any) -> View:
    return View(validate(values(**changes)), module.PARAMS, "brackets")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four scenes in two exposures, two of them to validate on; f0 and two checkpoints that differ. All pictures are packed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(packed, "PACKED_FROM", 2)
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
            row[part] = f"{part}/s{number}.png"
            write_png(AT.pictures / row[part], pixels)
            row[f"{part}_sha256"] = sha256_file(AT.pictures / row[part])
        table.append(row)
    tables.write("exposures", table, AT.pictures / "exposures.parquet")
    pack(AT.pictures)
    write_json(AT.pictures / "summary.json", {"photographs": 4, "skipped": [], "without_reference": []})
    torch.manual_seed(0)
    fuser = build(balanced(), width=2, unrolled=2)
    fuser.calibrated = True
    for place, path in enumerate(("checkpoints/000001", "checkpoints/000002", "model")):
        torch.nn.init.constant_(fuser.head.bias, -0.1 * (2 - place))  # type: ignore[arg-type]
        save(fuser, AT.start / f"{path}.safetensors")
    (AT.start / "live" / "plots" / "metrics").mkdir(parents=True)
    return tmp_path


@pytest.mark.slow
def test_a_whole_round_teaches_the_fuser(project: Path) -> None:
    judge_start.run(view(judge_start))
    align.run(view(align), "r00")
    first, second = load(loop.first_weights("brackets")), load(loop.weights_of("brackets", "r00"))
    assert second.genotype == first.genotype and second.calibrated
    moved = [name for name, value in second.state_dict().items() if not value.equal(first.state_dict()[name])]
    assert moved and not [name for name in moved if "running" in name], "the statistics of a calibrated fuser stay"

    for name in ("r00", "r01"):
        outputs.run(view(outputs), name)
    table = tables.read("enhanced", AT.outputs("r01") / "enhanced.parquet")
    assert list(table.image) == ["s0", "s1"] and set(table.model) == {"f1"}
    sources = ("data/brackets/pictures/under/s0.png", "data/brackets/pictures/over/s0.png")
    assert np.array_equal(
        read_uint8(AT.outputs("r01") / "s0.png"), kinds.named("brackets").models.apply(second.eval(), sources)
    )

    questions.run(view(questions), "r01", "pictures")
    assert labels.run(view(labels), "r01") == 0
    voted = tables.read("labels", AT.labels("r01") / "labels.parquet")
    assert len(voted) == 2 * 2 and set(voted.kind) == {"simulated"}
    chosen = tables.read("pairs", AT.questions("r01") / "pairs.parquet")
    assert set(chosen.image) == {"s0", "s1"}
    judge.run(view(judge), "r01")
    align.run(view(align), "r01")
    for variant in ablation.VARIANTS:
        ablation.run(view(ablation), variant)

    evaluate.run(view(evaluate))
    made = tables.read("enhanced", AT.evaluate / "enhanced.parquet")
    assert set(made.image) == {"s2", "s3"}
    folders = (AT.pictures, AT.outputs("r00"), AT.outputs("r01"), AT.evaluate / "outputs")
    assert not [png for folder in folders for png in folder.rglob("*.png")]
    assert set(made.model) == {"input", "f0", "f1", "f2", *ablation.VARIANTS}
    plain = (
        read_uint8("data/brackets/pictures/under/s2.png").astype(float)
        + read_uint8("data/brackets/pictures/over/s2.png")
    ) / 2
    assert np.abs(read_uint8(AT.evaluate / "outputs" / "input" / "s2.png") - plain).max() <= 0.51
    scores = json.loads((AT.evaluate / "metrics.json").read_text())["scores"]
    assert set(scores["f2"]) == {"mef_ssim", "psnr"} and 0 < scores["f2"]["mef_ssim"] <= 1

    report.run(view(report))
    page = (AT.report / "report.html").read_text()
    assert "multi-exposure fusion, taught" in page and "searched architecture, width 2" in page
    assert "MEF-SSIM" in page and "low-light" not in page
    assert "exposure_stops" not in page and "under_stops" in page, "settings of the other kind are not shown"


def test_people_see_the_exposures_beside_the_pair(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, bias in (("r00", 0.0), ("r01", 0.3)):
        fuser = load(loop.first_weights("brackets"))
        torch.nn.init.constant_(fuser.head.bias, bias)  # type: ignore[arg-type]
        save(fuser, loop.first_weights("brackets") if name == "r00" else loop.weights_of("brackets", "r00"))
        outputs.run(view(outputs), name)
    save_weights(fresh_judge(view(questions)), judge_path("brackets", "r00"))
    questions.run(view(questions), "r01", "pictures")
    assert labels.run(view(labels, labels__source="people"), "r01") == labels.LABELS_MISSING
    with Store.open() as store:
        offered = Queue(store, "brackets-r01").next("ann")
    assert offered is not None
    assert [name for name, _ in offered.sources] == ["under", "over"]
    known = {sha256 for subject in subjects_of("brackets") for sha256 in subject.hashes}
    assert {sha256 for _, sha256 in offered.sources} <= known


def test_a_kind_has_its_own_subjects_and_models(project: Path) -> None:
    scene = subjects_of("brackets", "validation")[0]
    assert (scene.id, scene.photograph) == ("s2", "p2")
    assert scene.sources == ("data/brackets/pictures/under/s2.png", "data/brackets/pictures/over/s2.png")
    assert scene.reference == "data/brackets/pictures/reference/s2.png"
    assert isinstance(loop.load(view(align), loop.first_weights("brackets")), type(build(width=1)))
    low = View(validate(values()), align.PARAMS, "low_light")
    save_weights(create("curve", width=4, iterations=4, scale=4), loop.first_weights("low_light"))
    enhancer = loop.load(low, loop.first_weights("low_light"))
    dark = np.full((8, 8, 3), 20, np.uint8)
    write_png("dark.png", dark)
    assert kinds.named("low_light").models.apply(enhancer, ("dark.png",)).shape == dark.shape
    assert np.array_equal(kinds.named("low_light").models.untouched(("dark.png",)), dark)
    assert loop.first_weights("low_light") == Path("data/low_light/start/model.safetensors")


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("kinds.polarised", {"start": "pictures", "rounds": 1}, "no kind of pictures is called 'polarised'"),
        (
            "low_light.labels.simulated.utility",
            {"mef_ssim": 1.0},
            "low_light: labels.simulated.utility names mef_ssim, which compare a fused image",
        ),
        (
            "rounds.brackets-r01.candidates",
            "genetic",
            "rounds.brackets-r01: candidates is 'genetic', but genetic.kinds does not name 'brackets'",
        ),
        ("genetic.kinds", ["brackets"], "genetic.kinds names 'brackets', whose scenes have several pictures"),
    ],
)
def test_params_that_do_not_fit_the_kind(path: str, value: Any, expected: str) -> None:
    found = values()
    *sections, key = path.split(".")
    place = found
    for section in sections:
        place = place[section]
    place[key] = value
    with pytest.raises(ConfigError) as refused:
        validate(found)
    assert expected in str(refused.value)


def test_observers_of_a_folder_without_references_judge_by_the_exposures() -> None:
    folder = values()
    own = folder["brackets"]
    own["dataset"] |= {"source": "folder"}
    own["dataset"]["folder"] |= {"under": "u", "over": "o", "natural": "n"}
    validate(folder)
    own["labels"]["simulated"]["utility"] = {"psnr": 1.0}
    with pytest.raises(ConfigError, match=r"need references, but brackets\.dataset\.folder\.reference is not set"):
        validate(folder)


def test_many_outputs_are_made_by_processes_in_pieces(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outputs.run(view(outputs), "r00")
    table = (AT.outputs("r00") / "enhanced.parquet").read_bytes()
    asked = []

    def here(function: Any, jobs: list[Any], where: Any, said: str) -> list[Any]:
        asked.append(([job.subject.id for job in jobs], where, said))
        assert pickle.dumps((function, jobs)), "goes to other processes"
        return [function(job) for job in jobs]

    monkeypatch.setattr(outputs, "map_images", here)
    monkeypatch.setattr(outputs, "PIECE", 1)
    outputs.run(view(outputs), "r00")
    monkeypatch.setattr(outputs, "FEW", 0)
    outputs.run(view(outputs), "r00")
    assert (AT.outputs("r00") / "enhanced.parquet").read_bytes() == table
    said = ["f0 on training images from 1 on", "f0 on training images from 2 on"]
    assert asked == [(["s0"], 1, said[0]), (["s1"], 1, said[1])] + [
        ([name], workers(view(outputs)), one) for name, one in zip(("s0", "s1"), said, strict=True)
    ]


def test_a_process_that_goes_on_takes_weights_that_were_written_anew(project: Path) -> None:
    """As a worker of a cluster does, which serves one run after another."""
    own, path = kinds.named("brackets").models, loop.first_weights("brackets")
    spec = own.spec(view(outputs), path)
    before = own.opened(spec)
    assert own.opened(spec) is before
    first, *_ = loop.checkpoints("brackets")
    first.replace(path)
    after = own.opened(spec)
    assert not after.head.bias.equal(before.head.bias)
