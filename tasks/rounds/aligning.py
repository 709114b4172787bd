"""What an aligner is given by the pipeline: training crops of the dataset, and where it runs. For the rounds and the ablation."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from models.aligners import create
from models.aligners.base import Aligner
from models.core.training import Outcome, step_generator
from models.judges.base import Judge
from tasks.config import View
from tasks.datasets.subjects import subjects_of
from tasks.stage.runtime import device, identity
from tasks.training.image_set import ImageSet, random_crops
from tasks.training.learning import running


class CannotAlign(ValueError):
    """The judge, or the model, lacks what the aligner needs."""


def aligner_for(params: View, judge: Judge | None, model: nn.Module) -> Aligner:
    """The aligner of params.yaml. Raises `CannotAlign` where it cannot work with judge or model, `UnknownAligner`."""
    section = params.align
    aligner = create(section.name, **section.options)
    if (fault := aligner.fault(judge, model)) is not None:
        raise CannotAlign(f"{params.kind}.align: {section.name} cannot work with its judge and model: {fault}")
    return aligner


def align_model(
    model: nn.Module,
    judge: Judge | None,
    params: View,
    *,
    name: str,
    data: str,
    live: Path | None,
) -> Outcome:
    """Align f(n) in place to f(n+1) with the judge g(n), frozen, by the aligner of params.yaml.

    judge: None leaves its part of the loss out, where the aligner can. data: a hash of what the weights of model and judge
    are, beside the images. Both see training crops of the dataset.
    """
    section, to = params.align, device(params)
    aligner = aligner_for(params, judge, model)
    images = subjects_of(params.kind, "train")
    sources = [
        ImageSet([image.sources[place] for image in images], [image.hashes[place] for image in images])
        for place in range(len(images[0].sources))
    ]

    def crops(index: int) -> tuple[torch.Tensor, ...]:
        # The same crops for every variant of a round: the ablation compares like with like.
        generator = step_generator(params.seed, index, "finetune")
        chosen = torch.randint(len(images), (section.batch,), generator=generator).tolist()
        cut = [random_crops([source.tensor(i) for source in sources], section.crop, generator) for i in chosen]
        return tuple(torch.stack(same) for same in zip(*cut, strict=True))

    known = identity(data, *(hash_ for image in images for hash_ in image.hashes))
    with running(section, seed=params.seed, name=name, identity=known, device=to, live=live) as run:
        return aligner.align(model, judge, crops, run)
