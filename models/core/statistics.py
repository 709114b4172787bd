"""Running statistics of batch normalisation, where several processes share the batches of a step.

One process updates them batch by batch, r -> c r + d. Each process finds c and d of its batches; all apply those of all in turn.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from models.core import processes


class RunningStatistics:
    """Those of a model in one step of so many batches. Alone it does nothing; so it does for layers whose momentum is None."""

    def __init__(self, model: nn.Module, batches: int) -> None:
        layers = (
            [module for module in model.modules() if isinstance(module, _BatchNorm)] if processes.count() > 1 else []
        )
        self._layers = [one for one in layers if one.running_mean is not None and one.momentum is not None]
        self._first = self._now()
        self._calls = torch.zeros(batches, len(self._layers), dtype=torch.int64)
        self._added = [torch.zeros(batches, 2, one.num_features) for one in self._layers]

    @contextmanager
    def of(self, part: int) -> Iterator[None]:
        """Within the block batch `part` of the step is learnt from."""
        before = self._now()
        yield
        for place, (layer, (old, calls), (new, now)) in enumerate(zip(self._layers, before, self._now(), strict=True)):
            self._calls[part, place] = now - calls
            self._added[place][part] = (new - _kept(layer, now - calls) * old).cpu()

    @torch.no_grad()
    def share(self) -> None:
        """Give all processes the statistics that one would have after all batches of the step."""
        if not self._layers:
            return
        processes.together([self._calls, *self._added], processes.added)
        for place, (layer, (statistics, calls)) in enumerate(zip(self._layers, self._first, strict=True)):
            for times, added in zip(self._calls[:, place].tolist(), self._added[place], strict=True):
                statistics.mul_(_kept(layer, times)).add_(added.to(statistics.device))
            mean, variance, updates = _of(layer)
            mean.copy_(statistics[0])
            variance.copy_(statistics[1])
            updates.fill_(calls + int(self._calls[:, place].sum()))

    def _now(self) -> list[tuple[torch.Tensor, int]]:
        """Of each layer mean and variance (2, C), and how often they were updated."""
        found = [_of(layer) for layer in self._layers]
        return [(torch.stack([mean, variance]), int(updates)) for mean, variance, updates in found]


def _of(layer: _BatchNorm) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Mean (C,), variance (C,), and how often they were updated."""
    mean, variance, updates = layer.running_mean, layer.running_var, layer.num_batches_tracked
    assert mean is not None and variance is not None and updates is not None
    return mean, variance, updates


def _kept(layer: _BatchNorm, times: int) -> float:
    """What so many updates leave of the statistics."""
    assert layer.momentum is not None
    return float((1 - layer.momentum) ** times)
