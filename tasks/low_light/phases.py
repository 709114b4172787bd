"""The trainings by which the enhancer of params.yaml becomes f(0), with their numbers, and the pictures that they are given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from models.core.training import step_generator
from models.enhancers.phases import InPhases, Phase, Terms
from models.losses.zero_reference import total
from pictures import pictures_in, sha256_file
from tasks.config.base import Training
from tasks.low_light.kind import KIND
from tasks.low_light.params import Pretrain
from tasks.stage import tables
from tasks.stage.places import Places
from tasks.training.image_set import ImageSet, random_crops


class CannotTrain(ValueError):
    """The params name a training that the enhancer has not, or it needs photos that there are none of."""


@dataclass(frozen=True)
class Planned:
    """A training with its numbers: of `start`, or of `start.phases` where it is named there."""

    phase: Phase
    section: Training
    crop: int

    @property
    def batch(self) -> int:
        return self.section.batch

    def objective(self, model: nn.Module, pictures: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, Terms]:
        """What the training descends, and the values that it logs."""
        return self.phase.loss(model, pictures, self.phase.weights)


def planned(model: nn.Module, start: Pretrain) -> list[Planned]:
    """The trainings of an enhancer, in turn. One that does not say how it is trained has a loss without references, or the
    zero-reference losses. Raises `CannotTrain`: unknown names in `start.phases`, or unknown terms of a loss.
    """
    if not isinstance(model, InPhases):
        if start.phases:
            raise CannotTrain(
                f"{KIND.name}.start.phases names {', '.join(start.phases)}; this enhancer has one training, {KIND.name}.start"
            )
        return [Planned(_at_once(start), start, start.crop)]
    phases = model.phases()
    faults = []
    if unknown := sorted(set(start.phases) - {phase.name for phase in phases}):
        faults.append(f"names {', '.join(unknown)}; its trainings are {', '.join(phase.name for phase in phases)}")
    plan = []
    for phase in phases:
        section = start.phases.get(phase.name)
        if section is None:
            plan.append(Planned(phase, start, start.crop))
            continue
        if strange := sorted(set(section.weights) - set(phase.weights)):
            faults.append(f"{phase.name}: its loss has no {', '.join(strange)}, but {', '.join(phase.weights)}")
        weighed = replace(phase, weights={**phase.weights, **section.weights})
        plan.append(Planned(weighed, section, section.crop))
    if faults:
        raise CannotTrain("\n".join(f"{KIND.name}.start.phases {fault}" for fault in faults))
    return plan


def _at_once(start: Pretrain) -> Phase:
    def loss(
        model: Any, pictures: Mapping[str, torch.Tensor], weights: Mapping[str, float]
    ) -> tuple[torch.Tensor, Terms]:
        image = pictures["low"]
        if hasattr(model, "pretraining_loss"):
            found: tuple[torch.Tensor, Terms] = model.pretraining_loss(image, weights, start.exposure_level)
            return found
        return total(image, model(image), None, weights, start.exposure_level)

    return Phase("pretrain", loss, weights=start.weights.model_dump())


def photos(at: Places, wanted: set[str]) -> dict[str, tuple[ImageSet, list[str]]]:
    """The training photos by what they are, with their hashes: `low`, and where it is wanted `normal`.

    In normal light are the photos of `dataset.folder.normal`, else the references of training, which are drawn apart from
    their photos. Raises `CannotTrain` where there are neither.
    """
    images = tables.read_split(KIND.table, at.pictures / f"{KIND.table}.parquet", "train")
    found = {"low": (images.path.tolist(), images.sha256.tolist())}
    if "normal" in wanted:
        files = pictures_in(at.pictures / "normal")
        there = images[images.reference.notna()]
        normal = [str(path) for path in files], [sha256_file(path) for path in files]
        found["normal"] = normal if files else (there.reference.tolist(), there.reference_sha256.tolist())
        if not found["normal"][0]:
            raise CannotTrain(
                f"{KIND.name}.model learns from photos in normal light beside those in the dark, and there are none: name a "
                f"folder of some (any will do) in {KIND.name}.dataset.folder.normal"
            )
    return {name: (ImageSet(paths, hashes), hashes) for name, (paths, hashes) in found.items()}


def crops(plan: Planned, sets: Mapping[str, ImageSet], seed: int) -> Callable[[int], dict[str, torch.Tensor]]:
    """Random crops of each set that a training is given, by number of batch."""

    def batch(index: int) -> dict[str, torch.Tensor]:
        generator = step_generator(seed, index, plan.phase.name)
        found = {}
        for name in plan.phase.pictures:
            pictures = sets[name]
            chosen = torch.randint(len(pictures), (plan.batch,), generator=generator)
            cut = [random_crops([pictures.tensor(int(i))], plan.crop, generator)[0] for i in chosen]
            found[name] = torch.stack(cut)
        return found

    return batch
