"""Policy optimisation: its gradient, what it finds, its resume, what it counts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from models.aligners import create
from models.aligners.base import Material, Votes, one_region
from models.aligners.exploration import White
from models.aligners.policy import Grpo, ratio_of
from models.aligners.rollout import Sampler, explained_share, region_masks
from models.core.training import Outcome, Run, Settings
from models.judges.base import Judge
from models.losses.policy import advantages, clipped_surrogate

SIDE = 64


class Brightness(nn.Module):
    """One weight for all pixels: a gain."""

    def __init__(self, gain: float = 1.0) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(gain))

    def forward(self, picture: torch.Tensor, *others: torch.Tensor) -> torch.Tensor:
        return picture * self.gain


class Wants(Judge):
    """Likes pictures as bright as 1.4 times their source; has no gradient."""

    higher_is_better = True
    differentiable = False
    uses_sources = True

    def scores(self, pictures: torch.Tensor, sources: Sequence[torch.Tensor] = ()) -> torch.Tensor:
        return -(pictures - 1.4 * sources[0]).square().mean((1, 2, 3))


def crops(index: int) -> tuple[torch.Tensor, ...]:
    return (0.1 + 0.4 * torch.rand(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(index)),)


def quarters(index: int) -> torch.Tensor:
    half = torch.arange(SIDE) // (SIDE // 2)
    return (half[:, None] * 2 + half).expand(2, -1, -1)


def align(
    folder: Path, name: str, judge: Judge | None = None, steps: int = 60, model: nn.Module | None = None, **options: Any
) -> tuple[nn.Module, Outcome]:
    model = model or Brightness()
    run = Run(Settings(steps=steps, learning_rate=0.02, log_every=5, save_every=20), folder, "data", name=name)
    chosen = {"explore": {"scale": 0.02}, "kl": 0.0, "side": 32} | options
    return model, create(name, **chosen).align(model, judge or Wants(), Material(crops, quarters), run)


@pytest.mark.parametrize(("name", "explore"), [("grpo", "white"), ("grpo", "gain"), ("ppo", "white"), ("dpo", "white")])
def test_the_gain_that_the_judge_wants_is_found(name: str, explore: str, tmp_path: Path) -> None:
    chosen = {"name": "gain", "gain": 0.05} if explore == "gain" else {"name": "white", "scale": 0.02}
    own = {"beta": 0.1} if name == "dpo" else {}  # its beta holds it to the frozen policy
    model, outcome = align(tmp_path, name, explore=chosen, steps=80, **own)
    assert float(model.gain) == pytest.approx(1.4, abs=0.08)
    assert outcome.history[-1]["reward"] > outcome.history[0]["reward"]


def test_dpo_learns_from_what_was_preferred_and_needs_no_judge(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """People took the brighter one: the gain rises, by little where beta holds it; before any vote the judge is asked."""

    def votes(index: int) -> tuple[tuple[torch.Tensor, ...], torch.Tensor, torch.Tensor]:
        given = crops(index)
        return given, 1.2 * given[0], 0.8 * given[0]

    def gain(folder: str, beta: float, voted: Votes | None = votes) -> float:
        model, run = Brightness(), Run(Settings(steps=40, learning_rate=0.02, log_every=5), tmp_path / folder, "data")
        dpo = create("dpo", pairs="votes", beta=beta, explore={"scale": 0.1}, side=32)
        outcome = dpo.align(model, Wants(), Material(crops, quarters, votes=voted), run)
        assert outcome.history[-1]["preferred"] > 0.5
        return float(model.gain)

    free, held = gain("free", 0.05), gain("held", 5.0)
    assert 1.02 < held < free - 0.05
    assert "nobody has voted yet" not in capsys.readouterr().out
    assert gain("unvoted", 0.1, None) > 1.0
    assert "nobody has voted yet, so the pairs are samples that the judge tells apart" in capsys.readouterr().out


def test_the_divergence_holds_it_back(tmp_path: Path) -> None:
    free, held = (align(tmp_path / str(kl), "grpo", kl=kl)[0] for kl in (0.0, 1.0))
    assert 1.0 < float(held.gain) < float(free.gain) - 0.05


def two_pixels() -> tuple[nn.Module, Sampler, Any]:
    """A policy of two pixels with a mean each, and 4000 actions."""

    class Means(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mean = nn.Parameter(torch.tensor([0.4, 0.6]))

        def forward(self, picture: torch.Tensor) -> torch.Tensor:
            return self.mean.reshape(1, 1, 1, 2).expand(1, 3, 1, 2)

    class First(Judge):
        """Likes the first pixel bright."""

        higher_is_better = True

        def scores(self, pictures: torch.Tensor, sources: Sequence[torch.Tensor] = ()) -> torch.Tensor:
            return pictures[:, 0, 0, 0]

    model = Means()
    sampler = Sampler(White(0.05), 4000, 2, "whole", 16, "equal")
    given = torch.zeros(1, 3, 1, 2)
    before = model(given).detach()
    labels = torch.tensor([[[0, 1]]])
    rollout = sampler.roll(First(), before, before, (given,), labels, torch.Generator().manual_seed(0))
    return model, sampler, rollout


def test_the_gradient_is_that_of_two_pixels_in_closed_form() -> None:
    model, sampler, rollout = two_pixels()
    found = advantages(rollout.rewards)
    loss = clipped_surrogate(
        ratio_of(sampler, model(rollout.scene.sources[0]), rollout),
        found.values,
        0.2,
        rollout.weight[None] * found.alive,
    )
    (gradient,) = torch.autograd.grad(loss, model.mean)
    # d log p / d mean is noise / sigma^2, and the advantage noise / sigma: E[-A noise / sigma^2] = -1 / sigma for the first
    # pixel, averaged over two regions; the second pixel's noise tells nothing of the reward.
    assert gradient[0].item() == pytest.approx(-1 / 0.05 / 2, rel=0.05)
    assert gradient[1].item() == pytest.approx(0, abs=0.05 / 0.05)


def test_the_gradient_is_that_of_finite_differences() -> None:
    _, sampler, rollout = two_pixels()
    found = advantages(rollout.rewards)
    weight = rollout.weight[None] * found.alive

    def loss(mean: torch.Tensor) -> torch.Tensor:
        picture = mean.reshape(1, 1, 1, 2).expand(1, 3, 1, 2)
        return clipped_surrogate(ratio_of(sampler, picture, rollout), found.values, 0.2, weight)

    at = torch.tensor([0.4003, 0.5998], dtype=torch.float64, requires_grad=True)
    for part in ("noise", "rewards", "pixels", "weight"):
        setattr(rollout, part, getattr(rollout, part).double())
    rollout.scene.before = rollout.scene.before.double()
    (gradient,) = torch.autograd.grad(loss(at), at)
    for place in range(2):
        step = torch.zeros(2, dtype=torch.float64)
        step[place] = 1e-6
        slope = (loss(at.detach() + step) - loss(at.detach() - step)) / 2e-6
        assert gradient[place].item() == pytest.approx(slope.item(), rel=1e-3, abs=1e-6)


def test_the_ratio_is_that_of_the_densities() -> None:
    _, sampler, rollout = two_pixels()
    mean = torch.tensor([0.41, 0.58]).reshape(1, 1, 1, 2).expand(1, 3, 1, 2)
    action = torch.tensor([0.4, 0.6]) + rollout.noise[:, 0, 0, 0]
    normal = torch.distributions.Normal
    exact = (
        normal(torch.tensor([0.41, 0.58]), 0.05).log_prob(action)
        - normal(torch.tensor([0.4, 0.6]), 0.05).log_prob(action)
    ).exp()
    assert torch.allclose(ratio_of(sampler, mean, rollout)[:, 0], exact, rtol=1e-3)
    divergence = sampler.divergence(mean, rollout)[0]
    exact = torch.distributions.kl_divergence(
        normal(torch.tensor([0.41, 0.58]), 0.05), normal(torch.tensor([0.4, 0.6]), 0.05)
    )
    assert torch.allclose(divergence, exact, rtol=1e-3)


class Stop(Exception):
    pass


@pytest.mark.parametrize("name", ["grpo", "ppo"])
def test_an_interrupted_alignment_ends_as_an_uninterrupted_one(name: str, tmp_path: Path) -> None:
    whole, _ = align(tmp_path / "whole", name, inner=3)

    class Dies(Wants):
        asked = 0

        def scores(self, pictures: torch.Tensor, sources: Sequence[torch.Tensor] = ()) -> torch.Tensor:
            self.asked += 1
            if self.asked > 15:
                raise Stop
            return super().scores(pictures, sources)

    with pytest.raises(Stop):
        align(tmp_path / "part", name, Dies(), inner=3)
    rest, outcome = align(tmp_path / "part", name, inner=3)
    assert outcome.resumed_at == 42, "a state lies between rollouts: 21, 42"
    assert torch.equal(rest.gain, whole.gain)


def test_groups_without_variance_and_unknown_rewards_are_counted_and_move_nothing(tmp_path: Path) -> None:
    class Alike(Wants):
        def scores(self, pictures: torch.Tensor, sources: Sequence[torch.Tensor] = ()) -> torch.Tensor:
            return torch.ones(len(pictures))

    class Lost(Wants):
        def scores(self, pictures: torch.Tensor, sources: Sequence[torch.Tensor] = ()) -> torch.Tensor:
            return torch.full((len(pictures),), float("nan"))

    for name in ("grpo", "ppo", "dpo"):
        model, outcome = align(tmp_path / name, name, Alike(), steps=5)
        assert outcome.history[-1]["flat_groups"] == 1 and float(model.gain) == 1
        model, outcome = align(tmp_path / f"{name}-lost", name, Lost(), steps=5)
        assert outcome.history[-1]["unknown_rewards"] == 8 * 2 * 4 and float(model.gain) == 1


def test_the_paper_s_ratio_runs_and_is_never_below_one(tmp_path: Path) -> None:
    _, outcome = align(tmp_path, "grpo", ratio="paper", group="regions", steps=10)
    assert all(entry["ratio"] >= 1 for entry in outcome.history)


def test_the_deviation_adapts_to_what_a_gradient_can_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Near(Wants):
        """Wants exactly what there is, but for a hundredth: beyond that curvature is all there is."""

        def scores(self, pictures: torch.Tensor, sources: Sequence[torch.Tensor] = ()) -> torch.Tensor:
            return -(pictures - sources[0] - 0.01).mean((1, 2, 3)).square()

    chosen = {"name": "gain", "gain": 0.2, "mixing": 0.001}
    align(tmp_path / "near", "grpo", Near(), steps=1, explore=chosen, adapt=True)
    align(tmp_path / "far", "grpo", Wants(), steps=1, explore=chosen | {"gain": 0.02}, adapt=True)
    near, far = (
        float(line.split("deviation ")[1].split(",")[0])
        for line in capsys.readouterr().out.splitlines()
        if "deviation" in line
    )
    assert near == pytest.approx(0.05) and far >= 0.04


def test_a_metric_beside_the_judge(tmp_path: Path) -> None:
    class Alike(Wants):
        def scores(self, pictures: torch.Tensor, sources: Sequence[torch.Tensor] = ()) -> torch.Tensor:
            return torch.ones(len(pictures))

    brighter, _ = align(tmp_path / "a", "grpo", Alike(), steps=10, beside={"sd": 1.0})
    assert float(brighter.gain) > 1.02, "a larger gain has a larger standard deviation"
    with pytest.raises(ValueError, match="compares with a reference"):
        Grpo(beside={"psnr": 1.0})


def test_what_a_crop_cuts_of_regions() -> None:
    labels = torch.zeros(2, 10, 10, dtype=torch.int64)
    labels[0, 0, 0] = 7  # one pixel: too little of it
    labels[1, :5], labels[1, 5:] = 3, 4
    masks, there = region_masks(labels, 6, torch.Generator())
    assert there.tolist() == [[True, False], [True, True]]
    assert masks.sum((2, 3)).tolist() == [[99, 0], [50, 50]]
    assert region_masks(labels, 1, torch.Generator())[0].shape == (2, 1, 10, 10)


def test_the_share_of_variance_that_a_gradient_can_use() -> None:
    there = torch.ones(1, 1, dtype=torch.bool)
    noise = torch.tensor([1.0, -1.0, 2.0, -2.0]).reshape(4, 1, 1)
    assert explained_share(3 * noise, there) == 1
    assert explained_share(noise.square(), there) == 0
    nothing = explained_share(torch.zeros(4, 1, 1), there)
    assert math.isnan(nothing)


def test_the_judge_sees_regions_as_whole_pictures_where_there_is_one() -> None:
    sources = crops(0)
    labels = torch.zeros(2, SIDE, SIDE, dtype=torch.int64)
    found = [
        Sampler(White(0.05), 4, 3, view, SIDE, "equal")
        .roll(Wants(), sources[0], sources[0], sources, labels, torch.Generator().manual_seed(1))
        .rewards
        for view in ("regions", "whole")
    ]
    assert torch.allclose(found[0], found[1], atol=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {"samples": 3},
        {"clip": 1.0},
        {"credit": "loud"},
        {"view": "half"},
        {"explore": {"name": "blue"}},
        {"group": "x"},
    ],
)
def test_options_that_do_not_fit_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"not|no exploration"):
        Grpo(**options)


def test_without_regions_the_crop_is_one() -> None:
    assert one_region(crops)(0).shape == (2, SIDE, SIDE)
