"""The network that is searched: the layout of the searched fuser with all eleven operations at each node."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn

from models.fusers.layout import FusionNetwork
from models.search.genotype import Genotype
from models.search.space import NODES, OPERATIONS, MixedOperation

Refinement = Literal["wsras", "retention", "pruning", "darts"]
REFINEMENTS: tuple[Refinement, ...] = ("wsras", "retention", "pruning", "darts")
"""The method and its ablations (Table 3): both, only weight retention, only pruning refinement, neither."""
FLOOR = 0.01
"""Least weight of a retained operation: one that counts next to nothing would also learn next to nothing."""


class Supernet(FusionNetwork):
    """`FusionNetwork` of `MixedOperation` nodes. Its `halo` does not hold: every node normalises by the batch it sees.

    width: channels. steps: unrolled steps of the dual stream. Alpha starts at 0: all operations count the same.
    """

    whole = True

    def __init__(self, width: int, steps: int = 3) -> None:
        super().__init__(lambda name, channels, uses: MixedOperation(channels), width, steps)

    def mixed(self) -> list[MixedOperation]:
        """The 15 nodes in the order of NODES."""
        nodes = [self.node(name) for name in NODES]
        return [node for node in nodes if isinstance(node, MixedOperation)]

    def architecture(self) -> list[nn.Parameter]:
        """Alpha: one (11,) a node."""
        return [node.alpha for node in self.mixed()]

    def operation_weights(self) -> list[nn.Parameter]:
        """Omega: every parameter but alpha, in the order of `named_parameters`."""
        return [parameter for name, parameter in self.named_parameters() if not name.endswith(".alpha")]

    @torch.no_grad()
    def probabilities(self) -> torch.Tensor:
        """softmax(alpha) over what remains, 0 for the pruned: (15, 11) float, rows sum to 1, on the CPU."""
        return torch.stack([node.weights().cpu() for node in self.mixed()])

    def refine(self, threshold: float, retain: int) -> list[tuple[str, str]]:
        """Pruning refinement (Algorithm 1, lines 8 to 13): while a node has more than `retain` operations and its smallest
        weight is below `threshold`, prune that operation. Returns (node, operation) of the pruned.
        """
        pruned = []
        for name, node in zip(NODES, self.mixed(), strict=True):
            while len(node.remaining) > retain:
                weights = node.weights().detach()
                if float(weights[node.mask].min()) >= threshold:
                    break
                pruned.append((name, node.prune_smallest()))
        return pruned

    def genotype(self, retain: int = 3) -> Genotype:
        """Weight retention: each node's `retain` heaviest operations (fewer where fewer remain), weights renormalised.

        Weights below FLOOR are lifted to it first. Equal weights: the earlier in OPERATIONS. retain 1 is plain DARTS.
        """
        nodes = []
        for node in self.mixed():
            weights = dict(zip(OPERATIONS, node.weights().detach().double().cpu().tolist(), strict=True))
            kept = sorted(node.remaining, key=lambda name: -weights[name])[:retain]
            lifted = {name: max(weights[name], FLOOR) for name in kept}
            total = sum(lifted.values())
            nodes.append(tuple((name, round(weight / total, 6)) for name, weight in lifted.items()))
        return Genotype(tuple(nodes))
