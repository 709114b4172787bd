"""Aligners on a user's infrared and visible pairs: what each makes of the same f(0) in the same number of steps.

    python -m benchmarks.alignment INFRARED VISIBLE [--seeds 1 2 3] [--only NAME ...] [--steps N] [--pairs N] --work FOLDER

Once a seed: the dataset of thermal (split by scene), f(0), and two reward models that start from corruptions of different halves
of the training scenes: one is the judge, the other is held out. Then every aligner of ALIGNED changes a copy of f(0), measured on
validation pairs beside f(0): mean differences of what the judge says (points of 1 to 5), the held-out judge, Qabf, CC, SSIM, PSNR
and NIQE, with 95 % intervals over pairs (t); seconds, and pictures that the judge was shown. f(0) and judges of a seed stay in
the working folder and are used again.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from scipy.stats import t as student

from models.aligners.registry import ASK_ABOUT_REGIONS
from models.artifacts import heatmap
from models.core.storage import load_weights
from models.core.training import Outcome, make_deterministic, step_seed
from models.judges import create
from models.judges.base import RatedJudge
from pictures import read_uint8, write_png
from tasks.config import PARAMS_FILE, View, read_yaml, validate
from tasks.datasets.subjects import Subject, subjects_of
from tasks.kinds.base import RatedPicture
from tasks.measuring.scoring import score
from tasks.rounds import loop, regions
from tasks.rounds.aligning import align_model
from tasks.rounds.rating_phases import panel
from tasks.stage.mapping import cores
from tasks.stage.places import MODEL
from tasks.thermal import models, pictures, rated, start
from tasks.thermal.kind import KIND
from tasks.training.ratings import Examples, seen, train_on_ratings

DECLARED = (
    "seed",
    "{kind}.judge",
    "{kind}.dataset",
    "{kind}.labels",
    "{kind}.model",
    "{kind}.start",
    "{kind}.regions",
    "{kind}.align",
    "{kind}.align.name",
)
HALVES = ("judge", "held_out")
_CORRUPTED: dict[tuple[Path, int], Examples] = {}
METRICS = ("qabf", "cc_sources", "ssim_sources", "psnr_sources", "niqe")
# Edges as Qabf has them: what a judge that learnt from corruptions alone does not look after.
KEPT: dict[str, Any] = {"keep": {"transfer": 2.0}}
LOCAL: dict[str, Any] = {"explore": {"name": "white", "scale": 0.02}, "view": "local"}
MOBILE_SAM = {"name": "mobile_sam", "options": {"generator": {"points_per_side": 8}}}
# name -> aligner, its options, and what else is changed: regions, keep, options of its judge, its learning from ratings too
ALIGNED: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "direct": ("direct", {}, {"keep": {"transfer": 12.0}}),
    "grpo": ("grpo", LOCAL, KEPT),
    "direct, held less": ("direct", {}, {"keep": {"transfer": 5.0}}),
    "direct, held more": ("direct", {}, {"keep": {"transfer": 15.0}}),
    "kept alone": ("direct", {"weight": 0.0}, {"keep": {"transfer": 5.0}}),
    "direct, nothing kept": ("direct", {}, {}),
    "grpo, nothing kept": ("grpo", LOCAL, {}),
    "grpo, beside": ("grpo", LOCAL | {"beside": {"qabf": 1.0}}, {}),
    "ppo": ("ppo", LOCAL, KEPT),
    "dpo": ("dpo", LOCAL, KEPT),
    "ranker_loss": ("ranker_loss", {"lambda_ranker": 1.0, "content_layer": "relu3_1", "content_reduce": 2}, KEPT),
    "grpo, gain": ("grpo", LOCAL | {"explore": {"name": "gain"}}, KEPT),
    "grpo, gain, held more": ("grpo", LOCAL | {"explore": {"name": "gain"}}, {"keep": {"transfer": 5.0}}),
    "grpo, scales": ("grpo", LOCAL | {"explore": {"name": "scales", "scale": 0.04}}, KEPT),
    "grpo, cells": ("grpo", LOCAL | {"explore": {"name": "cells", "scale": 0.04}}, KEPT),
    "grpo, whole pictures": ("grpo", LOCAL | {"view": "whole", "regions": 0}, KEPT),
    "grpo, boxes judged": ("grpo", LOCAL | {"view": "regions"}, KEPT),
    "grpo, random boxes": ("grpo", LOCAL, KEPT | {"regions": {"name": "boxes"}}),
    "grpo, over regions": ("grpo", LOCAL | {"group": "regions"}, KEPT),
    "grpo, ratio of the paper": ("grpo", LOCAL | {"group": "regions", "ratio": "paper", "inner": 2}, KEPT),
    "grpo, credit by heatmap": ("grpo", LOCAL | {"credit": "heatmap"}, KEPT),
    "grpo, no heatmap branch": ("grpo", LOCAL, KEPT | {"judge": {"heatmap": False}}),
    "grpo, no score branch": ("grpo", LOCAL, KEPT | {"judge": {"score_branch": False}}),
    "dpo, random boxes": ("dpo", LOCAL, KEPT | {"regions": {"name": "boxes"}}),
    "dpo, MobileSAM": ("dpo", LOCAL, KEPT | {"regions": MOBILE_SAM}),
    "dpo, no heatmap branch": ("dpo", LOCAL, KEPT | {"judge": {"heatmap": False}}),
    "dpo, no score branch": ("dpo", LOCAL, KEPT | {"judge": {"score_branch": False}}),
    "dpo, judge of ratings": ("dpo", LOCAL, KEPT | {"ratings": True}),
    "direct, no heatmap branch": ("direct", {}, {"keep": {"transfer": 12.0}, "judge": {"heatmap": False}}),
    "direct, no score branch": ("direct", {}, {"keep": {"transfer": 12.0}, "judge": {"score_branch": False}}),
    "direct, judge of ratings": ("direct", {}, {"keep": {"transfer": 12.0}, "ratings": True}),
}  # fmt: skip


def view(values: dict[str, Any], seed: int) -> View:
    return View(validate(values | {"seed": seed}), DECLARED, KIND.name)


def half(subjects: list[Subject], place: int) -> list[Subject]:
    """The training images of every other photograph."""
    photographs = sorted({subject.photograph for subject in subjects})[place::2]
    return [subject for subject in subjects if subject.photograph in photographs]


def of_ratings(params: View, judge: RatedJudge, out: Path) -> RatedJudge:
    """A copy of the judge that went on to learn from a round of simulated experts' ratings of its half's scenes, once."""
    judge = deepcopy(judge)
    if (out / MODEL).is_file():
        load_weights(judge, out / MODEL)
        return judge
    wanted = params.labels.ratings
    experts, f0 = panel(params.labels), loop.load(params, loop.first_weights(KIND.name))

    def rating(truth: RatedPicture, name: str) -> RatedPicture:
        height, width = truth.picture.shape[:2]
        said = [expert.rate(name, truth.scores, truth.disks, (width, height)) for expert in experts]
        scores = {criterion: float(np.mean([one[criterion] for one, _ in said])) for criterion in truth.scores}
        maps = [heatmap(disks, height, width) for _, disks in said]
        return RatedPicture(truth.picture, truth.sources, scores, np.mean(np.stack(maps), axis=0))

    def scenes() -> Iterator[list[RatedPicture]]:
        subjects = half(subjects_of(KIND.name, "train"), 0)
        for number, subject in enumerate(subjects):
            made = out / "f0" / f"{subject.id}.png"
            write_png(made, models.apply(f0, subject.sources))
            seed = step_seed(params.seed, number, "rated")
            found = rated.candidates(subject.sources, {"f0": str(made)}, wanted.injected, seed)
            share = wanted.pictures // len(subjects) + (number < wanted.pictures % len(subjects))
            chosen = np.random.default_rng(seed).permutation(sorted(found))[:share]
            yield [rating(found[name], f"{subject.id}/{name}") for name in chosen]

    examples = seen(judge, (scene for scene in scenes() if scene))
    judge.requires_grad_(True)
    make_deterministic()
    train_on_ratings(judge, examples, params.judge.rounds, params, name=out.name, data=out.name, out=out)
    return judge


def learnt(params: View, place: int, name: str) -> RatedJudge:
    """A reward model that starts from corruptions of the scenes of one half."""
    make_deterministic()
    torch.manual_seed(step_seed(params.seed, 0, name))
    judge = cast(RatedJudge, create("reward", **params.judge.options))
    train_on_ratings(
        judge,
        corrupted(params, judge, place),
        params.judge.start,
        params,
        name=name,
        data=name,
        out=Path("judges") / name,
        first=True,
    )
    return judge


def corrupted(params: View, judge: RatedJudge, place: int) -> Examples:
    """Corruptions of the scenes of one half, as every judge with this encoder sees them; made once."""
    known = Path.cwd(), place
    if known not in _CORRUPTED:
        f0 = models.spec(params, loop.first_weights(KIND.name))

        def scenes() -> Iterator[list[RatedPicture]]:
            for number, subject in enumerate(half(subjects_of(KIND.name, "train"), place)):
                seed = step_seed(params.seed, number, f"corruptions/{HALVES[place]}")
                yield rated.examples(subject.sources, f0, params.judge.start.variants, seed)

        _CORRUPTED[known] = seen(judge, scenes())
    return _CORRUPTED[known]


def prepared(values: dict[str, Any], seed: int) -> tuple[View, dict[str, RatedJudge]]:
    """Dataset, f(0) and both judges in the working folder, made where they are not there yet."""
    params = view(values, seed)
    if not loop.first_weights(KIND.name).is_file():
        pictures.run(params)
        start.run(params)
    return params, {name: judge_of(params, name, place) for place, name in enumerate(HALVES)}


def judge_of(params: View, name: str, place: int) -> RatedJudge:
    """A reward model that learnt from that half of the training scenes, once."""
    path = Path("judges") / name / MODEL
    if path.is_file():
        judge = cast(RatedJudge, create("reward", **params.judge.options))
        load_weights(judge, path)
    else:
        judge = learnt(params, place, name)
    return judge.requires_grad_(False).eval()


@torch.no_grad()
def measured(
    model: Any, judges: dict[str, RatedJudge], pairs: list[Subject], folder: Path | None = None
) -> dict[str, np.ndarray]:
    """What there is to say of each pair's fused picture."""
    found: dict[str, list[float]] = {}
    for pair in pairs:
        made = models.apply(model, pair.sources)
        sources = [read_uint8(path) for path in pair.sources]
        if folder is not None:
            write_png(folder / f"{pair.id}.png", made)
        shown = [torch.tensor(one).permute(2, 0, 1)[None].float() / 255 for one in (made, *sources)]
        said = {name: float(judge.scores(shown[0], shown[1:])) for name, judge in judges.items()}
        for name, value in {**said, **score(METRICS, made, None, sources)}.items():
            found.setdefault(name, []).append(float("nan") if value is None else value)
    return {name: np.array(values) for name, values in found.items()}


