"""The `train_fuser` stage: train the derived network by the searched loss.

Reads data/brackets and data/search; writes data/pretrain/brackets: model.safetensors (the architecture with its weights),
checkpoints/STEP.safetensors (the first ranker of the rounds learns from them), live/ (curves). `train_fuser.architecture: random`
and `loss: uniform` train what the search is compared with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any, cast

import torch
from torch import nn

from models.features import load_vgg16_layers
from models.fusers.base import Fuser
from models.fusers.searched import calibrate, describe_size, save
from models.losses.fusion import LOSSES, Features, usable, weighted
from models.search.bilevel import SearchBatch, scene_of
from models.search.genotype import Genotype, random_like
from models.storage import load_weights
from pictures import fresh_folder
from tasks import fusers, loss_weights
from tasks.config import View
from tasks.learning import checkpoint_steps, learn
from tasks.runtime import device, identity, stage
from tasks.scenes import Scenes

PARAMS = ("seed", "fuser", "search.layers", "train_fuser")
LIVE = fusers.FOLDER / "live"
LOGGED = ("gradient_max", "mef_ssim_under", "mef_ssim_over", "l1_reference")
# Batches of which the normalisations' statistics are taken before the training, which keeps them.
CALIBRATION = 20


def architecture(section: Any, seed: int) -> Genotype:
    """The searched genotype, or a random one with as many parameters."""
    searched = fusers.read_genotype(fusers.FOUND)
    return searched if section.architecture == "searched" else random_like(searched, seed)


def objective_of(beta: torch.Tensor, features: Features, possible: tuple[str, ...]) -> Callable[..., Any]:
    """(network, batch) -> (the weighted loss, a few of its terms for the curves)."""
    places = {name: place for place, name in enumerate(LOSSES) if name in possible and name in LOGGED}

    def objective(module: nn.Module, batch: Any) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
        sources = SearchBatch(**batch)
        pictures = cast(Fuser, module).fuse(sources.under, sources.over)
        loss, terms = weighted(scene_of(pictures, sources), beta, features)
        return loss, {name: terms[place] for name, place in places.items()}

    return objective


def run(params: View) -> None:
    section, to = params.train_fuser, device(params)
    scenes = Scenes(section.crop, section.batch, params.seed)
    genotype = architecture(section, params.seed)
    network = fusers.fresh(params, genotype)
    weights = loss_weights.read(loss_weights.SEARCHED) if section.loss == "searched" else dict.fromkeys(LOSSES, 1.0)
    print(f"{section.architecture} architecture, {section.loss} loss: {describe_size(network)}")
    batches = scenes.batches(range(len(scenes)), "train_fuser")
    beforehand = (batches(section.steps * section.accumulate + number) for number in range(CALIBRATION))
    calibrate(network.to(to), ((batch["under"].to(to), batch["over"].to(to)) for batch in beforehand))
    steps = checkpoint_steps(section.steps, section.checkpoints)
    outcome = learn(
        network,
        batches,
        objective_of(
            loss_weights.beta_of(weights).to(to),
            load_vgg16_layers(params.search.layers, to),
            usable(scenes.has_reference),
        ),
        section,
        seed=params.seed,
        name="train_fuser",
        identity=identity(scenes.identity, genotype.to_json(), sorted(weights.items()), params.search.layers),
        device=to,
        live=LIVE,
        snapshot_steps=steps,
    )
    checkpoint = deepcopy(network)
    with fresh_folder(fusers.FOLDER / "checkpoints") as folder:
        for step, snapshot in zip(steps, outcome.snapshots, strict=True):
            load_weights(checkpoint, snapshot)
            save(checkpoint, folder / f"{step:06d}.safetensors")
    save(network, fusers.WEIGHTS)
    outcome.discard_state()


if __name__ == "__main__":
    stage(__doc__, run, PARAMS)
