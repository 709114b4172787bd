"""Fine-tuning by ranker loss and content loss (HiLLIE, Sec. 3.3, Eq. 3 to 5)."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import ClassVar

import torch
from torch import nn
from torch.nn import functional as F

from models.aligners.base import Aligner, Material, Need
from models.core.features import load_vgg16
from models.core.training import Outcome, Run
from models.judges.base import Judge, costs
from models.losses.content import feature_content
from models.losses.ranking import ranker_loss


class RankerLoss(Aligner):
    """f(n) becomes f(n+1): content loss to f(n), plus lambda_ranker times the sigmoid of the judge's cost (Eq. 5).

    content_layer: the VGG16 activation that the content loss compares; content_reduce: factor by which pictures are averaged
    down for it. Without a judge the content loss alone is left (Table 2, first column).
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"gradient of the judge", "gradient of the model"})
    judgeless: ClassVar[bool] = True

    def __init__(self, lambda_ranker: float, content_layer: str, content_reduce: int = 1) -> None:
        self.lambda_ranker = lambda_ranker
        self.content_layer = content_layer
        self.content_reduce = content_reduce

    def align(self, model: nn.Module, judge: Judge | None, material: Material, run: Run) -> Outcome:
        before = deepcopy(model).requires_grad_(False).eval().to(run.device)
        features = load_vgg16(self.content_layer, device=run.device)
        model.requires_grad_(True)
        if judge is not None:
            judge.to(run.device)

        def reduced(picture: torch.Tensor) -> torch.Tensor:
            return F.avg_pool2d(picture, self.content_reduce) if self.content_reduce > 1 else picture

        def objective(
            module: nn.Module, given: tuple[torch.Tensor, ...]
        ) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
            made = module(*given)
            with torch.no_grad():
                anchor = before(*given)
            content = feature_content(features, reduced(made), reduced(anchor))
            if judge is None:
                return material.with_kept(content, {"content": content}, made, given)
            score = ranker_loss(costs(judge, made, given))
            values = {"content": content, "ranker": score}
            return material.with_kept(content + self.lambda_ranker * score, values, made, given)

        return run.train(model, material.crops, objective, watch=material.watch)
