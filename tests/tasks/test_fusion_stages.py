"""Search, training, fusion and evaluation of brackets on small pictures."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from models.fusers.searched import load
from models.losses.fusion import LOSSES
from models.search import loop as search_loop
from models.search.genotype import GenotypeError, balanced
from models.search.loop import Epoch
from models.search.space import NODES, OPERATIONS
from pictures import packed, read_uint8, sha256_file, write_png
from tasks.brackets import fused, fusers, loss_weights, search, search_report, start
from tasks.brackets.scenes import Scenes
from tasks.brackets.search_pictures import alphas_picture, betas_picture
from tasks.config import ConfigError, View, read_yaml, validate
from tasks.rounds import loop
from tasks.stage import tables

ROOT = Path(__file__).resolve().parents[2]
TINY = read_yaml(ROOT / "tests" / "tiny.yaml")
PICTURES = Path("data/brackets/pictures")


def changed(changes: dict[str, Any]) -> dict[str, Any]:
    """The tiny params with other values by path: {"search.crop": 64} of brackets, {"low_light.pairs.k": 1} of others."""
    values = copy.deepcopy(TINY)
    for path, value in changes.items():
        *sections, key = path.split(".")
        place = values if sections[0] in values else values["brackets"]
        for section in sections:
            place = place[section]
        place[key] = value
    return values


def view(module: Any, **changes: Any) -> View:
    """changes: of the section of brackets, search__crop=64."""
    own = {path.replace("__", "."): value for path, value in changes.items()}
    return View(validate(changed(own)), module.PARAMS, "brackets")


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five scenes of four photographs with references: p0 and p1 are of one."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    table, natural = [], []
    for number in range(5):
        reference = random.integers(0, 256, (48, 52, 3), dtype=np.uint8)
        pictures = {"under": reference // 4, "over": np.minimum(reference.astype(int) * 3, 255).astype(np.uint8)}
        row: dict[str, Any] = {"id": f"p{number}", "photograph": f"photo{max(number, 1)}", "width": 52, "height": 48,
                               "split": "validation" if number > 3 else "train", "original": "x"}  # fmt: skip
        for part, pixels in {**pictures, "reference": reference}.items():
            row[part] = f"{part}/p{number}.png"
            write_png(PICTURES / row[part], pixels)
            row[f"{part}_sha256"] = sha256_file(PICTURES / row[part])
        table.append(row)
        if number < 4:
            natural.append({"id": row["id"], "photograph": row["photograph"], "path": row["reference"],
                            "sha256": row["reference_sha256"]})  # fmt: skip
    tables.write("exposures", table, PICTURES / "exposures.parquet")
    tables.write("natural", natural, PICTURES / "natural.parquet")
    return tmp_path


def without_references(*names: str) -> None:
    """Take the references of the named scenes out of the table; of all scenes without names."""
    table = tables.read("exposures", PICTURES / "exposures.parquet")
    table.loc[table.id.isin(names or table.id), ["reference", "reference_sha256"]] = None
    for part in ("under", "over", "reference"):
        table[part] = [path if pd.isna(path) else tables.relative(path, PICTURES) for path in table[part]]
    tables.write("exposures", table, PICTURES / "exposures.parquet")


def hashes(folder: str) -> dict[str, str]:
    return {str(path): sha256_file(path) for path in Path(folder).rglob("*") if path.is_file()}


def test_from_the_search_to_the_page(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    search.run(view(search))
    history = tables.read("search", "data/brackets/search/history.parquet")
    assert sorted(history.epoch.unique()) == [0, 1, 2]
    alphas = history[history.kind == "alpha"]
    assert len(alphas) == 3 * len(NODES) * len(OPERATIONS)
    assert np.allclose(alphas.groupby(["epoch", "node"])["value"].sum(), 1)
    betas = history[history.kind == "beta"]
    assert np.allclose(betas.groupby("epoch")["value"].sum(), 1)
    last = betas[betas.epoch == 2].set_index("name")["value"]
    assert loss_weights.read(loss_weights.SEARCHED) == pytest.approx(dict(last))
    assert fusers.read_genotype(fusers.FOUND).taps() > 0
    assert not Path(".loupe/training/search/state.pt").exists()

    start.run(view(start))
    assert load(fusers.WEIGHTS).genotype == fusers.read_genotype(fusers.FOUND)
    checkpoints = [load(path).state_dict() for path in loop.checkpoints("brackets")]
    assert len(checkpoints) == 4 and all(
        v.equal(checkpoints[-1][k]) for k, v in load(fusers.WEIGHTS).state_dict().items()
    )
    assert json.loads(Path("data/brackets/start/live/metrics.json").read_text())["loss"] > -10

    monkeypatch.setattr(packed, "PACKED_FROM", 1)
    fused.run(view(fused))
    assert not list(Path("data/brackets/fused").rglob("*.png"))
    made = tables.read("enhanced", "data/brackets/fused/enhanced.parquet")
    assert sorted(made.model) == sorted(fusers.METHODS) and set(made.image) == {"p4"}
    assert [sha256_file(path) for path in made.path] == list(made.sha256)
    under, over = (read_uint8(PICTURES / part / "p4.png").astype(float) for part in ("under", "over"))
    assert np.abs(read_uint8("data/brackets/fused/average/p4.png") - (under + over) / 2).max() <= 0.51

    search_report.run(view(search_report))
    result = json.loads(Path("data/brackets/search_report/metrics.json").read_text())
    assert set(result["methods"]) == set(fusers.METHODS)
    assert set(result["methods"]["searched"]) == {"mef_ssim", "cc", "entropy"}
    assert result["parameters"]["published"] == 1_166_353
    scores = tables.read("scores", "data/brackets/search_report/scores.parquet")
    assert len(scores) == 4 * 3 and scores["value"].notna().all()
    page = Path("data/brackets/search_report/report.html").read_text()
    assert page.count("data:image/png;base64,") == 2 and page.count("data:image/jpeg;base64,") == 7
    assert "1,166,353" in page and "http" not in page.replace("http-equiv", "")


def test_a_killed_search_ends_the_same(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    search.run(view(search))
    whole = hashes("data/brackets/search")
    plain, calls = search_loop.step, []

    def dies(*arguments: Any, **named: Any) -> Any:
        if len(calls) == 3:
            raise KeyboardInterrupt
        calls.append(0)
        return plain(*arguments, **named)

    monkeypatch.setattr(search_loop, "step", dies)
    with pytest.raises(KeyboardInterrupt):
        search.run(view(search))
    assert hashes("data/brackets/search") == whole, "what was there stays until the new is whole"
    monkeypatch.setattr(search_loop, "step", plain)
    search.run(view(search))
    assert hashes("data/brackets/search") == whole


def test_the_ablations_and_comparisons_are_params(dataset: Path) -> None:
    for refinement, most in (("darts", 1), ("pruning", 1), ("retention", 2), ("wsras", 2)):
        search.run(view(search, search__refinement=refinement, search__constraint="none"))
        assert max(len(node) for node in fusers.read_genotype(fusers.FOUND).nodes) == most
    assert len(set(loss_weights.read(loss_weights.SEARCHED).values())) == 1, (
        "without the constraint all losses stay alike"
    )
    start.run(view(start, start__architecture="random", start__loss="uniform"))
    found, searched = load(fusers.WEIGHTS).genotype, fusers.read_genotype(fusers.FOUND)
    assert found != searched and found.taps() == searched.taps()


def test_batches_are_one_crop_and_a_natural_image_of_another_photograph(dataset: Path) -> None:
    scenes = Scenes(crop=32, batch=3, seed=1)
    assert (len(scenes), scenes.has_reference, scenes.has_natural) == (4, True, True)
    draw = scenes.batches(range(4), "x", natural=True)
    assert all(torch.equal(first, draw(5)[part]) for part, first in draw(5).items())
    assert not torch.equal(draw(5)["under"], draw(6)["under"])
    assert set(draw(0)) == {"under", "over", "reference", "natural"}
    assert "natural" not in scenes.batches(range(4), "x")(0)
    originals = {name: read_uint8(PICTURES / "reference" / f"{name}.png") for name in ("p0", "p1", "p2", "p3")}
    for step in range(6):
        batch = draw(step)
        for under, reference, natural in zip(batch["under"], batch["reference"], batch["natural"], strict=True):
            assert torch.equal((reference * 255).round() // 4, (under * 255).round()), "one crop and flip of each"
            own = {name for name, pixels in originals.items() if inside(reference, pixels)}
            other = {name for name, pixels in originals.items() if inside(natural, pixels)}
            assert own and other and not own & other and own | other != {"p0", "p1"}


def inside(crop: torch.Tensor, picture: np.ndarray) -> bool:
    """Whether a crop, perhaps flipped, is a part of a picture of random pixels."""
    for pixels in (crop, crop.flip(-1)):
        corner = (pixels * 255).round().byte().permute(1, 2, 0).numpy()[:2, :2]
        windows = np.lib.stride_tricks.sliding_window_view(picture, (2, 2, 3))
        if (windows[:, :, 0] == corner).all((2, 3, 4)).any():
            return True
    return False


def test_a_scene_without_reference_is_said_and_none_is_used(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    without_references("p1")
    scenes = Scenes(crop=32, batch=1, seed=1)
    assert not scenes.has_reference and "reference" not in scenes.batches(range(4), "x")(0)
    assert "1 of 4 training scenes have no reference: references are not used" in capsys.readouterr().out
    with pytest.raises(search.NoPositives, match="'reference', but data/brackets/pictures lacks a reference for every"):
        search.run(view(search, search__constraint="reference"))
    search.run(view(search))
    weights = loss_weights.read(loss_weights.SEARCHED)
    assert weights["l1_reference"] == 0 < weights["l1_over"]
    beta = loss_weights.beta_of(weights).softmax(0)
    assert beta.tolist() == pytest.approx([weights[name] for name in LOSSES], abs=1e-6)


def test_files_that_do_not_fit_are_named(dataset: Path) -> None:
    with pytest.raises(GenotypeError, match=r"data/brackets/search/genotype\.json is missing; `dvc repro` makes it"):
        start.run(view(start))
    fusers.FOUND.parent.mkdir()
    fusers.FOUND.write_text("{}")
    with pytest.raises(GenotypeError, match=r"^data/brackets/search/genotype\.json: a genotype is "):
        start.run(view(start))
    fusers.FOUND.write_text(balanced().to_json())
    with pytest.raises(loss_weights.LossWeightsError, match="is missing; `dvc repro search@brackets`"):
        start.run(view(start))
    for text in ("[", "[]", '{"tv": 1.0}'):
        loss_weights.SEARCHED.write_text(text)
        with pytest.raises(loss_weights.LossWeightsError, match=r"loss_weights\.json"):
            loss_weights.read(loss_weights.SEARCHED)


def test_wins_and_means_of_hand_made_scores() -> None:
    rows = [("searched", "a", 0.9), ("searched", "b", 0.7), ("average", "a", 0.8), ("average", "b", 0.75),
            ("mertens", "a", 0.9), ("mertens", "b", None), ("laplacian", "a", 0.1), ("laplacian", "b", 0.1)]  # fmt: skip
    scores = pd.DataFrame(rows, columns=["model", "image", "value"]).assign(metric="mef_ssim")
    found = search_report.wins(scores)
    assert found["average"]["mef_ssim"] == {"better": 1, "worse": 1, "equal": 0}
    assert found["mertens"]["mef_ssim"] == {"better": 0, "worse": 0, "equal": 1}
    means = search_report.summarised(scores)
    assert means["searched"]["mef_ssim"] == {"mean": pytest.approx(0.8), "median": pytest.approx(0.8), "scenes": 2}
    assert means["mertens"]["mef_ssim"]["scenes"] == 1


def test_scores_that_nothing_has_are_no_crash(dataset: Path) -> None:
    without_references()
    search.run(view(search))
    start.run(view(start))
    fused.run(view(fused))
    for metrics in (["cc", "ms_ssim"], ["musiq"]):
        search_report.run(view(search_report, search_report__metrics=metrics))
        result = json.loads(Path("data/brackets/search_report/metrics.json").read_text())
        assert result["methods"] == result["wins"] == {}


def test_pictures_of_the_search() -> None:
    history = [
        Epoch(number, number, [[1 / 11] * 11] * 15, {"l1_over": 1 - number / 100, "tv": number / 100}, {}, 165)
        for number in range(90)
    ]
    few, many = betas_picture(history[:2]), betas_picture(history)
    assert few.dtype == np.uint8 and many.shape[1] > few.shape[1]
    assert alphas_picture(history).shape[1] < 4000, "long searches are thinned"
    assert np.array_equal(many, betas_picture(history))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"search.layers": ["relu9_1"]}, "brackets.search.layers: ['relu9_1'] are no VGG16 activations"),
        ({"search.warmup": 4}, "brackets.search: warmup is 4 of 4 steps: nothing would be searched"),
        ({"search.constraint": "both of them"}, "brackets.search.constraint"),
        ({"search.retain": 12}, "brackets.search.retain"),
        ({"start.crop": 16}, "brackets.start.crop"),
        ({"search_report.metrics": ["beauty"]}, "brackets.search_report: metrics names unknown metrics ['beauty']"),
        (
            {"low_light.evaluate.metrics": ["qabf"]},
            "low_light: evaluate.metrics names qabf, which compare a fused image with its exposures",
        ),
        ({"genetic_evaluate.metrics": ["mef_ssim"]}, "genetic_evaluate: metrics names mef_ssim"),
        ({"genetic.objectives": ["entropy", "qabf"]}, "'qabf' compares a fused image with its exposures"),
    ],
)
def test_params_that_cannot_be(changes: dict[str, Any], expected: str) -> None:
    with pytest.raises(ConfigError) as refused:
        validate(changed(changes))
    assert expected in str(refused.value)


def test_a_constraint_without_positives_is_refused_before_anything_runs() -> None:
    values = copy.deepcopy(TINY)
    brackets = values["brackets"]
    brackets["dataset"] |= {"source": "folder"}
    brackets["dataset"]["folder"] |= {"under": "u", "over": "o"}
    with pytest.raises(
        ConfigError, match=r"brackets: .*dataset\.folder\.natural or dataset\.folder\.reference is not set"
    ):
        validate(values)
    brackets["dataset"]["folder"]["natural"] = "n"
    validate(values)
    brackets["search"]["constraint"] = "reference"
    with pytest.raises(
        ConfigError, match=r"search\.constraint is 'reference', but dataset\.folder\.reference is not set"
    ):
        validate(values)
    brackets["search"]["constraint"] = "none"
    validate(values)
