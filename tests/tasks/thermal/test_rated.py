"""Corrupted versions of pairs, and a reward model that learns from them what it was not told of other scenes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from skimage import data

from models.core.storage import load_weights
from models.judges import create
from models.judges.base import Opinion, RatedJudge
from pictures import write_png
from tasks.config import View, validate
from tasks.kinds import named
from tasks.thermal.models import method
from tasks.training.ratings import (
    Examples,
    UnknownCriteria,
    loss_of,
    opinions,
    predicts,
    seen,
    train_on_ratings,
)

ROOT = Path(__file__).resolve().parents[3]
SMALL = {"side": 96, "grid": 6, "width": 32, "depth": 1, "heads": 2}


def pair(tmp_path: Path, number: int) -> tuple[str, str]:
    photo = (data.astronaut, data.chelsea, data.coffee)[number % 3]()[40 * number : 40 * number + 150, 30 : 30 + 180]
    heat = np.clip(40 + 0.3 * (255 - photo[..., 1].astype(float)), 0, 255)
    heat[50:90, 60:90] = 240
    write_png(tmp_path / f"i{number}.png", np.repeat(heat[..., None], 3, 2).astype(np.uint8))
    write_png(tmp_path / f"v{number}.png", photo)
    return str(tmp_path / f"i{number}.png"), str(tmp_path / f"v{number}.png")


def test_versions_are_the_same_for_the_same_seed_and_whole_or_cut(tmp_path: Path) -> None:
    rated = named("thermal").rated
    assert rated is not None and named("low_light").rated is None
    sources = pair(tmp_path, 0)
    one, again = (rated.examples(sources, method("average"), 8, 5) for _ in range(2))
    other = rated.examples(sources, method("average"), 8, 6)
    assert all(np.array_equal(a.picture, b.picture) and a.scores == b.scores for a, b in zip(one, again, strict=True))
    assert any(
        a.picture.shape != b.picture.shape or not np.array_equal(a.picture, b.picture)
        for a, b in zip(one, other, strict=True)
    )
    assert {found.picture.shape for found in one} > {(150, 180, 3)}
    for found in one:
        assert (
            found.heatmap.shape == found.picture.shape[:2] == found.sources[0].shape[:2] == found.sources[1].shape[:2]
        )
        assert all(1 <= value <= 5 for value in found.scores.values())
        assert (float(found.heatmap.max()) > 0.5) == bool(found.corruptions)


def test_features_are_those_of_each_picture_and_of_a_source_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = create("reward", **SMALL)
    rated = named("thermal").rated
    assert isinstance(judge, RatedJudge) and rated is not None
    scenes = [rated.examples(pair(tmp_path, n), method("average"), 6, n) for n in range(2)]
    asked: list[int] = []
    features = judge.features
    monkeypatch.setattr(judge, "features", lambda picture: asked.append(1) or features(picture))
    found = seen(judge, scenes)
    one = scenes[1][3]
    for place, picture in enumerate((one.picture, *one.sources)):
        tensor = torch.from_numpy(picture.astype(np.float32)).permute(2, 0, 1)[None]
        assert torch.allclose(found.features[9][place].float(), features(tensor)[0], rtol=0.01, atol=0.01)
    assert torch.allclose(found.scores[9], torch.tensor([one.scores[name] / 5 for name in judge.criteria]))
    assert len(asked) < 3 * len(found)


def test_how_well_scores_are_calibrated() -> None:
    true = torch.rand(400, 1)
    maps = torch.zeros(400, 1, 2, 2)
    examples = Examples((), true, maps, torch.ones(400))
    exact = predicts(Opinion(true, None), examples, ["thermal"])["thermal"]
    assert exact["slope"] == pytest.approx(1, abs=1e-4) and exact["ece"] == pytest.approx(0, abs=1e-6)
    timid = predicts(Opinion(0.5 + 0.5 * (true - 0.5), None), examples, ["thermal"])["thermal"]
    assert (
        timid["slope"] == pytest.approx(2, abs=1e-3) and 0.5 < timid["ece"] < 0.75 and timid["srcc"] == pytest.approx(1)
    )


def test_the_loss_is_that_of_both_branches() -> None:
    scores, heatmaps = torch.rand(3, 4), torch.rand(3, 1, 8, 8)
    ones = torch.ones(3)
    total, terms = loss_of(Opinion(scores + 0.1, heatmaps - 0.2), scores, heatmaps, ones)
    assert float(terms["scores"]) == pytest.approx(0.01) and float(terms["heatmap"]) == pytest.approx(0.04)
    assert float(total) == pytest.approx(0.05)
    assert set(loss_of(Opinion(scores, None), scores, heatmaps, ones)[1]) == {"scores"}
    assert set(loss_of(Opinion(scores[:, :0], heatmaps), scores, heatmaps, ones)[1]) == {"heatmap"}
    off = scores + torch.tensor([[0.1], [0.3], [0.0]])
    weighed, _ = loss_of(Opinion(off, None), scores, heatmaps, torch.tensor([1.0, 0.5, 1.0]))
    assert float(weighed) == pytest.approx((0.01 + 0.5 * 0.09) / 2.5)


def test_criteria_that_nothing_has_scores_of_are_named(tmp_path: Path) -> None:
    judge = create("reward", **SMALL, criteria=["thermal", "beauty"])
    rated = named("thermal").rated
    assert isinstance(judge, RatedJudge) and rated is not None
    with pytest.raises(
        UnknownCriteria, match=r"scores beauty .* have scores of thermal, texture, artifacts, sharpness"
    ):
        seen(judge, [rated.examples(pair(tmp_path, 0), method("average"), 1, 0)])


@pytest.mark.slow
def test_it_learns_from_corruptions_what_holds_for_other_scenes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    values = yaml.safe_load((ROOT / "presets" / "demo.yaml").read_text())
    start = {"variants": 12, "steps": 160, "batch": 16, "learning_rate": 0.002, "halve_every": 60, "clip_norm": 1.0}
    values["thermal"]["judge"] |= {"options": SMALL, "start": start}
    params = View(validate(values), ("seed", "{kind}.judge"), "thermal")
    torch.manual_seed(0)
    judge = create("reward", **SMALL)
    assert isinstance(judge, RatedJudge)
    rated = named("thermal").rated
    assert rated is not None
    made = [rated.examples(pair(tmp_path, n), method("average"), 16, n) for n in range(6)]
    train, held_out = (seen(judge, part) for part in (made[:4], made[4:]))
    before = predicts(opinions(judge, held_out), held_out, judge.criteria)
    train_on_ratings(judge, train, params.judge.start, params, name="reward", data="test", out=Path("out"))
    after = predicts(opinions(judge, held_out), held_out, judge.criteria)
    for name in judge.criteria:
        assert after[name]["rmse"] < 0.75 * before[name]["rmse"], name
    assert min(after["thermal"]["srcc"], after["texture"]["srcc"]) > 0.25
    assert {"cc", "sim", "nss", "auc"} == set(after["heatmap"])
    again = create("reward", **SMALL)
    load_weights(again, Path("out") / "model.safetensors")
    assert isinstance(again, RatedJudge)
    assert torch.allclose(opinions(again, held_out).scores, opinions(judge, held_out).scores, atol=1e-6)
