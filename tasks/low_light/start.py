"""The `start` stage of low_light: f0 and versions of it, for the first judge to tell apart.

An enhancer is trained without references: by trainings or a loss of its own, or by the zero-reference losses. One that comes
with weights (`model.weights`, or a TorchScript file) is f0 as it is; its versions have noise added to their weights. Reads
data/low_light/pictures; writes data/low_light/start: model.safetensors, checkpoints/STEP.safetensors, live/ (curves).
"""

from __future__ import annotations

from pathlib import Path

from torch import nn

from models.core.storage import load_weights, save_weights
from models.own import OwnModelError
from models.own.enhancers import OwnEnhancer
from tasks.config import View
from tasks.low_light import enhancers
from tasks.low_light.kind import KIND
from tasks.low_light.phases import crops, photos, planned
from tasks.stage.places import Places
from tasks.stage.runtime import device, identity, stage
from tasks.training.given import keep_given, keep_trained
from tasks.training.learning import checkpoint_steps, learn

PARAMS = ("seed", "{kind}.model", "{kind}.start")


def trained(params: View, model: nn.Module, at: Places) -> None:
    """Train f0, in one training or several, and keep intermediate checkpoints of the last."""
    plans = planned(model, params.start)
    sets = photos(at, {name for plan in plans for name in plan.phase.pictures})
    steps, done = checkpoint_steps(plans[-1].section.steps, params.start.checkpoints), []
    for plan in plans:
        name, last = f"start@{KIND.name}", plan is plans[-1]
        if not last:
            name += f"-{plan.phase.name}"
        for key, parameter in model.named_parameters():
            parameter.requires_grad_(not plan.phase.trains or key.partition(".")[0] in plan.phase.trains)
        outcome = learn(
            model,
            crops(plan, {key: pictures for key, (pictures, _) in sets.items()}, params.seed),
            plan.objective,
            plan.section,
            seed=params.seed,
            name=name,
            identity=identity(*(sha256 for key in plan.phase.pictures for sha256 in sets[key][1])),
            device=device(params),
            live=at.start / "live" if last else None,
            snapshot_steps=steps if last else (),
        )
        done.append(outcome)
    model.requires_grad_(True)
    keep_trained(model, done[-1], steps, save_weights, at)
    for outcome in done[:-1]:
        outcome.discard_state()


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
    stage(__doc__, run, PARAMS, kind=KIND.name, trains=("start",))
