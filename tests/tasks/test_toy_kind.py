"""A kind of pictures that the project has never heard of goes through its whole loop by a line in the registry."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from labelling.store import Store
from models.aligners import ALIGNERS
from models.core.storage import load_tensors
from models.judges import JUDGES
from pictures import read_uint8
from tasks import kinds
from tasks.config import KindSection, Params, View, read_yaml, validate
from tasks.datasets.looking import Findings
from tasks.registry import KINDS
from tasks.rounds import ablation, align, evaluate, judge, judge_start, labels, names, outputs, questions, report
from tasks.rounds.aligning import CannotAlign
from tasks.stage import tables
from tasks.stage.places import MODEL, Places

ROOT = Path(__file__).resolve().parents[2]
AT = Places("toy")
SIDE = 192  # the smallest that NIQE takes


@pytest.fixture
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Params]:
    """The tiny project with toys in it and nothing else, in a folder of its own."""
    monkeypatch.syspath_prepend(Path(__file__).parent)
    monkeypatch.syspath_prepend(ROOT / "tests" / "toys")
    monkeypatch.setitem(KINDS, "toy", "toy_kind.kind")
    monkeypatch.setitem(JUDGES, "toy", "toy_judge:Colour")
    monkeypatch.setitem(ALIGNERS, "toy", "toy_aligner:HillClimbing")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOUPE_LABELS", str(tmp_path / "labels.sqlite"))
    kinds.named.cache_clear()
    yield validate(values())
    kinds.named.cache_clear()


def values() -> dict[str, Any]:
    found = read_yaml(ROOT / "tests" / "tiny.yaml")
    known = [found.pop(name) for name in ("low_light", "brackets")]
    shared = {key: known[0][key] for key in KindSection.model_fields}
    shared["labels"]["source"] = "simulated"
    shared["labels"]["simulated"]["utility"] = {"psnr": 1.0}
    shared["align"]["learning_rate"] = 0.05
    shared["evaluate"]["metrics"] = ["psnr", "entropy"]
    del shared["evaluate"]["elsewhere"]  # of photos in the dark
    found["kinds"] = {"toy": {"start": "pictures", "rounds": 1}}
    found["rounds"] = {
        "toy-r01": {"kind": "toy", "round": "r01", "prev": "r00", "candidates": "pictures", "label_rev": 0}
    }
    found["searched"] = found["genetic"]["kinds"] = []
    found["toy"] = {
        **shared,
        "dataset": {"count": 6, "side": SIDE},
        "model": {"limit": 4.0},
        "start": {"steps": 6, "batch": 2, "learning_rate": 0.05, "spread": 0.2, "checkpoints": 2, "log_every": 2},
    }
    return found


def run(params: Params, module: Any, *arguments: str) -> Any:
    return module.run(View(params, module.PARAMS, "toy"), *arguments)


def loop(params: Params) -> None:
    """Every stage of the graph, in its order."""
    pictures, start = import_module("toy_kind.pictures"), import_module("toy_kind.start")
    run(params, pictures)
    run(params, start)
    run(params, judge_start)
    run(params, align, "r00")
    for name in ("r00", "r01"):
        run(params, outputs, name)
    run(params, questions, "r01", "pictures")
    assert run(params, labels, "r01") == 0
    run(params, judge, "r01")
    run(params, align, "r01")
    for variant in ablation.VARIANTS:
        run(params, ablation, variant)
    run(params, evaluate)
    run(params, report)


def test_a_kind_from_elsewhere_goes_through_the_whole_loop(params: Params, tmp_path: Path) -> None:
    loop(params)
    toys = tables.read("toys", AT.pictures / "toys.parquet")
    assert list(toys.split) == ["train", "train", "validation"] * 2
    made = [AT.start, AT.judge("r00"), AT.judge("r01"), AT.model("r00"), AT.model("r01")]
    made += [AT.ablation(variant) for variant in ablation.VARIANTS]
    assert [folder for folder in made if not (folder / MODEL).is_file()] == []
    enhanced = tables.read("enhanced", AT.outputs("r01") / "enhanced.parquet")
    assert list(enhanced.image) == list(toys.id[toys.split == "train"]) and set(enhanced.model) == {"f1"}
    own = kinds.named("toy").models
    after = own.opened(own.spec(View(params, align.PARAMS, "toy"), AT.model("r00") / MODEL))
    assert np.array_equal(read_uint8(enhanced.path[0]), own.apply(after, (toys.path[0],)))

    asked = tables.read("pairs", AT.questions("r01") / "pairs.parquet")
    assert len(asked) == params.of("toy").pairs.k
    with Store.open() as store:
        assert store.rounds() == ["toy-r01"]
        votes = store.votes(list(asked.key), "simulated", params.of("toy").labels.question)
    assert len(votes) == 2 * len(asked) and {vote.round for vote in votes} == {"toy-r01"}
    assert {found.image for found in names.names_of("toy-r01").values()} == set(asked.image)

    shown = tables.read("enhanced", AT.evaluate / "enhanced.parquet")
    assert set(shown.image) == set(toys.id[toys.split == "validation"])
    assert set(shown.model) == {"input", "f0", "f1", "f2", *ablation.VARIANTS}
    measured = json.loads((AT.evaluate / "metrics.json").read_text())
    assert set(measured["scores"]["f2"]) == {"psnr", "entropy"} and measured["preference_over_f0"]["f2"]["votes"] == 4
    assert measured["scores"]["f0"]["entropy"] > measured["scores"]["input"]["entropy"], "f0 gives contrast"

    page = (AT.report / "report.html").read_text()
    for words in (
        "contrast restoration, taught by a panel", "f0 is the stretcher before", "two numbers, limit 4.0",
        "The dashed line is the flat picture", "of waves and noise, drawn flat.", "while the stretcher learns",
    ):  # fmt: skip
        assert words in page
    for foreign in ("low-light", "low_light", "enhancer", "well-lit", "exposure", "brackets"):
        assert foreign not in page.lower()

    assert [path.name for path in Path("data").iterdir()] == ["toy"]
    assert {path.name for path in tmp_path.iterdir()} <= {"data", ".loupe", "labels.sqlite"}


def test_a_judge_and_an_aligner_from_elsewhere_do_too(params: Params, capsys: pytest.CaptureFixture[str]) -> None:
    """By one line each in their registries; the judge wants higher scores and the sources, the aligner no gradient."""
    found = values()
    found["toy"]["judge"] |= {"name": "toy", "options": {"departure": 0.2}}
    found["toy"]["align"] |= {"name": "toy", "options": {"sigma": 0.05}}
    loop(validate(found))
    judgements = tables.read("judgements", AT.evaluate / "judgements.parquet")
    assert set(judgements.judge) == {"g0", "g1"} and judgements.value.notna().all()
    assert "content_only: toy does nothing without a judge, so this is f0" in capsys.readouterr().out
    colour = load_tensors(AT.judge("r01") / MODEL)["colour"]
    assert not torch.equal(colour, load_tensors(AT.judge("r00") / MODEL)["colour"])


def test_a_metric_judges_where_no_gradient_is_needed(params: Params) -> None:
    found = values()
    found["toy"]["judge"] = {"name": "metric", "options": {"metric": "niqe"}, "start": None, "rounds": None}
    with pytest.raises(CannotAlign, match="it needs a judge with a gradient, and this one has none"):
        loop(validate(found))
    found["toy"]["align"] |= {"name": "toy", "options": {"sigma": 0.05}}
    loop(validate(found))
    first, last = (load_tensors(AT.judge(name) / MODEL) for name in ("r00", "r01"))
    assert set(first) == {"mean", "deviation"} and all(torch.equal(first[key], last[key]) for key in first)
    scores = tables.read("scores", AT.judge("r00") / "scores.parquet")
    assert set(scores.metric) == {"niqe"}
    assert float(first["mean"]) == pytest.approx(scores.value.mean(), rel=1e-5)
    page = (AT.report / "report.html").read_text()
    assert "fine-tuned to please NIQE, whatever the panel said" in page and "the ranker" not in page


def test_its_dataset_is_checked_as_any(params: Params) -> None:
    found, section = Findings(), params.of("toy")
    kinds.named("toy").check.look_at(section.dataset, {"toy.align.crop": SIDE + 1}, found)
    assert found.counts == ["toy.dataset: 6 pictures"]
    assert [fault.split(":")[0] for fault in found.faults] == ["toy.align.crop"]
