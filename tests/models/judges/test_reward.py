"""The reward model: shapes, branches, what is frozen, and that it learns where an artifact is."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional as F

from models.artifacts import CRITERIA
from models.judges import UnknownJudge, create
from models.judges.encoders import ENCODERS
from models.judges.reward import RewardModel

SMALL: dict[str, Any] = {"side": 64, "grid": 4, "width": 16, "depth": 1, "heads": 2}


def small(**options: Any) -> RewardModel:
    torch.manual_seed(0)
    return RewardModel(**SMALL | options)


def pictures(count: int = 2) -> tuple[torch.Tensor, list[torch.Tensor]]:
    torch.manual_seed(1)
    smooth = F.interpolate(torch.rand(3 * count, 3, 8, 8), (96, 120), mode="bilinear")
    fused, infrared, visible = smooth.split(count)
    return fused, [infrared, visible]


def test_it_scores_what_the_truth_scores() -> None:
    assert small().criteria == CRITERIA


@pytest.mark.parametrize("encoder", sorted(ENCODERS))
def test_scores_and_heatmap(encoder: str) -> None:
    judge = small(encoder=encoder).eval()
    fused, sources = pictures()
    found = judge.opinion(fused, sources)
    assert found.scores.shape == (2, 4) and found.heatmap is not None and found.heatmap.shape == (2, 1, 16, 16)
    for part in (found.scores, found.heatmap):
        assert float(part.min()) > 0 and float(part.max()) < 1
    assert torch.allclose(judge.scores(fused, sources), 5 * found.scores.mean(1))
    assert judge.higher_is_better and judge.uses_sources and judge.learns == "ratings"


@pytest.mark.parametrize("encoder", sorted(ENCODERS))
def test_the_encoder_is_no_part_of_what_is_learnt_or_stored(encoder: str) -> None:
    judge = small(encoder=encoder)
    assert not any(name.startswith("encoder") for name in judge.state_dict())
    assert not list(judge.encoder.parameters())
    fused, _ = pictures()
    before = judge.train().features(fused)
    judge.requires_grad_(True)
    assert torch.equal(judge.train().features(fused), before)
    alone = torch.cat([judge.features(fused[i : i + 1]) for i in range(2)])
    assert torch.allclose(alone, before, rtol=1e-3, atol=1e-3), "no statistics of the batch"
    shown = fused.clone().requires_grad_()
    judge.features(shown).sum().backward()
    assert shown.grad is not None and shown.grad.any()
    assert all(not parameter.requires_grad for parameter in judge.encoder._held[0].parameters())


def test_the_encoder_goes_where_the_judge_goes() -> None:
    judge = small().to(torch.float64)
    fused, sources = pictures()
    assert judge.opinion(fused.double(), [source.double() for source in sources]).scores.dtype == torch.float64


def test_it_gets_used_to_the_size_of_features() -> None:
    judge = small().eval()
    features = [3 + 7 * torch.randn(judge.encoder.channels, 4, 4) for _ in range(40)]
    features = [one.clone() for one in features]
    for one in features:
        one[0] = 2.0  # a channel that never varies
    judge.get_used_to(features)
    assert torch.allclose(judge.mean[1:], torch.tensor(3.0), atol=1.5) and torch.allclose(
        judge.deviation[1:], torch.tensor(7.0), rtol=0.2
    )
    assert float(judge.deviation[0]) == pytest.approx(0.7, rel=0.05), "not magnified without end"
    again = small()
    again.load_state_dict(judge.state_dict())
    assert torch.equal(again.mean, judge.mean)
    fused, *sources = (torch.stack(features[i : i + 2]) for i in (0, 2, 4))
    plain = small().eval()
    assert not torch.allclose(plain.judged(fused, sources).scores, judge.judged(fused, sources).scores)


def test_either_branch_may_be_left_out() -> None:
    fused, sources = pictures()
    blind, mute = small(heatmap=False).eval(), small(score_branch=False).eval()
    assert blind.opinion(fused, sources).heatmap is None
    found = mute.opinion(fused, sources)
    assert found.scores.shape == (2, 0) and found.heatmap is not None
    assert torch.allclose(mute.scores(fused, sources), 5 * (1 - found.heatmap.mean((1, 2, 3))))
    assert torch.allclose(mute.overall(found), mute.scores(fused, sources))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"encoder": "vit_x"}, "no encoder is called 'vit_x'; known are efficientnet_lite0, vgg16"),
        ({"width": 18}, "multiple of heads and of 4"),
        ({"grid": 40}, "side at least twice grid"),
        ({"heatmap": False, "score_branch": False}, "a branch at least"),
        ({"criteria": []}, "and criteria"),
    ],
)
def test_what_does_not_fit_is_said(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UnknownJudge, match=said):
        create("reward", **SMALL | options)


def test_it_wants_both_sources() -> None:
    fused, sources = pictures()
    with pytest.raises(ValueError, match="infrared and visible beside the fused picture, not 0"):
        small().scores(fused)
    with pytest.raises(ValueError, match="not 1"):
        small().scores(fused, sources[:1])
