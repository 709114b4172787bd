"""The reward model on a user's infrared and visible pairs with injected corruptions: how well it predicts what nobody told it.

    python -m benchmarks.reward_table INFRARED VISIBLE [--seeds 1 2 3] [--variants N] [--steps N] [--unknown NAME]

Once a seed: the dataset of thermal is made (split by scene), corrupted versions are made of it, and the reward model of
params.yaml learns from those of the training scenes. Prints SRCC, PLCC and RMSE of each score and CC, AUC, NSS and SIM of the
heatmap on the validation scenes; of the first seed also the same on a corruption that was never trained on (--unknown), the
ablations of either branch, and metrics as predictors of the same overall score. f(0) is the average: no fuser is trained here.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from scipy.stats import spearmanr

from models.artifacts import CORRUPTIONS, CRITERIA
from models.core.training import make_deterministic, step_seed
from models.judges import create
from models.judges.base import RatedJudge
from pictures import quantise
from tasks.config import PARAMS_FILE, View, read_yaml, validate
from tasks.datasets.subjects import subjects_of
from tasks.kinds.base import RatedPicture
from tasks.measuring.scoring import score
from tasks.stage.mapping import cores
from tasks.thermal import models, pictures, rated
from tasks.thermal.kind import KIND
from tasks.training.ratings import Examples, opinions, predicts, seen, train_on_ratings

METRICS = ["qabf", "ssim_sources", "cc_sources", "viff", "niqe"]


def versions(split: str, count: int, seed: int, names: tuple[str, ...]) -> Iterator[list[RatedPicture]]:
    """Corrupted versions of every scene of a split, scene by scene."""
    for number, subject in enumerate(subjects_of(KIND.name, split)):
        seed_of = step_seed(seed, number, f"corruptions/{split}")
        yield rated.examples(subject.sources, models.method("average"), count, seed_of, names)


def learnt(params: Any, train: Examples, options: dict[str, Any], name: str) -> RatedJudge:
    make_deterministic()
    torch.manual_seed(params.seed)
    judge = cast(RatedJudge, create("reward", **options))
    train_on_ratings(judge, train, params.judge.start, params, name=name, data=name, out=Path("out") / name, first=True)
    return judge


def overall(examples: Examples) -> np.ndarray:
    return np.asarray(examples.scores.mean(1).numpy())


def by_metrics(scenes: Iterable[list[RatedPicture]], truth: np.ndarray) -> dict[str, float]:
    """SRCC of each metric with the overall score."""
    rows: dict[str, list[float]] = {name: [] for name in METRICS}
    for one in (one for scene in scenes for one in scene):
        sources = [quantise(source, 8) for source in one.sources]
        for name, value in score(METRICS, quantise(one.picture, 8), None, sources).items():
            rows[name].append(np.nan if value is None else value)
    result = {}
    for name, values in rows.items():
        known = np.isfinite(values)
        result[name] = abs(float(spearmanr(np.array(values)[known], truth[known]).statistic))
    return result


def run_seed(values: dict[str, Any], seed: int, variants: int, unknown: str, whole: bool) -> dict[str, Any]:
    params = View(validate(values | {"seed": seed}), ("seed", "{kind}.judge", "{kind}.dataset"), KIND.name)
    pictures.run(params)
    options = dict(params.judge.options)
    every = tuple(CORRUPTIONS)
    began = time.time()
    judge = cast(RatedJudge, create("reward", **options))
    parts = {split: seen(judge, versions(split, variants, seed, every)) for split in ("train", "validation")}
    made = time.time() - began
    judge = learnt(params, parts["train"], options, "reward")
    result: dict[str, Any] = {"seconds": [made, time.time() - began - made], "all": {}}
    said = opinions(judge, parts["validation"])
    result["all"] = predicts(said, parts["validation"], CRITERIA)
    truth = overall(parts["validation"])
    result["overall"] = {"reward": float(spearmanr(said.scores.mean(1).numpy(), truth).statistic)}
    if whole:
        result["overall"] |= by_metrics(versions("validation", variants, seed, every), truth)
        for branch in ("heatmap", "score_branch"):
            alone = learnt(params, parts["train"], options | {branch: False}, f"without_{branch}")
            result[f"without {branch}"] = predicts(opinions(alone, parts["validation"]), parts["validation"], CRITERIA)
        known = tuple(name for name in every if name != unknown)
        less = learnt(params, seen(judge, versions("train", variants, seed, known)), options, f"without_{unknown}")
        other = seen(judge, versions("validation", variants, seed, (unknown,)))
        result[f"{unknown}, never seen"] = predicts(opinions(less, other), other, CRITERIA)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("infrared", type=Path)
    parser.add_argument("visible", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--variants", type=int, default=8)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--unknown", default="ghost", choices=list(CORRUPTIONS))
    parser.add_argument("--plain", action="store_true", help="no ablations, no unknown corruption, no metrics")
    parser.add_argument("--params", type=Path, default=PARAMS_FILE)
    chosen = parser.parse_args()
    values = read_yaml(chosen.params)
    own = values[KIND.name]
    own["dataset"]["source"] = "folder"
    own["dataset"]["folder"] |= {"infrared": str(chosen.infrared.resolve()), "visible": str(chosen.visible.resolve())}
    own["judge"]["start"] |= {"steps": chosen.steps, "halve_every": max(1, chosen.steps // 4)}
    torch.set_num_threads(cores())
    here = Path.cwd()
    for seed in chosen.seeds:
        work = Path(tempfile.mkdtemp(prefix="loupe-reward-"))
        os.chdir(work)
        try:
            found = run_seed(
                values, seed, chosen.variants, chosen.unknown, seed == chosen.seeds[0] and not chosen.plain
            )
        finally:
            os.chdir(here)
            shutil.rmtree(work)
        for part, rows in found.items():
            print(f"seed {seed}, {part}:", flush=True)
            for name, value in rows.items() if isinstance(rows, dict) else [("", rows)]:
                print(f"  {name}: {shown_of(value)}", flush=True)


def shown_of(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {shown_of(one)}" for key, one in value.items())
    return ", ".join(map(shown_of, value)) if isinstance(value, list) else "none" if value is None else f"{value:.3f}"


if __name__ == "__main__":
    main()
