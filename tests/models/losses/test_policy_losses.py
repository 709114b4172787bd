"""Losses of policy optimisation, with their arithmetic."""

from __future__ import annotations

import math

import pytest
import torch

from models.losses.policy import (
    advantages,
    clipped_share,
    clipped_surrogate,
    paper_ratio,
    preference_loss,
    weighted_mean,
)


def rewards(values: list[list[float]]) -> torch.Tensor:
    """(G, 1, K) of G lists of K."""
    return torch.tensor(values)[:, None]


def test_advantages_over_the_samples_of_a_region() -> None:
    found = advantages(rewards([[1.0, 5.0], [3.0, 5.0]]))
    # Region 0: mean 2, deviation 1. Region 1: both alike.
    assert found.values[:, 0].tolist() == [[-1.0, 0.0], [1.0, 0.0]]
    assert found.alive[:, 0].tolist() == [[True, False], [True, False]]
    assert (found.groups, found.flat, found.unknown) == (2, 1, 0)


def test_advantages_over_the_regions_of_a_sample_as_the_paper_writes() -> None:
    found = advantages(rewards([[1.0, 5.0], [3.0, 3.0]]), "regions")
    assert found.values[:, 0].tolist() == [[-1.0, 1.0], [0.0, 0.0]]
    assert (found.groups, found.flat) == (2, 1)


def test_advantages_over_both() -> None:
    found = advantages(rewards([[1.0, 5.0], [3.0, 3.0]]), "both")
    assert found.values[:, 0].flatten().tolist() == pytest.approx([-math.sqrt(2), math.sqrt(2), 0.0, 0.0])
    assert (found.groups, found.flat) == (1, 0)


def test_unknown_rewards_and_regions_that_are_not_there_count_for_nothing() -> None:
    given = rewards([[1.0, float("nan")], [3.0, 9.0], [float("inf"), 7.0]])
    found = advantages(given, there=torch.tensor([[True, False]]))
    assert found.values[:, 0, 0].tolist() == [-1.0, 1.0, 0.0] and not found.values[:, 0, 1].any()
    assert (found.groups, found.flat, found.unknown) == (1, 0, 1)
    nothing = advantages(torch.full((2, 1, 1), float("nan")))
    assert not nothing.values.any() and (nothing.flat, nothing.unknown) == (1, 2)


def test_clipped_surrogate() -> None:
    ratio, advantage = torch.tensor([1.5, 0.5, 1.5, 0.5]), torch.tensor([2.0, 2.0, -2.0, -2.0])
    # min(3, 1.2 * 2), min(1, 0.8 * 2), min(-3, -2.4), min(-1, -1.6)
    assert float(clipped_surrogate(ratio, advantage, 0.2, torch.ones(4))) == pytest.approx(-(2.4 + 1.0 - 3.0 - 1.6) / 4)
    assert float(clipped_surrogate(ratio, advantage, 0.2, torch.tensor([1.0, 0, 0, 3.0]))) == pytest.approx(
        -(2.4 - 3 * 1.6) / 4
    )
    assert float(clipped_surrogate(ratio, advantage, 0.2, torch.zeros(4))) == 0
    assert float(clipped_share(ratio, advantage, 0.2, torch.ones(4))) == 0.5


def test_what_is_clipped_has_no_gradient() -> None:
    ratio = torch.tensor([1.5, 1.1], requires_grad=True)
    clipped_surrogate(ratio, torch.tensor([1.0, 1.0]), 0.2, torch.ones(2)).backward()
    assert ratio.grad is not None and ratio.grad.tolist() == [0.0, -0.5]


def test_the_paper_s_ratio_does_not_know_the_direction() -> None:
    before, regions = torch.full((1, 3, 2, 2), 0.5), torch.ones(1, 1, 2, 2)
    up, down = paper_ratio(before + 0.1, before, 2.0, regions), paper_ratio(before - 0.1, before, 2.0, regions)
    assert float(up) == pytest.approx(1 + 2 * 0.1 / 0.5) == float(down)
    still = before.clone().requires_grad_()
    paper_ratio(still, before, 2.0, regions).sum().backward()
    assert still.grad is not None and not still.grad.any(), "at F_old nothing pulls anywhere"


def test_preference_loss() -> None:
    loss = preference_loss(torch.tensor(2.0), torch.tensor(1.0), torch.tensor(1.5), torch.tensor(1.5), 0.5)
    assert float(loss) == pytest.approx(-math.log(1 / (1 + math.exp(-0.5 * (0.5 + 0.5)))))


def test_weighted_mean_of_nothing() -> None:
    assert float(weighted_mean(torch.tensor([1.0, float("nan")]), torch.tensor([2.0, 0.0]))) == 1
    assert float(weighted_mean(torch.ones(2), torch.zeros(2))) == 0
