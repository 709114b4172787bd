"""Exploration by the model's own noise: likelihoods by hand, what is found, who cannot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from models.aligners import create
from models.aligners.base import Material, one_region
from models.aligners.own_noise import sampler_of
from models.aligners.policy import ratio_of
from models.aligners.rewards import Beside
from models.core.exploring import Paths
from models.core.training import Run, Settings
from models.enhancers import create as enhancer
from models.judges.base import Judge

SIDE = 32


class TwoSteps(nn.Module):
    """Two steps, each of which adds half a weight to all pixels and draws around that."""

    def __init__(self, weight: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        return (picture + self.weight).clamp(0, 1)

    def explore(
        self, sources: Sequence[torch.Tensor], samples: int, scale: float, last: int | None, generator: torch.Generator
    ) -> Paths:
        x = sources[0][None].expand(samples, *sources[0].shape)
        starts, means, noises = [], [], []
        for deviation in (0.1 * scale, 0.2 * scale):
            drawn = torch.randn((samples // 2, *sources[0].shape), generator=generator)
            noise = deviation * torch.stack([drawn, -drawn], 1).flatten(0, 1)
            starts.append(x), means.append(x + self.weight.detach() / 2), noises.append(noise)
            x = means[-1] + noise
        found = (torch.stack(part) for part in (starts, means, noises))
        return Paths(x, *found, torch.tensor([0.1, 0.2]) * scale, 1)

    def means_on(self, sources: Sequence[torch.Tensor], paths: Paths) -> torch.Tensor:
        return paths.starts + self.weight / 2


class Bright(Judge):
    """Likes pictures of mean 0.6; has no gradient."""

    higher_is_better = True
    differentiable = False

    def scores(self, pictures: torch.Tensor, sources: Sequence[torch.Tensor] = ()) -> torch.Tensor:
        return -(pictures.mean((1, 2, 3)) - 0.6).abs()


def crops(index: int) -> tuple[torch.Tensor, ...]:
    return (0.2 + 0.2 * torch.rand(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(index)),)


def rolled(model: nn.Module, samples: int = 64) -> tuple[Any, Any, torch.Tensor]:
    sampler = sampler_of({"name": "own", "scale": 0.5}, samples, 0, "whole", 16, "equal", Beside({}))
    labels, generator = torch.zeros(2, SIDE, SIDE, dtype=torch.int64), torch.Generator().manual_seed(3)
    rollout, mean = sampler.begin(Bright(), model, model, crops(0), labels, generator)
    return sampler, rollout, mean


def test_likelihood_ratio_and_divergence_by_hand() -> None:
    sampler, rollout, mean = rolled(TwoSteps())
    assert torch.equal(ratio_of(sampler, mean, rollout), torch.ones(64, 2, 1))
    assert float(sampler.divergence(mean, rollout).abs().max()) == 0
    # Twice the negative logarithm is the mean square of standard normal numbers.
    assert float(-2 * sampler.log_probability(sampler.before(rollout), rollout).mean()) == pytest.approx(1, abs=0.02)
    # Steps of deviation 0.05 and 0.1 whose means move by 0.02 each: half the mean of 0.4^2 and 0.2^2.
    moved = TwoSteps(0.04)
    assert torch.allclose(
        sampler.divergence(sampler.mean(moved, rollout), rollout), torch.full((2, 1), 0.25 * (0.16 + 0.04)), atol=1e-6
    )
    # exp of (2 noise move - move^2) / (2 variance), the mean over steps and pixels.
    first, second = (noise.mean((2, 3, 4)) for noise in rollout.noise)
    wanted = torch.exp(0.25 * ((0.04 * first - 4e-4) / 0.0025 + (0.04 * second - 4e-4) / 0.01))
    assert torch.allclose(ratio_of(sampler, sampler.mean(moved, rollout), rollout)[..., 0], wanted, atol=1e-5)


@pytest.mark.parametrize("name", ["grpo", "ppo", "dpo"])
def test_what_the_judge_wants_is_found(name: str, tmp_path: Path) -> None:
    model = TwoSteps()
    options: dict[str, Any] = {
        "explore": {"name": "own", "scale": 0.9},
        "regions": 0,
        "view": "whole",
        "side": 16,
        "kl": 0.0,
    }
    run = Run(Settings(steps=30, learning_rate=0.02, log_every=5), tmp_path, "data", name=name)
    more = {"beta": 0.1} if name == "dpo" else {}
    outcome = create(name, **options, **more).align(model, Bright(), Material(crops, one_region(crops)), run)
    assert 0.15 < float(model.weight.detach()) < 0.45, "from 0.3 to 0.6"
    assert outcome.history[-1]["reward"] > outcome.history[0]["reward"]
    assert outcome.history[-1]["fidelity"] < outcome.history[0]["fidelity"]


def test_the_sampler_of_a_diffusion_model_is_one() -> None:
    torch.manual_seed(0)
    model = enhancer(
        "lighten_diffusion", width=4, heads=2, unet_width=8, multipliers=[1, 2], blocks=1, attention=[], steps=4
    ).eval()
    paths = model.explore(crops(0), 4, 0.5, 2, torch.Generator().manual_seed(0))
    assert paths.pictures.shape == (4, 2, 3, SIDE, SIDE) and paths.starts.shape == (2, 4, 2, 3, 4, 4)
    assert torch.equal(paths.noise[:, 1], -paths.noise[:, 0]), "pairs of opposites"
    assert torch.equal(model.means_on(crops(0), paths).detach(), paths.means)
    assert not torch.equal(paths.pictures[0], paths.pictures[1])
    sampler, rollout, mean = rolled(model, 4)
    assert float(-2 * sampler.log_probability(sampler.before(rollout), rollout).mean()) == pytest.approx(1, abs=0.15)
    mean.square().mean().backward()
    assert model.unet.conv_in.weight.grad.any()
    one = enhancer(
        "lighten_diffusion", width=4, heads=2, unet_width=8, multipliers=[1], blocks=1, attention=[], steps=1
    )
    with pytest.raises(ValueError, match="one step draws nothing"):
        one.explore(crops(0), 2, 0.5, None, torch.Generator())


def test_who_cannot_is_told() -> None:
    grpo = create("grpo", explore={"name": "own"})
    told = grpo.fault(Bright(), enhancer("curve", width=2))
    assert told is not None and "this model has none; explore.name can be white, cells, scales, gain" in told
    assert grpo.fault(Bright(), TwoSteps()) is None and grpo.fault(Bright()) is None
    for name, options, text in (
        ("grpo", {"explore": {"name": "own"}, "ratio": "paper"}, "not with the model's own exploration"),
        ("dpo", {"explore": {"name": "own"}, "pairs": "votes"}, "let pairs be samples"),
        ("grpo", {"explore": {"name": "own", "colour": True}}, "no option 'colour'"),
        ("grpo", {"explore": {"name": "own", "last": 0}}, "1 or more steps"),
        ("grpo", {"explore": {"name": "own", "scale": 1.5}}, "between 0 and 1"),
    ):
        with pytest.raises(ValueError, match=text):
            create(name, **options)
