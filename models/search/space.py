"""The architecture search space: eleven convolutions at each node, mixed by softmax(alpha) and pruned (HSDS-MEF, WSRAS)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Operation:
    """A convolution of `height` x `width` taps, `dilation` pixels apart, followed by batch normalisation and ReLU."""

    name: str
    height: int
    width: int
    dilation: int = 1

    @property
    def taps(self) -> int:
        """Weights for each pair of channels."""
        return self.height * self.width

    @property
    def reach(self) -> int:
        """How many pixels away its output still depends on its input."""
        return self.dilation * (max(self.height, self.width) - 1) // 2

    @property
    def padding(self) -> tuple[int, int]:
        """Zeros above and left that keep the size."""
        return self.dilation * (self.height - 1) // 2, self.dilation * (self.width - 1) // 2


OPERATIONS: dict[str, Operation] = {
    operation.name: operation
    for operation in (
        Operation("conv_1x1", 1, 1),
        Operation("conv_3x3", 3, 3),
        Operation("conv_5x5", 5, 5),
        Operation("conv_7x7", 7, 7),
        Operation("conv_1x3", 1, 3),
        Operation("conv_3x1", 3, 1),
        Operation("conv_1x5", 1, 5),
        Operation("conv_5x1", 5, 1),
        Operation("dilated_3x3", 3, 3, 2),
        Operation("dilated_5x5", 5, 5, 2),
        Operation("dilated_7x7", 7, 7, 2),
    )
}
"""The candidates in the paper's order (its section "Architecture Search Space"); alpha's columns follow it."""

NODES = (
    "under_1", "under_2", "under_3", "over_1", "over_2", "over_3", "attend_under", "attend_over", "merge_1", "merge_2",
    "split_intensity", "split_illumination", "intensity", "illumination", "compose",
)  # fmt: skip
"""The searched nodes: ten of the feature attention module, then five of the dual stream; alpha's rows follow it."""
UNROLLED = ("intensity", "illumination")
"""The nodes that every unrolled step uses again."""


