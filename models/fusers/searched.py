"""The searched fuser: the HSDS-MEF network derived from a genotype (Wu et al., AAAI 2024)."""

from __future__ import annotations

from models.fusers.layout import FusionNetwork, parameter_count
from models.search.genotype import Genotype, balanced
from models.search.space import NODES, WeightedOperations

PUBLISHED_PARAMETERS = 1_166_353
"""Of the network that a published genotype builds (METHODS.md section 2)."""
PAPER_WIDTH = 40
"""Channels at paper scale: the published widths are unknown; with 40 the balanced genotype has close to as many parameters."""


class SearchedFuser(FusionNetwork):
    """`FusionNetwork` with the operations and weights that a search retained; each node sums its conv-BN-ReLU operations.

    In training mode batches normalise themselves, in evaluation mode running statistics do, and tiles equal the whole.
    genotype: what each node keeps. width: channels (the paper's scale: PAPER_WIDTH). steps: unrolled steps.
    Parameters, with T taps and n operations in all, 3 (steps) times as many normalisations at the two unrolled nodes:
    T C^2 + 2 C (n + 2 (n_intensity + n_illumination)) + 3 C^2 + 2 C (join, gate) + 38 C + 2 (stems, head).
    """

    def __init__(self, genotype: Genotype, width: int = PAPER_WIDTH, steps: int = 3) -> None:
        super().__init__(
            lambda name, channels, uses: WeightedOperations(channels, genotype.node(name), uses), width, steps
        )
        self.genotype = genotype
        self.halo = self.reach


def build(genotype: Genotype | None = None, width: int = PAPER_WIDTH, steps: int = 3) -> SearchedFuser:
    """The registered constructor. genotype: None for the balanced one, which nothing searched."""
    return SearchedFuser(balanced() if genotype is None else genotype, width, steps)


def describe_size(fuser: SearchedFuser) -> str:
    """One line: the parameters of this network, part by part, beside the published count."""
    total = parameter_count(fuser)
    attention = sum(parameter_count(fuser.node(name)) for name in NODES[:10])
    stream = sum(parameter_count(fuser.node(name)) for name in NODES[10:])
    return (
        f"{total:,} parameters at width {fuser.width}: attention nodes {attention:,}, dual stream nodes {stream:,}, "
        f"fixed layers {total - attention - stream:,}; published: {PUBLISHED_PARAMETERS:,} "
        f"({100 * (total / PUBLISHED_PARAMETERS - 1):+.1f} %)"
    )
