"""Fine-tuning a model by ranker loss and content loss (HiLLIE, Eq. 3 to 5), for the rounds and for the ablation."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from models.core.features import load_vgg16
from models.core.training import Outcome, step_generator
from models.losses.content import feature_content
from models.losses.ranking import ranker_loss
from tasks.config import View
from tasks.datasets.subjects import subjects_of
from tasks.stage.runtime import device, identity
from tasks.training.image_set import ImageSet, random_crops
from tasks.training.learning import learn


def finetune(
    model: nn.Module,
    ranker: nn.Module | None,
    params: View,
    *,
    name: str,
    data: str,
    live: Path | None,
) -> Outcome:
    """Fine-tune f(n) in place to f(n+1): content loss to f(n) plus lambda_ranker times the sigmoid of the ranker's score.

    ranker: g(n), frozen; None leaves the ranker loss out (Table 2, first column). data: a hash of what the weights of
    model and ranker are, beside the images. The ranker sees what the model makes of training crops of the dataset.
    """
    section = params.align
    to = device(params)
    images = subjects_of(params.kind, "train")
    sources = [
        ImageSet([image.sources[place] for image in images], [image.hashes[place] for image in images])
        for place in range(len(images[0].sources))
    ]
    before = deepcopy(model).requires_grad_(False).eval().to(to)
    features = load_vgg16(section.content_layer, device=to)
    model.requires_grad_(True)
    if ranker is not None:
        ranker.to(to)

    def batch(index: int) -> tuple[torch.Tensor, ...]:
        # The same crops for every variant of a round: the ablation compares like with like.
        generator = step_generator(params.seed, index, "finetune")
        chosen = torch.randint(len(images), (section.batch,), generator=generator).tolist()
        crops = [random_crops([source.tensor(i) for source in sources], section.crop, generator) for i in chosen]
        return tuple(torch.stack(versions) for versions in zip(*crops, strict=True))

    def reduced(picture: torch.Tensor) -> torch.Tensor:
        return F.avg_pool2d(picture, section.content_reduce) if section.content_reduce > 1 else picture

    def objective(
        module: nn.Module, given: tuple[torch.Tensor, ...]
    ) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
        made = module(*given)
        with torch.no_grad():
            anchor = before(*given)
        content = feature_content(features, reduced(made), reduced(anchor))
        if ranker is None:
            return content, {"content": content}
        score = ranker_loss(ranker(made))
        return content + section.lambda_ranker * score, {"content": content, "ranker": score}

    return learn(
        model,
        batch,
        objective,
        section,
        seed=params.seed,
        name=name,
        identity=identity(data, *(hash_ for image in images for hash_ in image.hashes)),
        device=to,
        live=live,
    )
