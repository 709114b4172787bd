"""The `pretrain` stage: train the enhancer f0 without references and keep its intermediate checkpoints.

Reads data/low_light; writes data/pretrain/low_light: model.safetensors, checkpoints/STEP.safetensors, live/ (curves).
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import cast

import torch
from torch import nn

from models.enhancers.base import Enhancer
from models.storage import save_weights
from models.training import step_generator
from pictures import fresh_folder
from tasks import enhancers, tables
from tasks.config import View
from tasks.image_set import ImageSet, random_crops
from tasks.learning import checkpoint_steps, learn
from tasks.runtime import DATA, device, identity, stage

PARAMS = ("seed", "enhancer", "pretrain")


def run(params: View) -> None:
    settings = params.pretrain
    images = tables.read_split("images", DATA / "low_light" / "images.parquet", "train")
    pictures = ImageSet(list(images.path), list(images.sha256))
    model = enhancers.fresh(params)

    def batch(index: int) -> torch.Tensor:
        generator = step_generator(params.seed, index, "pretrain")
        chosen = torch.randint(len(pictures), (settings.batch,), generator=generator)
        return torch.stack([random_crops([pictures.tensor(int(i))], settings.crop, generator)[0] for i in chosen])

    weights = settings.weights.model_dump()

    def objective(module: nn.Module, image: torch.Tensor) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
        return cast(Enhancer, module).pretraining_loss(image, weights, settings.exposure_level)

    out = enhancers.PRETRAINED.parent
    steps = checkpoint_steps(settings.steps, settings.checkpoints)
    outcome = learn(
        model,
        batch,
        objective,
        settings,
        seed=params.seed,
        name="pretrain",
        identity=identity(*images.sha256),
        device=device(params),
        live=out / "live",
        snapshot_steps=steps,
    )
    with fresh_folder(out / "checkpoints") as folder:
        for step, snapshot in zip(steps, outcome.snapshots, strict=True):
            shutil.copyfile(snapshot, folder / f"{step:06d}.safetensors")
    save_weights(model, out / "model.safetensors")
    outcome.discard_state()


if __name__ == "__main__":
    stage(__doc__, run, PARAMS)
