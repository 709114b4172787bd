"""From a stage's params to the training engine, and from the engine to DVCLive curves and metrics."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from torch import nn

from models.core.training import Batches, Objective, Outcome, Run, Settings
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


@contextmanager
def running(section: Training, *, seed: int, name: str, identity: str, device: str, live: Path | None) -> Iterator[Run]:
    """The run of a training. Curves go to the folder `live` where it is given, and are finished however the training ends."""
    with nullcontext() if live is None else curves(live) as found:
        yield Run(
            settings_of(section, seed),
            STATE / name.replace("@", "-"),
            # All of the section, not only what the engine knows: a loss with another weight is another training.
            f"{identity}\n{section.model_dump_json()}",
            device,
            name,
            None if found is None else found.log,
        )


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
    """Train with the engine, as `running`.

    The caller saves the weights, then calls `discard_state` on the outcome.
    """
    with running(section, seed=seed, name=name, identity=identity, device=device, live=live) as run:
        return run.train(model, batches, objective, snapshot_steps)
