"""A user's own network as a judge: it learns from pairs, or knows its mind, or is refused with one clear line."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from models.core.storage import load_weights, save_weights
from models.judges import create
from models.judges.base import Settled, costs
from models.own import OwnModelError
from models.own.judges import OwnJudge

CODE = """
import torch
from torch import nn


class Taste(nn.Module):
    higher_is_better = True

    def __init__(self, width=4):
        super().__init__()
        self.first, self.last = nn.Conv2d(3, width, 3, stride=2), nn.Linear(width, 1)

    def forward(self, pictures):
        return self.last(torch.relu(self.first(pictures)).mean((2, 3))).squeeze(1)


class Nearness(nn.Module):
    higher_is_better, uses_sources = False, True

    def scores(self, pictures, sources):
        return (pictures - sources[0]).abs().mean((1, 2, 3))


class Between(nn.Module):
    higher_is_better, uses_sources = False, True

    def scores(self, pictures, sources):
        under, over = sources
        return (pictures - (under + over) / 2).square().mean((1, 2, 3))


class Bad(nn.Module):
    def __init__(self, how):
        super().__init__()
        self.how, self.weight = how, nn.Parameter(torch.ones(()))
        if how != "no direction":
            self.higher_is_better = True
        if how in ("ratings", "cut off"):
            self.learns = {"ratings": "stars", "cut off": "pairs"}[how]

    def forward(self, pictures):
        means = pictures.mean((1, 2, 3)) * self.weight
        return {"raises": lambda: 1 / 0, "shape": lambda: means[:, None], "nan": lambda: means * float("nan"),
                "number": lambda: float(means.mean()), "cut off": lambda: means.detach()}.get(self.how, lambda: means)()
"""


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "outside_judge", raising=False)
    Path("outside_judge.py").write_text(CODE)


def test_one_with_weights_learns_from_pairs_and_keeps_their_names() -> None:
    torch.manual_seed(0)
    judge = create("outside_judge:Taste", width=3)
    assert isinstance(judge, OwnJudge)
    assert (judge.higher_is_better, judge.uses_sources, judge.learns, judge.differentiable) == (
        True,
        False,
        "pairs",
        True,
    )
    save_weights(judge, Path("w.safetensors"))
    assert set(judge.state_dict()) == {"first.weight", "first.bias", "last.weight", "last.bias"}
    again, pictures = create("outside_judge:Taste", width=3), torch.rand(2, 3, 40, 40)
    load_weights(again, Path("w.safetensors"))
    assert torch.equal(costs(again, pictures), -judge.scores(pictures))


def test_one_without_weights_is_settled_and_sees_the_sources() -> None:
    judge = create("outside_judge:Nearness")
    assert isinstance(judge, Settled) and judge.uses_sources and judge.differentiable and not judge.higher_is_better
    pictures = torch.rand(3, 3, 32, 32)
    judge.settle(judge.opinions(pictures, (torch.zeros_like(pictures),)).tolist())
    scores = judge.scores(pictures, (torch.zeros_like(pictures),))
    assert float(scores.mean()) == pytest.approx(0, abs=1e-4) and float(scores.std(correction=0)) == pytest.approx(
        1, abs=1e-3
    )
    assert set(judge.state_dict()) == {"mean", "deviation"}


def test_one_that_wants_both_exposures_is_no_fault() -> None:
    judge, pictures = create("outside_judge:Between"), torch.rand(2, 3, 16, 16)
    assert judge.differentiable
    assert float(judge.scores(pictures, (pictures, pictures)).sum()) == 0


def test_a_torchscript_file_says_its_direction_in_the_options() -> None:
    source = create("outside_judge:Taste")
    assert isinstance(source, OwnJudge)
    torch.jit.script(source.network).save("taste.pt")
    judge = create("taste.pt", higher_is_better=True)
    assert isinstance(judge, Settled) and judge.higher_is_better and judge.differentiable
    pictures = torch.rand(2, 3, 40, 40)
    assert torch.allclose(judge.scores(pictures), source.scores(pictures), atol=1e-6)
    with pytest.raises(OwnModelError, match=r"taste\.pt does not say .* options: \{higher_is_better: true\}, or false"):
        create("taste.pt")


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("no direction", "does not say whether its higher or its lower scores are better: an attribute"),
        ("raises", "fails on pictures of 256 x 256 pixels .ZeroDivisionError"),
        ("shape", r"returns \(2, 1\) for \(2, 3, 256, 256\)"),
        ("nan", "returns scores that are not finite numbers"),
        ("number", "returns a float, not a tensor"),
        ("ratings", "says that it learns from 'stars'; a judge learns from 'pairs', or not at all"),
        ("cut off", "should learn from pairs, and cannot: its scores have no gradient"),
    ],
)
def test_what_is_no_judge_is_refused(how: str, said: str) -> None:
    with pytest.raises(OwnModelError, match=said):
        create("outside_judge:Bad", how=how)


def test_options_are_bound_before_anything_is_built() -> None:
    with pytest.raises(OwnModelError, match="outside_judge:Taste has no option 'depth'; it takes width"):
        create("outside_judge:Taste", depth=3)
    with pytest.raises(OwnModelError, match="outside_judge has no 'Tastes'"):
        create("outside_judge:Tastes")
