"""The searched fuser: the HSDS-MEF network derived from a genotype (Wu et al., AAAI 2024)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from models.core.storage import WeightsError, check_weights, load_weights, read_architecture, save_weights
from models.fusers.layout import FusionNetwork, parameter_count
from models.search.genotype import Genotype, balanced
from models.search.space import NODES, WeightedOperations
from pictures import parse_json, shortened

PUBLISHED_PARAMETERS = 1_166_353
"""Of the network that a published genotype builds (METHODS.md section 2)."""
PAPER_WIDTH = 40
"""Channels at paper scale: the published widths are unknown; with 40 the balanced genotype has close to as many parameters."""
MAX_WIDTH, MAX_STEPS = 1024, 64
"""Bounds of a network's channels and unrolled steps, in params.yaml and in the header of a file."""


class SearchedFuser(FusionNetwork):
    """`FusionNetwork` with the operations and weights that a search retained; each node sums its conv-BN-ReLU operations.

    In evaluation mode running statistics normalise, and tiles equal the whole. In training mode batches normalise themselves
    until `calibrate` has been called; afterwards the statistics stay as they are in training, too. Calibrate before training:
    with two crops a batch, the weights otherwise come to rely on each batch's own mean, which no whole photo has.
    genotype: what each node keeps. width: channels (the paper's scale: PAPER_WIDTH). steps: unrolled steps.
    Parameters, with T taps and n operations in all, 3 (steps) times as many normalisations at the two unrolled nodes:
    T C^2 + 2 C (n + 2 (n_intensity + n_illumination)) + 3 C^2 + 2 C (join, gate) + 38 C + 2 (stems, head).
    """

    fits_half = True

    def __init__(self, genotype: Genotype, width: int = PAPER_WIDTH, steps: int = 3) -> None:
        super().__init__(
            lambda name, channels, uses: WeightedOperations(channels, genotype.node(name), uses), width, steps
        )
        self.genotype = genotype
        self.calibrated = False
        self.halo = self.reach

    def norms(self) -> list[nn.BatchNorm2d]:
        """All normalisations."""
        return [module for module in self.modules() if isinstance(module, nn.BatchNorm2d)]

    def train(self, mode: bool = True) -> SearchedFuser:
        super().train(mode)
        if self.calibrated:
            for norm in self.norms():
                norm.eval()
        return self


def build(genotype: Genotype | None = None, width: int = PAPER_WIDTH, unrolled: int = 3) -> SearchedFuser:
    """The registered constructor. genotype: None for the balanced one, which nothing searched; unrolled: steps."""
    return SearchedFuser(balanced() if genotype is None else genotype, width, unrolled)


def save(fuser: SearchedFuser, path: Path) -> None:
    """Write weights and architecture to one safetensors file, which `load` needs nothing beside."""
    architecture = {
        "genotype": json.loads(fuser.genotype.to_json()),
        "width": fuser.width,
        "unrolled": fuser.steps,
        "calibrated": fuser.calibrated,
    }
    save_weights(fuser, path, json.dumps(architecture))


def load(path: Path) -> SearchedFuser:
    """The fuser in a file of `save`, ready to be trained further. Raises `WeightsError` that names the file.

    What the header says is compared with the tensors of the file before a network of that size is made.
    """
    try:
        architecture = parse_json(read_architecture(path))
        genotype = Genotype.from_json(json.dumps(architecture["genotype"]))
        width = _header(architecture, "width", MAX_WIDTH)
        steps = _header(architecture, "unrolled", MAX_STEPS)
        if not isinstance(architecture["calibrated"], bool):
            raise ValueError("calibrated should be true or false")
    except KeyError as error:
        raise WeightsError(f"{path} holds no fuser of this project: its header lacks {error}") from error
    except (TypeError, ValueError) as error:
        raise WeightsError(f"{path} holds no fuser of this project: {error}") from error
    with torch.device("meta"):
        check_weights(build(genotype, width, steps), path)
    fuser = build(genotype, width, steps)
    fuser.calibrated = architecture["calibrated"]
    load_weights(fuser, path)
    return fuser


def _header(architecture: Any, name: str, most: int) -> int:
    value = architecture[name]
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise ValueError(f"{name} should be a whole number from 1 to {most}, not {shortened(repr(value))}")
    return value


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


@torch.no_grad()
def recalibrate(fuser: SearchedFuser, pairs: Iterable[tuple[torch.Tensor, torch.Tensor]]) -> None:
    """Set the normalisations' statistics to their mean over (under, over) batches; leaves the fuser in evaluation mode.

    For the end of a training that was not `calibrate`d: what was averaged on the way belongs to weights that are gone.
    pairs: (B, 3, H, W) each in [0, 1], some 20 batches as in training. Raises ValueError: no batch, or a calibrated fuser, whose
    weights were trained for the statistics it has.
    """
    if fuser.calibrated:
        raise ValueError("a calibrated fuser keeps its statistics: its weights were trained with them")
    norms = fuser.norms()
    momentum = [norm.momentum for norm in norms]
    fuser.train()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over all batches in place of a decaying one
    seen = 0
    try:
        for under, over in pairs:
            fuser(under, over)
            seen += 1
    finally:
        for norm, before in zip(norms, momentum, strict=True):
            norm.momentum = before
        fuser.eval()
    if not seen:
        raise ValueError("calibration needs at least one batch of exposures")


def calibrate(fuser: SearchedFuser, pairs: Iterable[tuple[torch.Tensor, torch.Tensor]]) -> None:
    """`recalibrate`, once, before training; the statistics then stay through it, while scales and shifts learn.

    They are saved with the weights; `save` keeps `fuser.calibrated`, too.
    """
    recalibrate(fuser, pairs)
    fuser.calibrated = True
