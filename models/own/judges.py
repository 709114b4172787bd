"""A user's own network as a judge: what it says of itself is read, its scores are tried, its weights keep their own names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from models.judges.base import Judge, Settled
from models.judges.registry import GROUP
from models.own.building import Wrapped, built
from models.own.errors import OwnModelError
from models.own.probing import check_scores, gives_gradient
from models.own.references import is_file

Scores = Callable[[torch.Tensor, Sequence[torch.Tensor]], torch.Tensor]
# In place of the attribute, for a file, which has none: `judge.options`.
_DIRECTION = "higher_is_better"


class OwnJudge(Wrapped, Judge):
    """A network of the user's that learns from pairs."""

    def __init__(self, network: nn.Module, higher_is_better: bool, uses_sources: bool) -> None:
        super().__init__()
        self.network = network
        self.higher_is_better = higher_is_better
        self.uses_sources = uses_sources

    def scores(self, pictures: torch.Tensor, sources: Sequence[torch.Tensor] = ()) -> torch.Tensor:
        return _scores(self.network)(pictures, sources)


class OwnSettled(Settled):
    """A network of the user's that has learnt already. Its own weights are as it was built."""

    def __init__(self, network: nn.Module, higher_is_better: bool, uses_sources: bool, differentiable: bool) -> None:
        super().__init__()
        self.network = network
        for parameter in network.parameters():  # a TorchScript module has no requires_grad_
            parameter.requires_grad_(False)
        self.higher_is_better = higher_is_better
        self.uses_sources = uses_sources
        self.differentiable = differentiable

    def opinions(self, pictures: torch.Tensor, sources: Sequence[torch.Tensor] = ()) -> torch.Tensor:
        return _scores(self.network)(pictures, sources)


def own_judge(name: str, options: Mapping[str, Any]) -> Judge:
    """The judge that a reference names, built with its options.

    The network says `higher_is_better` (of a file: options say it); it may say `uses_sources` (False) and `learns` ("pairs"
    where it can be trained). It has `scores(pictures, sources)`, or is called with pictures. Raises `OwnModelError`: it cannot
    be built, does not say which is better, gives no scores (B,), or should learn and cannot.
    """
    a_file, taken = is_file(name), dict(options)
    direction = taken.pop(_DIRECTION, None) if a_file else None
    network = built(name, GROUP, taken)
    if isinstance(network, Judge):
        return network
    higher = getattr(network, _DIRECTION, direction)
    if not isinstance(higher, bool):
        where = f"options: {{{_DIRECTION}: true}}" if a_file else f"an attribute `{_DIRECTION} = True`"
        raise OwnModelError(f"{name} does not say whether its higher or its lower scores are better: {where}, or false")
    uses_sources = bool(getattr(network, "uses_sources", False))
    network.eval()
    sources = _sources_of(network, name) if uses_sources else 0
    check_scores(_scores(network), name, sources)
    gradient = gives_gradient(_scores(network), sources)
    trainable = any(parameter.requires_grad for parameter in network.parameters()) and not a_file
    learns = getattr(network, "learns", "pairs" if trainable and gradient is None else None)
    if learns not in ("pairs", None):
        raise OwnModelError(
            f"{name} says that it learns from {learns!r}; a judge learns from 'pairs', or not at all (None)"
        )
    if learns is None:
        return OwnSettled(network, higher, uses_sources, gradient is None)
    if gradient is not None or not trainable:
        raise OwnModelError(f"{name} should learn from pairs, and cannot: {gradient or 'it has no parameters'}")
    return OwnJudge(network, higher, uses_sources)


def _sources_of(network: nn.Module, name: str) -> int:
    """How many sources a judge takes: one photo, or the two that were fused; it does not say so."""
    try:
        check_scores(_scores(network), name, 1)
    except OwnModelError:
        check_scores(_scores(network), name, 2)
        return 2
    return 1


def _scores(network: nn.Module) -> Scores:
    own = getattr(network, "scores", None)
    if callable(own):
        scores: Scores = own
        return scores
    return lambda pictures, sources: network(pictures)
