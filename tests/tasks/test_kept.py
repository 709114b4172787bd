"""Losses that an alignment keeps: those of each kind, by their weights."""

from __future__ import annotations

import pytest
import torch

from tasks import kinds
from tasks.kinds.base import Kind
from tasks.training.kept import UnknownLoss, kept_losses

EVERY = pytest.mark.parametrize("kind", kinds.every(), ids=lambda kind: kind.name)


def pictures(kind: Kind) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
    generator = torch.Generator().manual_seed(0)
    made, *sources = (torch.rand(2, 3, 32, 32, generator=generator) for _ in range(1 + len(kind.sources)))
    return made.requires_grad_(True), tuple(sources)


@EVERY
def test_each_loss_of_a_kind_changes_the_picture(kind: Kind) -> None:
    assert kind.losses
    for name, loss in kind.losses.items():
        made, sources = pictures(kind)
        value = loss(made, sources)
        assert value.shape == () and torch.isfinite(value), name
        value.backward()
        assert made.grad is not None and torch.isfinite(made.grad).all() and made.grad.abs().max() > 0, name


@EVERY
def test_they_are_summed_by_their_weights(kind: Kind) -> None:
    made, sources = pictures(kind)
    first, second = list(kind.losses)[:2]
    kept = kept_losses(kind.name, {first: 2.0, second: 0.5})
    assert kept is not None
    expected = 2 * kind.losses[first](made, sources) + 0.5 * kind.losses[second](made, sources)
    assert kept(made, sources).item() == pytest.approx(expected.item())


@EVERY
def test_nothing_is_kept_without_a_weight(kind: Kind) -> None:
    assert kept_losses(kind.name, {}) is None
    assert kept_losses(kind.name, {next(iter(kind.losses)): 0.0}) is None


def test_an_unknown_loss_is_named_with_those_there_are() -> None:
    with pytest.raises(
        UnknownLoss, match=r"thermal\.align\.keep: no loss of thermal is called gradeint; known are intensity"
    ):
        kept_losses("thermal", {"gradeint": 1.0, "intensity": 1.0})


def test_what_looks_into_the_network_is_not_offered() -> None:
    assert "decomposition" not in kinds.named("thermal").losses
