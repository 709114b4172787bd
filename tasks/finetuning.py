"""Fine-tuning an enhancer by ranker loss and content loss (HiLLIE, Eq. 3 to 5), for the rounds and for the ablation."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from models.enhancers.base import Enhancer
from models.features import load_vgg16
from models.losses.content import feature_content
from models.losses.ranking import ranker_loss
from models.training import Outcome, step_generator
from tasks import tables
from tasks.config import View
from tasks.image_set import ImageSet, random_crops
from tasks.learning import learn
from tasks.runtime import DATA, device, identity


def finetune(
    enhancer: Enhancer,
    ranker: nn.Module | None,
    params: View,
    *,
    name: str,
    data: str,
    live: Path | None,
) -> Outcome:
    """Fine-tune f(n) in place to f(n+1): content loss to f(n) plus lambda_ranker times the sigmoid of the ranker's score.

    ranker: g(n), frozen; None leaves the ranker loss out (Table 2, first column). data: a hash of what the weights of
    enhancer and ranker are, beside the images. The ranker sees training crops of the low-light images of data/low_light.
    """
    section = params.finetune
    to = device(params)
    images = tables.read("images", DATA / "low_light" / "images.parquet").query("split == 'train'")
    pictures = ImageSet(list(images.path), list(images.sha256))
    before = deepcopy(enhancer).requires_grad_(False).eval().to(to)
    features = load_vgg16(section.content_layer, device=to)
    enhancer.requires_grad_(True)
    if ranker is not None:
        ranker.to(to)

    def batch(index: int) -> torch.Tensor:
        # The same crops for every variant of a round: the ablation compares like with like.
        generator = step_generator(params.seed, index, "finetune")
        chosen = torch.randint(len(pictures), (section.batch,), generator=generator).tolist()
        return torch.stack([random_crops([pictures.tensor(i)], section.crop, generator)[0] for i in chosen])

    def reduced(picture: torch.Tensor) -> torch.Tensor:
        return F.avg_pool2d(picture, section.content_reduce) if section.content_reduce > 1 else picture

    def objective(module: nn.Module, image: torch.Tensor) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
        enhanced = module(image)
        with torch.no_grad():
            anchor = before(image)
        content = feature_content(features, reduced(enhanced), reduced(anchor))
        if ranker is None:
            return content, {"content": content}
        score = ranker_loss(ranker(enhanced))
        return content + section.lambda_ranker * score, {"content": content, "ranker": score}

    return learn(
        enhancer,
        batch,
        objective,
        section,
        seed=params.seed,
        name=name,
        identity=identity(data, *images.sha256),
        device=to,
        live=live,
    )
