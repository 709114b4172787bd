"""Photos of another character: made of those that validate, or a user's; measured, voted on where that can be, and shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from report_artifacts import AT, NASTY, make, params
from test_report import Page

from models.core.storage import save_weights
from models.enhancers import create
from pictures import ImageError, read_uint8, write_json, write_png
from tasks import kinds
from tasks.config import View, validate
from tasks.config.yaml_file import read_yaml
from tasks.low_light import elsewhere
from tasks.low_light.params import SampleElsewhere
from tasks.rounds import elsewhere as measuring
from tasks.rounds import evaluate, loop, report
from tasks.stage import tables

ROOT = Path(__file__).parents[2]
SETTINGS = {"crops_per_photo": 2, "crop": 64, "exposure_stops": (2.5, 5.5), "lights": ["even", "lamp"], "warmth": 1.0,
            "shot_gain": 0.001, "read_sigma": 0.002, "jpeg": 75}  # fmt: skip


def images(split: str, photograph: str) -> dict[str, Any]:
    hashes = {"sha256": "0" * 64, "reference": None, "reference_sha256": None}
    names = {"id": photograph, "photograph": photograph, "original": photograph, "path": f"input/{photograph}.png"}
    return {**names, **hashes, "split": split, "width": 64, "height": 64}


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    splits = {"coffee": "validation", "chelsea": "validation", "astronaut": "train"}
    tables.write("images", [images(split, name) for name, split in splits.items()], AT.pictures / "images.parquet")
    write_json(AT.pictures / "summary.json", {"source": "sample"})
    return tmp_path


def seen(asked: dict[str, Any] | None) -> View:
    values = read_yaml(ROOT / "tests" / "tiny.yaml")
    values["low_light"]["evaluate"]["elsewhere"] = asked
    values["low_light"]["model"] = {"name": "local_tone", "options": {"width": 4}}
    values["low_light"]["labels"] |= {"source": "simulated"}
    values["low_light"]["labels"]["simulated"]["utility"] = {"psnr": 1.0}
    return View(validate(values), evaluate.PARAMS, "low_light")


def test_it_is_made_of_photographs_that_validate_alone(dataset: Path) -> None:
    made = elsewhere.of_sample(SampleElsewhere(**SETTINGS), 1, dataset / "one")
    again = elsewhere.of_sample(SampleElsewhere(**SETTINGS), 1, dataset / "two")
    assert {one.photograph for one in made} == {"coffee", "chelsea"} and len(made) == 4
    assert [one.hashes for one in made] == [one.hashes for one in again]
    for one in made:
        taken, lit = read_uint8(Path(one.sources[0])), read_uint8(Path(str(one.reference)))
        assert taken.shape == lit.shape == (64, 64, 3)
        assert taken.mean() < 0.75 * lit.mean()


def test_warm_light_has_more_red_than_blue(dataset: Path) -> None:
    plain = {**SETTINGS, "lights": ["even"], "shot_gain": 0.0, "read_sigma": 0.0, "jpeg": 100}

    def redness(warmth: float) -> float:
        made = elsewhere.of_sample(SampleElsewhere(**{**plain, "warmth": warmth}), 1, dataset / f"{warmth}")
        mean = np.mean([read_uint8(Path(one.sources[0])).mean((0, 1)) for one in made], 0)
        return float(mean[0] / mean[2])

    assert redness(2.0) > 1.2 * redness(0.0)


def test_a_users_photos_come_without_reference_and_broken_ones_are_named(
    dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    random = np.random.default_rng(0)
    for name, size in (("night", (400, 1600)), ("tiny", (8, 8))):
        write_png(dataset / "mine" / f"{name}.png", random.integers(0, 255, (*size, 3), dtype=np.uint8))
    (dataset / "mine" / "broken.jpg").write_bytes(b"no picture")
    (one,) = elsewhere.of_folder("mine", False, dataset / "made")
    assert (one.id, one.reference) == ("night", None)
    assert read_uint8(Path(one.sources[0])).shape[1] == elsewhere.MAX_SIDE
    said = capsys.readouterr().out
    assert said.count("skipped: ") == 2 and "broken.jpg" in said and "tiny.png" in said


def test_a_folder_of_nothing_that_can_be_used_is_an_error(dataset: Path) -> None:
    write_png(dataset / "mine" / "tiny.png", np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(ImageError, match=r"tiny\.png"):
        elsewhere.of_folder("mine", False, dataset / "made")


def trained(names: tuple[str, ...]) -> tuple[tuple[str, kinds.Spec], ...]:
    found = []
    for number, name in enumerate(names):
        network = create("local_tone", width=4)
        network.last.bias.data[0] = 0.5 * number  # type: ignore[union-attr, operator]
        save_weights(network, Path(f"{name}.safetensors"))
        found.append((name, loop.models(seen(None)).spec(seen(None), Path(f"{name}.safetensors"))))
    return tuple(found)


def test_what_is_measured_and_voted_on(dataset: Path) -> None:
    write_png(dataset / "mine" / "night.png", np.full((80, 100, 3), 30, np.uint8))
    asked = {"photos": "mine", "sample": {**SETTINGS, "exposure_stops": [2.5, 5.5]}}
    measuring.evaluate_elsewhere(seen(asked), trained(("f0", "f1")), ("psnr", "entropy"))
    summary = json.loads((AT.evaluate / "elsewhere" / "summary.json").read_text())
    assert set(summary) == {"sample", "photos"}
    sample, mine = summary["sample"], summary["photos"]
    assert (
        set(sample["scores"]) == {"input", "f0", "f1"}
        and sample["scores"]["f1"]["psnr"] > sample["scores"]["f0"]["psnr"]
    )
    assert sample["preference_over_f0"]["f1"]["rate"] > 0.5, "the panel goes by PSNR"
    assert "psnr" not in mine["scores"]["f1"] and mine["scores"]["f1"]["entropy"] >= 0
    assert mine["preference_over_f0"] == {}, "without a reference nobody can tell"
    made = tables.read("enhanced", AT.evaluate / "elsewhere" / "photos.parquet")
    assert all(Path(path).is_file() for path in made.path)


def test_nothing_is_asked_for(dataset: Path) -> None:
    measuring.evaluate_elsewhere(seen(None), (), ())
    assert json.loads((AT.evaluate / "elsewhere" / "summary.json").read_text()) == {}


def test_the_page_shows_a_users_photos_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make()
    assert "elsewhere" not in Page(report.page(params())).ids(), "what a version before left has none"
    groups = {}
    for name, rate in (("sample", {"rate": 0.61, "low": 0.5, "high": 0.7}), ("photos", None)):
        rows = []
        for model in ("input", "f0", "f1", "f2", "f3"):
            path = AT.evaluate / "elsewhere" / "outputs" / name / model / "a.png"
            write_png(path, np.full((40, 60, 3), 90, np.uint8))
            rows.append({"image": "a", "split": "validation", "model": model, "sha256": "0" * 64,
                         "path": f"outputs/{name}/{model}/a.png"})  # fmt: skip
        tables.write("enhanced", rows, AT.evaluate / "elsewhere" / f"{name}.parquet")
        scores = {model: {"niqe": 5.0 - place} for place, model in enumerate(("input", "f0", "f1", "f2", "f3"))}
        groups[name] = {"images": [{"id": "a", "photograph": NASTY, "reference": None}], "scores": scores,
                        "preference_over_f0": {"f3": rate} if rate else {}}  # fmt: skip
    write_json(AT.evaluate / "elsewhere" / "summary.json", groups)
    page = Page(report.page(params()))
    assert "elsewhere" in page.ids()
    assert page.text.index("Your photos") < page.text.index("Light of another character")
    assert "f3 is preferred to f0 in 61 % here" in page.text
    assert NASTY in page.text, "names are text"
    assert sum(tag == "img" and attributes.get("data-version") == "f3" for tag, attributes in page.elements) == 4
