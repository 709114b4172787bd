"""From a stage's params to the training engine, and from the engine to DVCLive curves and metrics."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from torch import nn

from models.core.training import Batches, Objective, Outcome, Settings, train
from tasks.config.base import Training
from tasks.stage.runtime import STATE
from tasks.training.curves import curves


def settings_of(section: Training, seed: int) -> Settings:
    """The engine's settings in a section of params.yaml."""
    names = Settings.__dataclass_fields__
    return Settings(seed=seed, **{name: value for name, value in section.model_dump().items() if name in names})


def checkpoint_steps(steps: int, checkpoints: int) -> list[int]:
    """Steps after which a checkpoint is kept: evenly spaced, the last at the end, none at the start."""
    return sorted({max(1, round(steps * part / checkpoints)) for part in range(1, checkpoints + 1)})


def learn(
    model: nn.Module,
    batches: Batches,
    objective: Objective,
    section: Training,
    *,
    seed: int,
    name: str,
    identity: str,
    device: str,
    live: Path | None,
    snapshot_steps: Sequence[int] = (),
) -> Outcome:
    """Train with the engine. Curves go to the folder `live` where it is given.

    The caller saves the weights, then calls `discard_state` on the outcome.
    """
    settings = settings_of(section, seed)
    run = partial(
        train,
        model,
        batches,
        objective,
        settings,
        folder=STATE / name.replace("@", "-"),
        # All of the section, not only what the engine knows: a loss with another weight is another training.
        identity=f"{identity}\n{section.model_dump_json()}",
        device=device,
        name=name,
        snapshot_steps=snapshot_steps,
    )
    if live is None:
        return run()
    with curves(live) as found:
        return run(on_log=found.log)
