"""The `start` stage of low_light: train the enhancer f0 without references and keep its intermediate checkpoints.

Reads data/low_light/pictures; writes data/low_light/start: model.safetensors, checkpoints/STEP.safetensors, live/ (curves).
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import cast

import torch
from torch import nn

from models.core.storage import save_weights
from models.core.training import step_generator
from models.enhancers.base import Enhancer
from pictures import fresh_folder
from tasks.config import View
from tasks.low_light import enhancers
from tasks.low_light.kind import KIND
from tasks.stage import tables
from tasks.stage.places import MODEL, Places
from tasks.stage.runtime import device, identity, stage
from tasks.training.image_set import ImageSet, random_crops
from tasks.training.learning import checkpoint_steps, learn

PARAMS = ("seed", "{kind}.model", "{kind}.start")


def run(params: View) -> None:
    settings, at = params.start, Places(KIND.name)
    images = tables.read_split(KIND.table, at.pictures / f"{KIND.table}.parquet", "train")
    pictures = ImageSet(list(images.path), list(images.sha256))
    model = enhancers.fresh(params)

    def batch(index: int) -> torch.Tensor:
        generator = step_generator(params.seed, index, "pretrain")
        chosen = torch.randint(len(pictures), (settings.batch,), generator=generator)
        return torch.stack([random_crops([pictures.tensor(int(i))], settings.crop, generator)[0] for i in chosen])

    weights = settings.weights.model_dump()

    def objective(module: nn.Module, image: torch.Tensor) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
        return cast(Enhancer, module).pretraining_loss(image, weights, settings.exposure_level)

    out = at.start
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
        live=out / "live",
        snapshot_steps=steps,
    )
    with fresh_folder(out / "checkpoints") as folder:
        for step, snapshot in zip(steps, outcome.snapshots, strict=True):
            shutil.copyfile(snapshot, folder / f"{step:06d}.safetensors")
    save_weights(model, out / MODEL)
    outcome.discard_state()


if __name__ == "__main__":
    stage(__doc__, run, PARAMS, kind=KIND.name)
