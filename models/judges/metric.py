"""A registered metric as a judge: no labels change its mind, which makes it the control for judges that learn."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from models.judges.base import Settled
from models.quality import create, info
from models.quality.metric import Metric


class MetricJudge(Settled):
    """Any metric that needs no reference; one that needs sources is given what the picture was fused from.

    metric: its name (`models.quality`). Raises UnknownMetric, MetricUnavailable; ValueError for one that needs a reference.
    """

    def __init__(self, metric: str) -> None:
        super().__init__()
        facts = info(metric)
        if facts.needs_reference:
            raise ValueError(f"metric {metric!r} compares with a reference, which a judge is not given")
        self.metric = self._name = facts.name
        self.higher_is_better = facts.higher_is_better
        self.differentiable = facts.differentiable
        self.uses_sources = facts.needs_sources
        self._smallest = facts.min_size
        self._ready: dict[torch.device, Metric] = {}

    def opinions(self, pictures: torch.Tensor, sources: Sequence[torch.Tensor] = ()) -> torch.Tensor:
        """The metric's values; NaN for pictures that are too small for it."""
        if min(pictures.shape[2:]) < self._smallest:
            return pictures.new_full((len(pictures),), float("nan"))
        if pictures.device not in self._ready:
            self._ready[pictures.device] = create(self._name, pictures.device)
        values = self._ready[pictures.device](pictures.clamp(0, 1), sources=tuple(sources) or None)
        return values.to(pictures.device, self.mean.dtype)
