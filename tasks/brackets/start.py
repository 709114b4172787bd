"""The `start` stage of brackets: train the derived network by the searched loss, or a user's own fuser.

Reads data/brackets/pictures and data/brackets/search; writes data/brackets/start: model.safetensors (the architecture with
its weights), checkpoints/STEP.safetensors (the first judge of the rounds learns from them), live/ (curves).
`start.architecture: random` and `start.loss: uniform` train what the search is compared with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from models.core.features import load_vgg16_layers
from models.core.storage import load_weights
from models.core.training import Batches
from models.fusers.base import Fuser
from models.fusers.searched import calibrate, describe_size
from models.losses.fusion import LOSSES, Features, usable, weighted
from models.own import OwnModelError
from models.own.fusers import OwnFuser
from models.search.bilevel import SearchBatch, scene_of
from models.search.genotype import Genotype, random_like
from tasks.brackets import fusers, loss_weights
from tasks.brackets.kind import KIND, SEARCHED
from tasks.brackets.scenes import Scenes
from tasks.config import View
from tasks.kinds.fusers import store
from tasks.stage.places import Places
from tasks.stage.runtime import device, identity, stage
from tasks.training.given import keep_given, keep_trained
from tasks.training.learning import checkpoint_steps, learn

PARAMS = ("seed", "{kind}.model", "{kind}.start")
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
    if params.model.name != SEARCHED:
        own(params)
        return
    section, to = params.start, device(params)
    scenes = Scenes(section.crop, section.batch, params.seed)
    genotype = architecture(section, params.seed)
    network = fusers.fresh(params, genotype)
    weights = loss_weights.read(loss_weights.SEARCHED) if section.loss == "searched" else dict.fromkeys(LOSSES, 1.0)
    print(f"{section.architecture} architecture, {section.loss} loss: {describe_size(network)}")
    batches = scenes.batches(range(len(scenes)), "train_fuser")
    beforehand = (batches(section.steps * section.accumulate + number) for number in range(CALIBRATION))
    calibrate(network.to(to), ((batch["under"].to(to), batch["over"].to(to)) for batch in beforehand))
    train(network, scenes, batches, weights, params, genotype.to_json())


def own(params: View) -> None:
    """The user's own fuser: f(0) as it is where it comes with its weights, else trained by all losses alike."""
    network, section = fusers.fresh_own(params), params.start
    given = params.model.weights
    if given is not None:
        load_weights(network, Path(given).expanduser())
    if given is not None or Path(params.model.name).is_file():
        at = Places(KIND.name)
        keep_given(network, store, at, name=params.model.name, seed=params.seed, versions=section.checkpoints)
        return
    if isinstance(network, OwnFuser) and network.learns_not:
        raise OwnModelError(f"{network.name} cannot be trained: {network.learns_not}")
    scenes = Scenes(section.crop, section.batch, params.seed)
    batches = scenes.batches(range(len(scenes)), "train_fuser")
    train(network, scenes, batches, dict.fromkeys(LOSSES, 1.0), params, params.model.model_dump_json())


def train(
    network: Fuser, scenes: Scenes, batches: Batches, weights: Mapping[str, float], params: View, made_of: str
) -> None:
    """Train f(0) by the weighted losses and write it with its checkpoints.

    made_of: the network, so that only a training of the same is resumed.
    """
    section, to = params.start, device(params)
    steps = checkpoint_steps(section.steps, section.checkpoints)
    outcome = learn(
        network,
        batches,
        objective_of(
            loss_weights.beta_of(weights).to(to),
            load_vgg16_layers(section.layers, to),
            usable(scenes.has_reference),
        ),
        section,
        seed=params.seed,
        name=f"start@{KIND.name}",
        identity=identity(scenes.identity, made_of, sorted(weights.items()), section.layers),
        device=to,
        live=LIVE,
        snapshot_steps=steps,
    )
    keep_trained(network, outcome, steps, store, Places(KIND.name))


if __name__ == "__main__":
    stage(__doc__, run, PARAMS, kind=KIND.name, trains=("start",))
