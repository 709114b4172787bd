"""The `start` stage of thermal: f0, a fuser trained on infrared and visible pairs without references.

DCEvo's losses by the weights of params.yaml, for DCEvo and for a user's own fuser. One that comes with weights (`model.weights`,
or a TorchScript file) is f0 as it is; its versions have noise added to their weights. Reads data/thermal/pictures; writes
data/thermal/start: model.safetensors, checkpoints/STEP.safetensors (the first judge learns from them), live/ (curves).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from models.core.storage import load_weights
from models.core.tensors import picture_of
from models.core.training import Batches, Objective, step_generator
from models.fusers.colour import luminance
from models.fusers.dcevo import DCEvo
from models.fusers.visible_colour import VisibleColour
from models.losses.infrared import Scene, weighted
from models.own import OwnModelError
from models.own.fusers import OwnFuser
from tasks.config import View
from tasks.datasets.subjects import subjects_of
from tasks.measuring.scoring import score
from tasks.stage.places import Places
from tasks.stage.runtime import device, identity, stage
from tasks.thermal import models
from tasks.thermal.evolution import evolve
from tasks.thermal.kind import KIND
from tasks.training.given import keep_given, keep_trained
from tasks.training.image_set import ImageSet, random_crops
from tasks.training.learning import checkpoint_steps, learn

PARAMS = ("seed", "{kind}.model", "{kind}.start")
TRIED_ON, TRIED_SIDE = 8, 256
"""Training pairs that weights are tried on, and pixels of each."""


def scene(fuser: VisibleColour, infrared: torch.Tensor, visible: torch.Tensor) -> Scene:
    """What the losses read of a batch of Y (B, 1, H, W) of both sources."""
    if isinstance(fuser.inner, DCEvo):
        parts = fuser.inner.parts(infrared, visible)
        return Scene(parts.fused, infrared, visible, parts.coarse, parts.fine)
    return Scene(fuser.fuse_luminance(infrared, visible), infrared, visible)


def objective_of(weights: Mapping[str, float]) -> Objective:
    """The losses of a batch of Y, by these weights."""

    def objective(module: nn.Module, sample: Any) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
        return weighted(scene(cast(VisibleColour, module), *sample), weights)

    return objective


def fitness(
    model: VisibleColour,
    batch: Batches,
    weights: Mapping[str, float],
    params: View,
    data: str,
    sources: Sequence[ImageSet],
) -> float:
    """Qabf + SSIM, means over a few training pairs, after a short training by these weights from the untrained network."""
    settings, to = params.start, device(params)
    tried = deepcopy(model)
    learn(
        tried,
        batch,
        objective_of(weights),
        settings.model_copy(update={"steps": settings.evolve.steps, "log_every": settings.evolve.steps}),
        seed=params.seed,
        name=f"start@{KIND.name}-evolution",
        identity=f"{data}\n{weights}",
        device=to,
        live=None,
    ).discard_state()
    tried.requires_grad_(False).eval()
    found = []
    for place in range(min(TRIED_ON, len(sources[0]))):
        shown = [source.tensor(place)[None, :, :TRIED_SIDE, :TRIED_SIDE].to(to) for source in sources]
        scores = score(("qabf", "ssim_sources"), picture_of(tried(*shown)), None, [picture_of(one) for one in shown])
        found.append(sum(value or 0.0 for value in scores.values()))
    return sum(found) / len(found)


def trained(params: View, model: VisibleColour, at: Places) -> None:
    """Train f0 and keep its intermediate checkpoints."""
    settings, pairs = params.start, subjects_of(KIND.name, "train")
    sources = [ImageSet([pair.sources[i] for pair in pairs], [pair.hashes[i] for pair in pairs]) for i in (0, 1)]

    def batch(index: int) -> tuple[torch.Tensor, torch.Tensor]:
        generator = step_generator(params.seed, index, "thermal")
        chosen = torch.randint(len(pairs), (settings.batch,), generator=generator).tolist()
        crops = [random_crops([source.tensor(i) for source in sources], settings.crop, generator) for i in chosen]
        infrared, visible = (torch.stack(same) for same in zip(*crops, strict=True))
        return luminance(infrared), luminance(visible)

    data = identity(*(sha256 for pair in pairs for sha256 in pair.hashes), params.model.model_dump_json())
    weights, generations = settings.weights.model_dump(), []
    if settings.evolve is not None:
        generations = evolve(
            lambda tried: fitness(model, batch, tried, params, data, sources),
            settings.evolve.population,
            settings.evolve.generations,
            settings.evolve.mutation,
            params.seed,
        )
        weights = generations[-1].weights
        print("weights found:", ", ".join(f"{name} {weight:.2f}" for name, weight in weights.items()))
    steps = checkpoint_steps(settings.steps, settings.checkpoints)
    outcome = learn(
        model,
        batch,
        objective_of(weights),
        settings,
        seed=params.seed,
        name=f"start@{KIND.name}",
        identity=f"{data}\n{weights}",
        device=device(params),
        live=at.start / "live",
        snapshot_steps=steps,
    )
    beside = {"generations.json": [asdict(generation) for generation in generations]} if generations else {}
    keep_trained(model, outcome, steps, models.store, at, beside)


def run(params: View) -> None:
    at, model = Places(KIND.name), models.fresh(params)
    given, name = params.model.weights, params.model.name
    if given is not None:
        load_weights(model.inner, Path(given).expanduser())
    if given is not None or Path(name).is_file():
        keep_given(model, models.store, at, name=name, seed=params.seed, versions=params.start.checkpoints)
    elif isinstance(model.inner, OwnFuser) and model.inner.learns_not:
        raise OwnModelError(f"{name} cannot be trained: {model.inner.learns_not}")
    else:
        trained(params, model, at)


if __name__ == "__main__":
    stage(__doc__, run, PARAMS, kind=KIND.name, trains=("start",))
