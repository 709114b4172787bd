"""The `start` stage of toy: f0 gives every picture the same spread, and keeps what it was on the way.

Reads data/toy/pictures; writes data/toy/start: model.safetensors, checkpoints/STEP.safetensors, live/ (curves).
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping

import torch
from torch import nn

from models.core.storage import save_weights
from models.core.training import step_generator
from pictures import fresh_folder
from tasks.config import View
from tasks.stage import tables
from tasks.stage.places import MODEL, Places
from tasks.stage.runtime import device, identity, stage
from tasks.training.image_set import ImageSet
from tasks.training.learning import checkpoint_steps, learn
from toy_kind.kind import KIND
from toy_kind.models import Stretcher

PARAMS = ("seed", "{kind}.model", "{kind}.start")


def run(params: View) -> None:
    settings, at = params.start, Places(KIND.name)
    images = tables.read_split(KIND.table, at.pictures / f"{KIND.table}.parquet", "train")
    pictures = ImageSet(list(images.path), list(images.sha256))
    model = Stretcher(params.model.limit)

    def batch(index: int) -> torch.Tensor:
        generator = step_generator(params.seed, index, "start")
        chosen = torch.randint(len(pictures), (settings.batch,), generator=generator)
        return torch.stack([pictures.tensor(int(i)) for i in chosen])

    def objective(module: nn.Module, given: torch.Tensor) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
        missed = (module(given).std((1, 2, 3)) - settings.spread).abs().mean()
        return missed, {"spread": missed}

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
    with fresh_folder(at.start / "checkpoints") as folder:
        for step, snapshot in zip(steps, outcome.snapshots, strict=True):
            shutil.copyfile(snapshot, folder / f"{step:06d}.safetensors")
    save_weights(model, at.start / MODEL)
    outcome.discard_state()


if __name__ == "__main__":
    stage(__doc__, run, PARAMS, kind=KIND.name, trains=("start",))
