"""What holds for every registered judge, for every metric that may be one, and for a toy beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from models.core.storage import load_weights, save_weights
from models.judges import JUDGES, UnknownJudge, create
from models.judges.base import RatedJudge, Settled, cost_of_pairs, costs
from models.own.probing import check_scores, gives_gradient
from models.quality import MetricUnavailable, info, names

RANKER = {"widths": [4] * 10, "strides": [2, 1, 2, 1, 2, 1, 2, 1, 1], "hidden": 4}
REWARD = {"side": 64, "grid": 4, "width": 16, "depth": 1, "heads": 2}
OPTIONS: dict[str, dict[str, Any]] = {
    "ranker": RANKER, "metric": {"metric": "mef_ssim"}, "reward": REWARD,
    "ensemble": {"of": "ranker", "options": RANKER, "members": 3, "take": "mean_minus_spread"},
}  # fmt: skip
METRICS = [name for name in names() if not info(name).needs_reference]
CASES = [(name, OPTIONS.get(name, {})) for name in [*JUDGES, "toy"]]
CASES += [("metric", {"metric": name}) for name in METRICS if name != "mef_ssim"]
SIDE = 256


def judge_of(case: tuple[str, dict[str, Any]]) -> Any:
    torch.manual_seed(0)
    name, options = case
    judge = create(name, **options).eval()
    try:
        judge.scores(torch.rand(1, 3, SIDE, SIDE), (torch.rand(1, 3, SIDE, SIDE), torch.rand(1, 3, SIDE, SIDE)))
    except MetricUnavailable as error:
        pytest.skip(str(error))
    return judge


def scenes(count: int) -> tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
    """Pictures, and what they were made of: smooth ones with noise, as no metric likes pure noise."""
    generator = torch.Generator().manual_seed(1)
    coarse = torch.rand(count, 3, 9, 9, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size=(SIDE, SIDE), mode="bicubic", align_corners=False)
    noisy = (smooth + 0.05 * torch.randn(smooth.shape, generator=generator)).clamp(0, 1)
    return noisy, ((noisy * 0.5), (noisy * 1.5).clamp(0, 1))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_scores_pictures(case: tuple[str, dict[str, Any]]) -> None:
    judge = judge_of(case)
    pictures, sources = scenes(2)
    check_scores(lambda *_: judge.scores(pictures, sources), case[0], 0)
    alone = [judge.scores(pictures[i : i + 1], [source[i : i + 1] for source in sources]) for i in range(2)]
    assert torch.allclose(torch.cat(alone), judge.scores(pictures, sources), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_lower_costs_are_better_whichever_scores_are(case: tuple[str, dict[str, Any]]) -> None:
    judge = judge_of(case)
    pictures, sources = scenes(2)
    sign = -1 if judge.higher_is_better else 1
    with torch.no_grad():
        assert torch.equal(costs(judge, pictures, sources), sign * judge.scores(pictures, sources))
        both = cost_of_pairs(judge, pictures[:1], pictures[1:], [source[:1] for source in sources])
    assert [len(part) for part in both] == [1, 1]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_has_the_gradient_that_it_says(case: tuple[str, dict[str, Any]]) -> None:
    judge = judge_of(case)
    pictures, sources = scenes(1)
    judge.requires_grad_(False)
    found = pictures.clone().requires_grad_(True)
    scores = judge.scores(found, sources)
    assert scores.requires_grad == judge.differentiable
    if judge.differentiable:
        (slope,) = torch.autograd.grad(scores.sum(), found)
        assert bool(torch.isfinite(slope).all()) and bool(slope.any())
    else:
        assert "no gradient" in str(gives_gradient(lambda picture, _: judge.scores(picture, (picture, picture)), 0))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_one_that_learns_has_parameters_and_one_that_does_not_has_a_scale(case: tuple[str, dict[str, Any]]) -> None:
    judge = judge_of(case).train()
    pictures, sources = scenes(2)
    if judge.learns is None:
        assert isinstance(judge, Settled) and not list(judge.parameters())
        before = judge.opinions(pictures, sources)
        judge.settle(before.tolist())
        after = judge.scores(pictures, sources)
        assert torch.allclose(after.sort().values, torch.tensor([-1.0, 1.0]), atol=1e-3)
        assert int(after.argmax()) == int(before.argmax())
        return
    if isinstance(judge, RatedJudge):
        found = judge.judged(judge.features(pictures), [judge.features(source) for source in sources])
        assert found.scores.shape == (2, len(judge.criteria))
        assert found.heatmap is not None and found.heatmap.shape == (2, 1, judge.heatmap_side, judge.heatmap_side)
        (found.scores.sum() + found.heatmap.sum()).backward()
        assert [name for name, value in judge.named_parameters() if value.grad is None or not value.grad.any()] == []
        return
    better, worse = cost_of_pairs(judge, pictures[:1], pictures[1:], [source[:1] for source in sources])
    (better * 2 + worse).sum().backward()
    assert [name for name, value in judge.named_parameters() if value.grad is None or not value.grad.any()] == []


@pytest.mark.parametrize("case", CASES[: len(JUDGES) + 1], ids=str)
def test_saved_and_loaded_it_says_the_same(case: tuple[str, dict[str, Any]], tmp_path: Path) -> None:
    judge = judge_of(case)
    pictures, sources = scenes(2)
    if isinstance(judge, Settled):
        judge.settle(judge.opinions(pictures, sources).tolist())
    save_weights(judge, tmp_path / "w.safetensors")
    torch.manual_seed(9)
    again = create(case[0], **case[1]).eval()
    load_weights(again, tmp_path / "w.safetensors")
    with torch.no_grad():
        assert torch.equal(again.scores(pictures, sources), judge.scores(pictures, sources))


@pytest.mark.parametrize("name", [*JUDGES, "toy"])
def test_an_unknown_option_is_refused(name: str) -> None:
    with pytest.raises(UnknownJudge, match="no option 'sharpness'"):
        create(name, **OPTIONS.get(name, {}), sharpness=3)


def test_what_is_no_judge_is_named() -> None:
    with pytest.raises(
        UnknownJudge, match="no judge is called 'taste'; known are ensemble, metric, ranker, reward, toy"
    ):
        create("taste")
    with pytest.raises(UnknownJudge, match=r"judge 'metric' with options .*: metric 'psnr' compares with a reference"):
        create("metric", metric="psnr")


def test_a_judge_that_says_one_thing_of_all_cannot_settle() -> None:
    judge = create("metric", metric="entropy")
    assert isinstance(judge, Settled)
    for opinions in ([7.0, 7.0, 7.0], [float("nan"), 3.0], []):
        with pytest.raises(ValueError, match=f"of {len(opinions)} pictures it has no two different opinions"):
            judge.settle(opinions)
