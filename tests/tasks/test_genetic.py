"""The stages of the genetic search on six small pictures: search, predictor, evaluation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from models.genetic.search import dominating_order
from pictures import read_uint8, sha256_file, write_png
from tasks.config import View, load_whole
from tasks.genetic import amortise, evaluate, one_photo, search
from tasks.genetic.one_photo import BrokenFront, read_front
from tasks.low_light import pictures as low_light
from tasks.stage import tables

ROOT = Path(__file__).resolve().parents[2]


def view(module: Any) -> View:
    return View(load_whole(ROOT / "tests" / "tiny.yaml"), module.PARAMS, "low_light")


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    rows = []
    for number in range(6):
        picture = (random.random((20, 26, 3)) * (30 + 12 * number)).astype(np.uint8)
        reference = np.clip(picture.astype(int) * 3, 0, 255).astype(np.uint8)
        name = f"p{number}"
        paths = {part: f"{part}/{name}.png" for part in ("input", "reference")}
        write_png(low_light.OUT / paths["input"], picture)
        write_png(low_light.OUT / paths["reference"], reference)
        rows.append(
            {
                "id": name, "photograph": name, "split": "validation" if number > 3 else "train", "path": paths["input"],
                "sha256": sha256_file(low_light.OUT / paths["input"]), "reference": paths["reference"],
                "reference_sha256": sha256_file(low_light.OUT / paths["reference"]), "width": 26, "height": 20, "original": name,
            }
        )  # fmt: skip
    tables.write("images", rows, low_light.OUT / "images.parquet")
    return tmp_path


def test_search_predict_evaluate(dataset: Path) -> None:
    search.run(view(search))
    fronts = tables.read("fronts", "data/low_light/genetic/fronts.parquet")
    assert fronts.groupby("image").chosen.sum().tolist() == [1] * 6
    for _, rows in fronts.groupby("image"):
        leaders = rows[rows["rank"] == 0]
        best = leaders.iloc[dominating_order(leaders[["entropy", "distance"]].to_numpy(), (1.0, -1.0))[0]]
        assert best.chosen == 1
        assert [list(values) for values in rows["values"]] == rows[["entropy", "distance"]].to_numpy().tolist()
    enhanced = tables.read("enhanced", "data/low_light/genetic/enhanced.parquet")
    assert [sha256_file(path) for path in enhanced.path] == list(enhanced.sha256)
    assert not (search.KEPT / "low_light").exists()

    amortise.run(view(amortise))
    evaluate.run(view(evaluate))
    result = json.loads(Path("data/low_light/genetic_evaluate/metrics.json").read_text())
    assert set(result["metrics"]["validation"]) == {"input", "genetic", "predicted"}
    assert set(result["metrics"]["train"]) == {"input", "genetic"}
    scores = (
        tables.read("scores", "data/low_light/genetic_evaluate/scores.parquet")
        .set_index(["image", "model", "metric"])
        .value
    )
    chosen = fronts[fronts.chosen == 1].set_index("image")
    # The palette's entropy is of the exact values, the metric's of the picture in 8 bits.
    for image in ("p4", "p5"):
        assert scores[image, "genetic", "entropy"] == pytest.approx(chosen.entropy[image], abs=0.15)
    lost = tables.read("amortised", "data/low_light/genetic_evaluate/amortised.parquet")
    assert list(lost.image) == ["p4", "p5"]
    loss = (lost.searched_entropy - lost.entropy) / lost.searched_entropy
    assert result["amortised"]["entropy_loss_median"] == pytest.approx(float(loss.median()))


def test_an_interrupted_search_goes_on_and_ends_the_same(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    search.run(view(search))
    whole = {path: path.read_bytes() for path in Path("data/low_light/genetic").rglob("*") if path.is_file()}
    searched: list[str] = []
    plain = one_photo._search

    def until_the_third(job: Any) -> Any:
        if len(searched) == 2:
            raise KeyboardInterrupt
        searched.append(job.name)
        return plain(job)

    monkeypatch.setattr(one_photo, "_search", until_the_third)
    with pytest.raises(KeyboardInterrupt):
        search.run(view(search))
    first = list(searched)
    assert {path: path.read_bytes() for path in whole} == whole, "the outputs before stay until new ones are whole"
    monkeypatch.setattr(one_photo, "_search", lambda job: searched.append(job.name) or plain(job))
    search.run(view(search))
    assert sorted(searched) == sorted([*first, *(f"p{n}" for n in range(6) if f"p{n}" not in first)])
    assert {path: path.read_bytes() for path in whole} == whole


def is_kept(job: one_photo.SearchJob) -> bool:
    return one_photo.read_front(Path(job.kept), one_photo._identity(job)) is not None


def test_what_is_kept_of_another_photo_or_other_settings_is_not_used(dataset: Path) -> None:
    settings = load_whole(ROOT / "tests" / "tiny.yaml").genetic
    photos = [("p0", Path("data/low_light/pictures/input/p0.png"))]

    def job(seed: int = 1, **changes: Any) -> Any:
        return one_photo.jobs_of(settings.model_copy(update=changes), photos, Path("kept"), seed, "cpu", None)[0]

    one_photo.search_photo(job())
    assert is_kept(job())
    assert not is_kept(job(seed=2))
    assert not is_kept(job(generations=2))
    write_png(photos[0][1], np.zeros((9, 9, 3), np.uint8))
    assert not is_kept(job())
    Path("kept/p0.json").write_text("{")
    with pytest.raises(BrokenFront, match=r"kept/p0\.json"):
        read_front(Path("kept/p0.json"))


def test_a_metric_in_place_of_an_objective_still_reports_the_papers_two(dataset: Path) -> None:
    settings = load_whole(ROOT / "tests" / "tiny.yaml").genetic
    photos = [("p0", Path("data/low_light/pictures/input/p0.png"))]
    usual = one_photo.search_photo(one_photo.jobs_of(settings, photos, Path("one"), 1, "cpu", None)[0])
    other = settings.model_copy(update={"objectives": ["piqe", "entropy"]})
    found = one_photo.search_photo(one_photo.jobs_of(other, photos, Path("two"), 1, "cpu", None)[0])
    assert found.objectives == ["piqe", "entropy"]
    assert [values[1] for values in found.values] == found.entropy
    assert len(found.distance) == len(found.genes)
    assert np.isfinite(found.distance).all() and len(usual.genes) > 0


def test_a_limit_takes_of_every_photograph_and_of_both_splits() -> None:
    rows = [
        (f"{photo}_{crop}", photo, "validation" if photo == "d" else "train") for photo in "abcd" for crop in range(3)
    ]
    images = pd.DataFrame(rows, columns=["id", "photograph", "split"])
    few = search.chosen_images(images, 4)
    assert sorted(few.id) == ["a_0", "b_0", "c_0", "d_0"]
    assert len(search.chosen_images(images, None)) == len(search.chosen_images(images, 99)) == 12


def test_the_operator_through_a_table_keeps_the_depth() -> None:
    for dtype in (np.uint8, np.uint16):
        top = np.iinfo(dtype).max
        photo = (np.random.default_rng(1).random((5, 6, 3)) * top).astype(dtype)
        same = search.enhanced(photo, [0.0, 1.0, 1.0])
        assert same.dtype == dtype and np.abs(same.astype(int) - photo).max() == 0
        brighter = search.enhanced(photo, [51.0, 1.0, 1.0])
        assert np.abs(brighter.astype(float) - np.minimum(photo + top / 5, top)).max() <= 0.5 + top * 1e-6


def test_targets_by_an_objective() -> None:
    front = {
        "image": ["a"] * 3, "rank": [0, 0, 1], "chosen": [1, 0, 0], "entropy": [7.0, 6.0, 9.0], "distance": [5.0, 2.0, 1.0],
        "brightness": [1.0, 2.0, 3.0], "contrast": [1.0] * 3, "gamma": [1.0] * 3,
        "objectives": [["entropy", "distance", "piqe"]] * 3, "values": [[7.0, 5.0, 30.0], [6.0, 2.0, 20.0], [9.0, 1.0, 1.0]],
    }  # fmt: skip
    fronts = pd.DataFrame(front)
    brightness = {
        name: amortise.targets(fronts, {}, name)["a"][0] for name in ("chosen", "entropy", "distance", "piqe")
    }
    assert brightness == {"chosen": 1.0, "entropy": 1.0, "distance": 2.0, "piqe": 2.0}


def test_the_outputs_are_what_the_genes_make(dataset: Path) -> None:
    search.run(view(search))
    chosen = tables.read("fronts", "data/low_light/genetic/fronts.parquet").query("chosen == 1").set_index("image")
    for image, row in chosen.iterrows():
        made = search.enhanced(
            read_uint8(f"data/low_light/pictures/input/{image}.png"), [row.brightness, row.contrast, row.gamma]
        )
        assert np.array_equal(read_uint8(f"data/low_light/genetic/output/{image}.png"), made)
