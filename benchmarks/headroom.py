"""How far the low-light rounds of the demo could get if the judge knew the hidden references: python -m benchmarks.headroom 1 2 3

Each seed from scratch in a folder of its own, up to f(0); then f(0) learns from the references of the training crops themselves
(L1; the network, and batch, crop, learning rate and steps of HiLLIE's four alignments). Prints on which share of the
validation crops the panel's own utility, without its noise, says that it got better. No ranker of few labels knows as much.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.seeds import as_hillie, prepared
from pictures import read_uint8
from tasks.config import View, load_whole
from tasks.datasets.subjects import Subject, subjects_of
from tasks.low_light.kind import KIND
from tasks.measuring.scoring import score_files
from tasks.measuring.utility import utility
from tasks.rounds import loop
from tasks.training.image_set import random_crops

DECLARED = ("{kind}.model", "{kind}.align", "{kind}.labels")
ROUNDS = 4


def utilities(model: torch.nn.Module, params: View, subjects: list[Subject]) -> np.ndarray:
    """The panel's utility of what a model makes of each subject, higher is better."""
    weights, found = params.labels.simulated.utility, []
    for subject in subjects:
        made = loop.models(params).apply(model.eval(), subject.sources)
        found.append(
            utility(weights, score_files(tuple(weights), made, subject.reference, subject.sources), subject.id)
        )
    return np.array(found)


def taught(params: View, steps: int) -> torch.nn.Module:
    """f(0) after so many steps towards the references."""
    section, model = params.align, loop.load(params, loop.first_weights(KIND.name))
    model.requires_grad_(True).train()
    optimiser = torch.optim.Adam(model.parameters(), lr=section.learning_rate)
    pairs = [
        [_tensor(subject.sources[0]), _tensor(str(subject.reference))] for subject in subjects_of(KIND.name, "train")
    ]
    generator = torch.Generator().manual_seed(0)
    for _ in range(steps):
        chosen = torch.randint(len(pairs), (section.batch,), generator=generator).tolist()
        crops = [random_crops(pairs[place], section.crop, generator) for place in chosen]
        dark, lit = (torch.stack(same) for same in zip(*crops, strict=True))
        loss = (model(dark) - lit).abs().mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.1)
        optimiser.step()
    return model


def _tensor(path: str) -> torch.Tensor:
    return torch.from_numpy(read_uint8(path)).permute(2, 0, 1).float() / 255


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seeds", type=int, nargs="+")
    here = Path.cwd()
    for seed in parser.parse_args().seeds:
        with tempfile.TemporaryDirectory() as folder:
            prepared(seed, Path(folder), f"start@{KIND.name}", as_hillie)
            os.chdir(folder)
            try:
                print(line(seed, View(load_whole(), DECLARED, KIND.name)), flush=True)
            finally:
                os.chdir(here)


def line(seed: int, params: View) -> str:
    subjects = subjects_of(KIND.name, "validation")
    before = utilities(loop.load(params, loop.first_weights(KIND.name)), params, subjects)
    steps: int = ROUNDS * params.align.steps
    after = utilities(taught(params, steps), params, subjects)
    better: Any = (after > before).mean()
    return f"| {seed} | {better:.2f} of {len(subjects)} | {before.mean():.3f} to {after.mean():.3f} |"


if __name__ == "__main__":
    main()
