"""What an aligner is given by the pipeline: training crops of the dataset, and where it runs. For the rounds and the ablation."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import nn

from models.aligners import create
from models.aligners.base import Aligner, Labels, Material, one_region
from models.aligners.guard import Guard, Opinion, Rule
from models.core.training import Outcome, step_generator, step_seed
from models.judges.base import Judge, costs
from models.quality import create as metric
from models.quality import info
from tasks.config import View
from tasks.config.rounds import Guard as GuardSection
from tasks.datasets.subjects import Subject, subjects_of
from tasks.rounds import loop
from tasks.stage.runtime import device, identity
from tasks.training.image_set import ImageSet, random_crops, reflect_to
from tasks.training.kept import kept_losses
from tasks.training.learning import running
from tasks.training.regions import RegionSet
from tasks.training.votes import Preferred, batches_of, preferred


class CannotAlign(ValueError):
    """The judge, or the model, lacks what the aligner needs."""


def aligner_for(params: View, judge: Judge | None, model: nn.Module) -> Aligner:
    """The aligner of params.yaml. Raises `CannotAlign` where it cannot work with judge or model, `UnknownAligner`."""
    section = params.align
    aligner = create(section.name, **section.options)
    if (fault := aligner.fault(judge, model)) is not None:
        raise CannotAlign(f"{params.kind}.align: {section.name} cannot work with its judge and model: {fault}")
    return aligner


def split_off(
    images: Sequence[Subject], section: GuardSection | None, seed: int
) -> tuple[list[Subject], list[Subject]]:
    """The training images, and those of the photographs that only the guard sees. Raises `CannotAlign`: none would be left."""
    if section is None:
        return list(images), []
    photographs = sorted({image.photograph for image in images})
    order = np.random.default_rng(step_seed(seed, 0, "guard")).permutation(len(photographs))
    watched = {photographs[place] for place in order[: section.photographs]}
    if len(watched) == len(photographs):
        raise CannotAlign(
            f"align.guard.photographs is {section.photographs}, and there are {len(photographs)} of training: lower it"
        )
    return (
        [image for image in images if image.photograph not in watched],
        [image for image in images if image.photograph in watched],
    )


def hardest(images: Sequence[Subject], model: nn.Module, judge: Judge, params: View, to: str) -> list[Subject]:
    """The share of the images whose f(n) the judge likes least; NaN counts as the least of all."""
    models = loop.models(params)

    def cost(image: Subject) -> float:
        made = _picture(models.apply(model, image.sources, to), to)
        sources = [_picture(read, to) for read in _sources(image)] if judge.uses_sources else []
        with torch.no_grad():
            found = float(costs(judge.to(to), made, sources))
        return float("inf") if math.isnan(found) else found

    found = sorted(images, key=lambda image: (-cost(image), image.id))
    kept = {image.id for image in found[: max(1, round(params.align.share * len(images)))]}
    print(f"aligned on the {len(kept)} of {len(images)} images that the judge likes least")
    return [image for image in images if image.id in kept]


def _sources(image: Subject) -> list[np.ndarray]:
    from pictures import read_uint8

    return [read_uint8(path) for path in image.sources]


def _picture(array: np.ndarray, to: str) -> torch.Tensor:
    return torch.tensor(array).permute(2, 0, 1)[None].float().to(to) / 255


def guard_of(
    section: GuardSection, watched: Sequence[Subject], judge: Judge | None, crop: int, to: str
) -> Guard | None:
    """The guard over the middles of these images, at the size of the crops; None without a judge: nothing can be exploited."""
    if judge is None:
        return None

    def liked(pictures: torch.Tensor, sources: tuple[torch.Tensor, ...]) -> torch.Tensor:
        return -costs(judge, pictures, sources)

    def witness(name: str) -> Opinion:
        facts, made = info(name), metric(name, to)
        sign = 1.0 if facts.higher_is_better else -1.0
        return lambda pictures, sources: sign * made(pictures, sources=sources if facts.needs_sources else None)

    def middle(picture: torch.Tensor) -> torch.Tensor:
        top, left = ((side - crop) // 2 if side > crop else 0 for side in picture.shape[-2:])
        return reflect_to(picture[:, top : top + crop, left : left + crop], crop)[None].to(to)

    sources = image_sets(watched)
    scenes = [tuple(middle(source.tensor(place)) for source in sources) for place in range(len(watched))]
    rule = Rule(section.every, section.patience, section.harm, section.fidelity)
    return Guard(liked, {name: witness(name) for name in section.witnesses}, scenes, rule)


def image_sets(images: Sequence[Subject]) -> list[ImageSet]:
    """An `ImageSet` a source."""
    return [
        ImageSet([image.sources[place] for image in images], [image.hashes[place] for image in images])
        for place in range(len(images[0].sources))
    ]


def cropping(
    images: Sequence[Subject], params: View, regions: RegionSet | None
) -> tuple[Callable[[int], tuple[torch.Tensor, ...]], Labels]:
    """Random crops of the images by number of batch, and the regions of the same crops."""
    section, sources = params.align, image_sets(images)

    @lru_cache(maxsize=2)
    def cut(index: int) -> tuple[torch.Tensor, ...]:
        # The same crops for every variant of a round: the ablation compares like with like.
        generator = step_generator(params.seed, index, "finetune")
        chosen = torch.randint(len(images), (section.batch,), generator=generator).tolist()
        every: list[ImageSet | RegionSet] = [*sources, *([regions] if regions is not None else [])]
        parts = [random_crops([one.tensor(i) for one in every], section.crop, generator) for i in chosen]
        return tuple(torch.stack(same) for same in zip(*parts, strict=True))

    def crops(index: int) -> tuple[torch.Tensor, ...]:
        return cut(index)[: len(sources)]

    if regions is None:
        return crops, one_region(crops)
    return crops, lambda index: cut(index)[-1][:, 0].round().long()


def align_model(
    model: nn.Module,
    judge: Judge | None,
    params: View,
    *,
    name: str,
    data: str,
    live: Path | None,
    dataset: Path | None = None,
) -> Outcome:
    """Align f(n) in place to f(n+1) with the judge g(n), frozen, by the aligner of params.yaml.

    judge: None leaves its part of the loss out, where the aligner can. data: a hash of what the weights of model and judge
    are, beside the images. dataset: what the judge learnt from, for an aligner that does, too. Both see training crops.
    """
    section, to = params.align, device(params)
    aligner = aligner_for(params, judge, model)
    images, watched = split_off(subjects_of(params.kind, "train"), section.guard, params.seed)
    if section.data == "hardest" and judge is not None:
        images = hardest(images, model, judge, params, to)
    regions = RegionSet(params.kind, [image.id for image in images]) if aligner.uses_regions else None
    crops, labels = cropping(images, params, regions)
    watch = None if section.guard is None else guard_of(section.guard, watched, judge, section.crop, to)
    told: list[Preferred] = []
    if dataset is not None and aligner.uses_votes:
        told = preferred(dataset, {image.id for image in images}, aligner.newest_votes)
    known = identity(
        data,
        *(hash_ for image in (*images, *watched) for hash_ in image.hashes),
        *([regions.identity] if regions is not None else []),
        *(f"{one.better[1]} {one.worse[1]}" for one in told),
    )
    with running(section, seed=params.seed, name=name, identity=known, device=to, live=live) as run:
        kept = kept_losses(params.kind, section.keep)
        return aligner.align(model, judge, Material(crops, labels, watch, kept, batches_of(told, params)), run)