def interval(differences: np.ndarray) -> tuple[float, float]:
    """The mean, and half of its 95 % interval over pairs."""
    known = differences[np.isfinite(differences)]
    error = known.std(ddof=1) / np.sqrt(len(known))
    return float(known.mean()), float(student.ppf(0.975, len(known) - 1) * error)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("infrared", type=Path)
    parser.add_argument("visible", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--only", nargs="+", default=list(ALIGNED), choices=list(ALIGNED))
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--rate", type=float, default=0.0005)
    parser.add_argument("--options", type=json.loads, default={}, help="of the aligners, as JSON")
    parser.add_argument("--keep", type=json.loads, help="losses that are kept, as JSON, in place of the variant's own")
    parser.add_argument("--pairs", type=int, default=16)
    parser.add_argument("--params", type=Path, default=PARAMS_FILE)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--guarded", action="store_true", help="with the guard of the params")
    parser.add_argument("--pictures", action="store_true", help="keep what was fused of validation pairs")
    chosen = parser.parse_args()
    torch.set_num_threads(cores())
    values = read_yaml(chosen.params)
    own = values[KIND.name]
    own["dataset"]["source"] = "folder"
    own["dataset"]["folder"] |= {"infrared": str(chosen.infrared.resolve()), "visible": str(chosen.visible.resolve())}
    if not chosen.guarded:
        own["align"]["guard"] = None
    own["align"] |= {
        "steps": chosen.steps,
        "learning_rate": chosen.rate,
        "log_every": 5,
        "halve_every": None,
    }
    here, params_folder = Path.cwd(), chosen.work.resolve()
    for seed in chosen.seeds:
        work = params_folder / f"seed{seed}"
        work.mkdir(parents=True, exist_ok=True)
        os.chdir(work)
        try:
            run_seed(values, seed, chosen)
        finally:
            os.chdir(here)


def aligned(params: View, judge: RatedJudge, name: str) -> tuple[Any, Outcome, int]:
    """f(0) aligned, how it went, and how many pictures the judge was shown."""
    model, shown = loop.load(params, loop.first_weights(KIND.name)), 0

    def count(module: Any, given: Any, made: torch.Tensor) -> None:
        nonlocal shown
        shown += len(made)

    cast(torch.nn.Module, judge.encoder).register_forward_hook(count)
    run = f"bench-{name.replace(', ', '-').replace(' ', '_')}"
    outcome = align_model(model, judge, params, name=run, data=str(params.seed), live=None)
    outcome.discard_state()
    return model, outcome, shown


def run_seed(values: dict[str, Any], seed: int, chosen: argparse.Namespace) -> None:
    params, judges = prepared(values, seed)
    pairs = subjects_of(KIND.name, "validation")[: chosen.pairs]
    f0 = loop.load(params, loop.first_weights(KIND.name))
    before = measured(f0, judges, pairs, Path("made/f0") if chosen.pictures else None)
    print(
        f"seed {seed}, f0: " + "  ".join(f"{name} {np.nanmean(said):.3f}" for name, said in before.items()), flush=True
    )
    known: Any = object()
    for name in chosen.only:
        aligner, options, changes = ALIGNED[name]
        section = deepcopy(values)
        own = section[KIND.name]
        own["align"] |= {
            "name": aligner,
            "keep": changes.get("keep", {}) if chosen.keep is None else chosen.keep,
            "options": options | (chosen.options if aligner in ("grpo", "ppo", "dpo") else {}),
        }
        own["regions"] = changes.get("regions", own["regions"])
        own["judge"]["options"] |= changes.get("judge", {})
        params = view(section, seed)
        asked = (own["regions"], aligner in ASK_ABOUT_REGIONS)
        if asked != known:
            known = asked
            regions.run(params)
        teacher = judge_of(params, name.split(", ", 1)[1], 0) if "judge" in changes else deepcopy(judges["judge"])
        if "ratings" in changes:
            teacher = of_ratings(params, teacher, Path("judges") / "ratings").requires_grad_(False).eval()
        model, outcome, shown = aligned(params, teacher, name)
        after = measured(model, judges, pairs, Path(f"made/{name}") if chosen.pictures else None)
        words = []
        for metric, said in after.items():
            mean, width = interval(said - before[metric])
            words.append(f"{metric} {mean:+.4f} ± {width:.4f}")
        last = {key: round(value, 4) for key, value in outcome.history[-1].items()}
        print(
            f"seed {seed}, {name}: {'  '.join(words)}  {outcome.seconds:.0f} s, {shown} pictures judged\n    {last}",
            flush=True,
        )


if __name__ == "__main__":
    main()
