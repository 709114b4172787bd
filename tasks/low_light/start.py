"""The `start` stage of low_light: f0 and versions of it, for the first judge to tell apart.

An enhancer is trained without references: by a loss of its own, or by the zero-reference losses. One that comes with weights
(`model.weights`, or a TorchScript file) is f0 as it is; its versions have noise added to their weights.
Reads data/low_light/pictures; writes data/low_light/start: model.safetensors, checkpoints/STEP.safetensors, live/ (curves).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from models.core.storage import load_weights, save_weights
from models.core.training import step_generator
from models.losses.zero_reference import total
from models.own import OwnModelError
from models.own.enhancers import OwnEnhancer
from tasks.config import View
from tasks.low_light import enhancers
from tasks.low_light.kind import KIND
from tasks.stage import tables
from tasks.stage.places import Places
from tasks.stage.runtime import device, identity, stage
from tasks.training.given import keep_given, keep_trained
from tasks.training.image_set import ImageSet, random_crops
from tasks.training.learning import checkpoint_steps, learn

PARAMS = ("seed", "{kind}.model", "{kind}.start")


def trained(params: View, model: nn.Module, at: Places) -> None:
    """Train f0 and keep its intermediate checkpoints."""
    settings = params.start
    images = tables.read_split(KIND.table, at.pictures / f"{KIND.table}.parquet", "train")
    pictures = ImageSet(list(images.path), list(images.sha256))

    def batch(index: int) -> torch.Tensor:
        generator = step_generator(params.seed, index, "pretrain")
        chosen = torch.randint(len(pictures), (settings.batch,), generator=generator)
        return torch.stack([random_crops([pictures.tensor(int(i))], settings.crop, generator)[0] for i in chosen])

    weights = settings.weights.model_dump()

    def objective(module: Any, image: torch.Tensor) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
        if hasattr(module, "pretraining_loss"):
            loss, terms = module.pretraining_loss(image, weights, settings.exposure_level)
            return loss, terms
        return total(image, module(image), None, weights, settings.exposure_level)

    steps = checkpoint_steps(settings.steps, settings.checkpoints)
    outcome = learn(
        model,
        batch,
        objective,
        settings,
        seed=params.seed,
        name=f"start@{KIND.name}",
        identity=identity(*images.sha256),
        device=device(params),
        live=at.start / "live",
        snapshot_steps=steps,
    )
    keep_trained(model, outcome, steps, save_weights, at)


def run(params: View) -> None:
    at, model = Places(KIND.name), enhancers.fresh(params)
    if params.model.weights is not None:
        load_weights(model, Path(params.model.weights).expanduser())
    if params.model.weights is not None or Path(params.model.name).is_file():
        keep_given(model, save_weights, at, name=params.model.name, seed=params.seed, versions=params.start.checkpoints)
    elif isinstance(model, OwnEnhancer) and model.learns_not:
        raise OwnModelError(f"{model.name} cannot be trained: {model.learns_not}")
    else:
        trained(params, model, at)


if __name__ == "__main__":
    stage(__doc__, run, PARAMS, kind=KIND.name)
