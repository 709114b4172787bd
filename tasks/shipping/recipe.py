"""What the recipes of shipped weights have in common: arguments, training, the file, and its checksum."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from models.core.storage import save_weights
from models.core.training import Objective, Settings, step_seed, train
from pictures import sha256_file
from tasks.stage.mapping import cores
from tasks.stage.runtime import STATE


def follow(
    description: str,
    name: str,
    create: Callable[[], torch.nn.Module],
    drawn: Callable[[int, int], Any],
    objective: Objective,
    settings: Settings,
    held_out: Callable[[torch.nn.Module], Mapping[str, float]],
) -> None:
    """Train what `create` makes on `drawn(seed, index)`, write NAME.safetensors, and print its checksum and what it reaches."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=settings.steps)
    parser.add_argument("--seed", type=int, default=settings.seed)
    parser.add_argument("--out", type=Path, default=Path("models/shipped"))
    chosen = parser.parse_args()
    torch.set_num_threads(cores())
    torch.manual_seed(step_seed(chosen.seed, 0, name))
    model, started = create(), time.monotonic()
    outcome = train(
        model,
        lambda index: drawn(chosen.seed, index),
        objective,
        replace(settings, steps=chosen.steps, seed=chosen.seed, halve_every=max(1, chosen.steps // 4)),
        folder=STATE / f"shipped-{name}",
        identity=description,
        name=name,
    )
    chosen.out.mkdir(parents=True, exist_ok=True)
    path = chosen.out / f"{name}.safetensors"
    save_weights(model, path)
    outcome.discard_state()
    print(
        f"{path}: {path.stat().st_size / 1000:.0f} kB, sha256 {sha256_file(path)}, {time.monotonic() - started:.0f} s"
    )
    print(json.dumps({key: round(value, 4) for key, value in held_out(model).items()}))
