"""Fusers of infrared and visible on held-out pairs: DCEvo trained here beside the methods that need no training.

    python -m benchmarks.thermal_table INFRARED VISIBLE [--seeds 1 2 3] [--steps N] [--weights NAME=VALUE ...]

makes the dataset of thermal from the folders once a seed, trains f(0) on its training scenes, fuses the validation pairs by every
method, and prints a markdown table of their metrics, means over pairs and seeds. --pictures DIR keeps what was fused by the
last seed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from pictures import read_uint8, write_png
from tasks.config import PARAMS_FILE, View, read_yaml, validate
from tasks.datasets.subjects import subjects_of
from tasks.kinds.fusers import opened
from tasks.measuring.scoring import score_files
from tasks.rounds import loop
from tasks.stage.mapping import cores
from tasks.thermal import models, pictures, start
from tasks.thermal.kind import KIND

METRICS = ["qabf", "ssim_sources", "cc_sources", "mi", "scd", "viff", "sd", "sf", "ag", "entropy", "niqe"]
METHODS = ("average", "maximum", "pyramid", "wavelet", "guided")


def run_seed(values: dict[str, Any], seed: int, keep: Path | None) -> dict[str, dict[str, float]]:
    """Method -> metric -> mean over the validation pairs, with f(0) of this seed trained in the working folder."""
    params = validate(values | {"seed": seed})
    for module in (pictures, start):
        module.run(View(params, module.PARAMS, KIND.name))
    specs = {name: models.method(name) for name in METHODS}
    specs["dcevo"] = models.spec(View(params, ("{kind}.model",), KIND.name), loop.first_weights(KIND.name))
    found: dict[str, dict[str, list[float]]] = {name: {metric: [] for metric in METRICS} for name in specs}
    for pair in subjects_of(KIND.name, "validation"):
        for name, spec in specs.items():
            fused = models.apply(opened(spec), pair.sources)
            for metric, value in score_files(METRICS, fused, None, pair.sources).items():
                found[name][metric].append(np.nan if value is None else value)
            if keep is not None:
                write_png(keep / f"{pair.id}_{name}.png", fused)
        if keep is not None:
            for part, path in zip(("infrared", "visible"), pair.sources, strict=True):
                write_png(keep / f"{pair.id}_{part}.png", read_uint8(path))
    return {name: {metric: float(np.nanmean(v)) for metric, v in rows.items()} for name, rows in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("infrared", type=Path)
    parser.add_argument("visible", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--steps", type=int)
    parser.add_argument("--weights", nargs="*", default=[])
    parser.add_argument("--params", type=Path, default=PARAMS_FILE)
    parser.add_argument("--pictures", type=Path)
    chosen = parser.parse_args()
    values = read_yaml(chosen.params)
    own = values[KIND.name]
    own["dataset"]["source"] = "folder"
    own["dataset"]["folder"] |= {"infrared": str(chosen.infrared.resolve()), "visible": str(chosen.visible.resolve())}
    own["start"]["weights"] |= {name: float(value) for name, value in (item.split("=") for item in chosen.weights)}
    if chosen.steps:
        own["start"] |= {"steps": chosen.steps, "halve_every": max(1, chosen.steps * 3 // 8)}
    keep = None if chosen.pictures is None else chosen.pictures.resolve()
    here, scores = Path.cwd(), []
    import torch

    torch.set_num_threads(cores())
    for seed in chosen.seeds:
        work = Path(tempfile.mkdtemp(prefix="loupe-thermal-"))
        os.chdir(work)
        try:
            scores.append(run_seed(values, seed, keep if seed == chosen.seeds[-1] else None))
        finally:
            os.chdir(here)
            shutil.rmtree(work)
    print(f"| method | {' | '.join(METRICS)} |\n|---|{'---|' * len(METRICS)}")
    for name in scores[0]:
        means = (np.mean([found[name][metric] for found in scores]) for metric in METRICS)
        print(f"| {name} | {' | '.join(f'{mean:.4g}' for mean in means)} |")


if __name__ == "__main__":
    main()