class MixedOperation(nn.Module):
    """A node of the supernet: sum over its remaining operations of softmax(alpha) * ReLU(BN(conv(x))).

    x: (B, channels, H, W), returned in the same shape. BN has neither running statistics nor an affine part, as in DARTS, so
    that all operations are of one size and alpha alone says how much each counts; a supernet therefore always normalises
    by its batch. Operations of one footprint are computed as one convolution, with zeros where a kernel is smaller.
    """

    mask: torch.Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.kernels = nn.ParameterDict({o.name: nn.Parameter(_kernel(channels, o)) for o in OPERATIONS.values()})
        self.alpha = nn.Parameter(torch.zeros(len(OPERATIONS)))
        self.register_buffer("mask", torch.ones(len(OPERATIONS), dtype=torch.bool))
        self._remaining = list(OPERATIONS)
        self.register_load_state_dict_post_hook(_refresh)

    @property
    def remaining(self) -> list[str]:
        """Names of the operations that are not pruned, in the order of OPERATIONS."""
        return list(self._remaining)

    @property
    def reach(self) -> int:
        return max(OPERATIONS[name].reach for name in self._remaining)

    def weights(self) -> torch.Tensor:
        """softmax(alpha) over the remaining operations, 0 for the pruned: (11,), sums to 1."""
        return self.alpha.masked_fill(~self.mask, -torch.inf).softmax(0)

    def prune_smallest(self) -> str:
        """Remove the remaining operation of the smallest weight; its name. Raises ValueError when only one is left."""
        if len(self._remaining) == 1:
            raise ValueError("a node keeps at least one operation")
        weights = self.weights().detach().masked_fill(~self.mask, torch.inf)
        place = int(weights.argmin())
        self.mask[place] = False
        _refresh(self, None)
        return list(OPERATIONS)[place]

    def forward(self, x: torch.Tensor, step: int = 0) -> torch.Tensor:
        maps, order = [], []
        for names, height, width, dilation in _footprints(self._remaining):
            kernels = [_embedded(self.kernels[name], height, width) for name in names]
            padding = (dilation * (height - 1) // 2, dilation * (width - 1) // 2)
            maps.append(F.conv2d(x, torch.cat(kernels), padding=padding, dilation=dilation))
            order += names
        places = torch.tensor([list(OPERATIONS).index(name) for name in order], device=x.device)
        # A positive factor passes through ReLU: as the scale of the normalisation it costs nothing.
        scale = self.weights()[places].repeat_interleave(self.channels)
        mixed = F.batch_norm(torch.cat(maps, 1), None, None, weight=scale, training=True)
        total = torch.zeros_like(x)
        for part in F.relu(mixed).split(self.channels, 1):  # a sum over a fifth dimension takes half as long again
            total = total + part
        return total


def _refresh(node: nn.Module, keys: Any) -> None:
    """Read which operations remain off the mask once, not at every forward (on a GPU that would wait for it)."""
    assert isinstance(node, MixedOperation)
    node._remaining = [name for name, kept in zip(OPERATIONS, node.mask.tolist(), strict=True) if kept]


def _kernel(channels: int, operation: Operation) -> torch.Tensor:
    kernel = torch.empty(channels, channels, operation.height, operation.width)
    return nn.init.kaiming_normal_(kernel, nonlinearity="relu")


def _embedded(kernel: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """A kernel (C, C, h, w) in the middle of height x width zeros."""
    rows, columns = (height - kernel.shape[2]) // 2, (width - kernel.shape[3]) // 2
    return F.pad(kernel, (columns, columns, rows, rows)) if rows or columns else kernel


def _footprints(names: Sequence[str]) -> Iterator[tuple[list[str], int, int, int]]:
    """Groups of operations that one convolution computes: names, height, width, dilation.

    Undilated kernels of up to 3 x 3 and of up to 5 x 5 make two groups; the others stand alone.
    """
    groups: dict[tuple[int, int], list[str]] = {}
    for name in names:
        operation = OPERATIONS[name]
        groups.setdefault((operation.dilation, max(operation.height, operation.width, 3)), []).append(name)
    for (dilation, _), members in groups.items():
        operations = [OPERATIONS[name] for name in members]
        yield members, max(o.height for o in operations), max(o.width for o in operations), dilation


class WeightedOperations(nn.Module):
    """A node of a derived network: the retained operations, each conv-BN-ReLU, summed with their retained weights.

    weights: name -> weight, of operations in OPERATIONS. uses: how many unrolled steps share the node; the convolutions
    are shared, the normalisation has statistics of its own at each step, because the steps see different distributions
    and a shared running mean would fit none of them.
    """

    def __init__(self, channels: int, weights: Mapping[str, float], uses: int = 1) -> None:
        super().__init__()
        self.weights = dict(weights)
        self.convolutions = nn.ModuleDict()
        self.norms = nn.ModuleDict()
        for name in self.weights:
            o = OPERATIONS[name]
            convolution = nn.Conv2d(
                channels, channels, (o.height, o.width), padding=o.padding, dilation=o.dilation, bias=False
            )
            nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
            self.convolutions[name] = convolution
            self.norms[name] = nn.ModuleList(nn.BatchNorm2d(channels) for _ in range(uses))

    @property
    def reach(self) -> int:
        return max(OPERATIONS[name].reach for name in self.weights)

    def forward(self, x: torch.Tensor, step: int = 0) -> torch.Tensor:
        total = torch.zeros_like(x)
        for name, weight in self.weights.items():
            norm = self._norm(name, step)
            if norm.training or torch.is_grad_enabled():
                total = total + weight * F.relu(norm(self.convolutions[name](x)))
            else:
                kernel, bias = self._folded(name, norm)
                o = OPERATIONS[name]
                total += F.conv2d(x, kernel, bias, padding=o.padding, dilation=o.dilation).relu_()
        return total

    def _norm(self, name: str, step: int) -> nn.BatchNorm2d:
        norms = self.norms[name]
        assert isinstance(norms, nn.ModuleList)
        norm = norms[step]
        assert isinstance(norm, nn.BatchNorm2d)
        return norm

    def _folded(self, name: str, norm: nn.BatchNorm2d) -> tuple[torch.Tensor, torch.Tensor]:
        """Kernel and bias of one convolution that is an operation, its normalisation by running statistics and its weight.

        A weight is not negative, and passes through ReLU.
        """
        assert norm.running_mean is not None and norm.running_var is not None
        convolution = self.convolutions[name]
        assert isinstance(convolution, nn.Conv2d)
        scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
        kernel = self.weights[name] * scale[:, None, None, None] * convolution.weight
        return kernel, self.weights[name] * (norm.bias - norm.running_mean * scale)
