"""Memory of one step of each training of a preset, on the CPU.

python -m benchmarks.training_memory [paper|demo] [--only low_light.align ...]: each in processes of its own, with the preset's
network, losses, crop, precision and average, Adam, and random pictures. Measured is the largest resident set, at a batch of 1
and of 2; larger batches are computed from them, for what a step keeps grows with the batch.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from models.core.training import Objective, Run
from tasks.config import Params, View, load_whole
from tasks.training.learning import settings_of

PRESETS = Path(__file__).resolve().parents[1] / "presets"
Prepared = tuple[Any, Callable[[int], None]]
"""A section of the params, and what does one step at a batch."""


def pictures(batch: int, crop: int, channels: int = 3) -> torch.Tensor:
    return 0.3 * torch.rand(batch, channels, crop, crop, generator=torch.Generator().manual_seed(0))


def engine(section: Any, model: nn.Module, objective: Objective, batch_of: Callable[[int], Any]) -> Prepared:
    return section, lambda batch: _train(section, lambda run: run.train(model, lambda _: batch_of(batch), objective))


def _train(section: Any, use: Callable[[Run], object]) -> None:
    settings = replace(settings_of(section, 0), steps=1, accumulate=1, save_every=10)
    with tempfile.TemporaryDirectory() as folder:
        use(Run(settings, Path(folder) / "state", "benchmark"))


def low_light_start(params: View, phase: int) -> Prepared:
    from tasks.low_light import enhancers
    from tasks.low_light.phases import planned

    model = enhancers.fresh(params)
    plan = planned(model, params.start)[phase]
    for key, parameter in model.named_parameters():
        parameter.requires_grad_(not plan.phase.trains or key.partition(".")[0] in plan.phase.trains)
    return engine(
        plan.section, model, plan.objective, lambda batch: {key: pictures(batch, plan.crop) for key in plan.phase.pictures}
    )  # fmt: skip


def brackets_start(params: View) -> Prepared:
    from models.core.features import load_vgg16_layers
    from models.losses.fusion import LOSSES, usable
    from models.search.genotype import balanced
    from tasks.brackets import fusers, loss_weights
    from tasks.brackets.start import objective_of

    section = params.start
    network = fusers.fresh(params, balanced())
    beta = loss_weights.beta_of(dict.fromkeys(LOSSES, 1.0))
    objective = objective_of(beta, load_vgg16_layers(section.layers, "cpu"), usable(True))
    return engine(
        section, network, objective,
        lambda batch: {name: pictures(batch, section.crop) for name in ("under", "over", "reference")},
    )  # fmt: skip


def brackets_search(params: View) -> Prepared:
    from models.core.features import load_vgg16_layers
    from models.search.bilevel import SearchBatch
    from models.search.loop import search
    from tasks.brackets.search import fresh_supernet, settings_of

    section = params.search
    network = fresh_supernet(section.width, params.model.options["unrolled"], params.seed)

    def use(batch: int) -> None:
        sources = SearchBatch(*(pictures(batch, section.crop) for _ in range(4)))
        settings = replace(settings_of(section, params.seed), steps=1, warmup=0)
        with tempfile.TemporaryDirectory() as folder:
            search(
                network, lambda _: sources, lambda _: sources, load_vgg16_layers(section.layers, "cpu"), settings,
                folder=Path(folder) / "state", identity="benchmark",
            )  # fmt: skip

    return section, use


def thermal_start(params: View) -> Prepared:
    from tasks.thermal import models
    from tasks.thermal.start import objective_of

    section = params.start
    return engine(
        section, models.fresh(params), objective_of(section.weights.model_dump()),
        lambda batch: (pictures(batch, section.crop, 1), pictures(batch, section.crop, 1)),
    )  # fmt: skip


def judge_on_pairs(params: View, section: Any, sources: int) -> Prepared:
    from models.judges.base import cost_of_pairs
    from models.losses.ranking import margin_ranking
    from tasks.training.judges import fresh_judge

    judge = fresh_judge(params)

    def objective(module: Any, sample: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
        return margin_ranking(*cost_of_pairs(module, sample[0], sample[1], sample[2:]), section.margin), {}

    count = 2 + sources * judge.uses_sources
    return engine(section, judge, objective, lambda batch: tuple(pictures(batch, section.crop) for _ in range(count)))


def judge_on_ratings(params: View, sources: int) -> Prepared:
    from tasks.training.judges import fresh_judge
    from tasks.training.ratings import loss_of

    judge: Any = fresh_judge(params)
    side = judge.heatmap_side

    def batch_of(batch: int) -> tuple[torch.Tensor, ...]:
        with torch.no_grad():
            one = judge.features(pictures(1, 256))
        seen = [one.expand(batch, *one.shape[1:]).clone() for _ in range(1 + sources)]
        return *seen, torch.rand(batch, len(judge.criteria)), torch.rand(batch, 1, side, side), torch.ones(batch)

    def objective(module: Any, sample: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
        fused, *others, scores, heatmaps, weights = sample
        return loss_of(module.judged(fused, others), scores, heatmaps, weights)

    return engine(params.judge.start, judge, objective, batch_of)


def align(params: View, model: nn.Module, sources: int) -> Prepared:
    from models.aligners import create
    from models.aligners.base import Material
    from tasks.training.judges import fresh_judge
    from tasks.training.kept import kept_losses

    section = params.align
    judge = fresh_judge(params).requires_grad_(False).eval()
    kept = kept_losses(params.kind, section.keep)

    def use(batch: int) -> None:
        def crops(_: int) -> tuple[torch.Tensor, ...]:
            return tuple(pictures(batch, section.crop) for _ in range(sources))

        def labels(_: int) -> torch.Tensor:  # eight regions
            rows = torch.arange(section.crop) // -(-section.crop // 8)
            return rows[None, :, None].expand(batch, section.crop, section.crop).contiguous()

        aligner = create(section.name, **section.options)
        _train(section, lambda run: aligner.align(model, judge, Material(crops, labels, kept=kept), run))

    return section, use


def prepared(params: Params, name: str) -> Prepared:
    """The training `name` of a preset: its section, and a step of it."""
    kind, _, what = name.partition(".")
    view = View(
        params,
        ("seed", "{kind}", "{kind}.start", "{kind}.model", "{kind}.judge", "{kind}.align", "{kind}.search"),
        kind,
    )
    sources = 1 if kind == "low_light" else 2
    if what.startswith("start") and kind == "low_light":
        return low_light_start(view, int(what[6:] or 0))
    if what == "judge.start" and view.judge.start.variants is not None:
        return judge_on_ratings(view, sources)
    if what.startswith("judge."):
        return judge_on_pairs(view, getattr(view.judge, what[6:]), sources)
    if what == "align":
        return align(view, fresh_model(view), sources)
    return {"brackets.start": brackets_start, "brackets.search": brackets_search, "thermal.start": thermal_start}[name](
        view
    )


def fresh_model(params: View) -> nn.Module:
    if params.kind == "low_light":
        from tasks.low_light import enhancers

        return enhancers.fresh(params)
    if params.kind == "thermal":
        from tasks.thermal import models

        return models.fresh(params)
    from models.search.genotype import balanced
    from tasks.brackets import fusers

    return fusers.fresh(params, balanced())


def names(params: Params) -> list[str]:
    """All trainings of a preset, those of one network by their numbers."""
    from models.enhancers.phases import InPhases
    from tasks.low_light import enhancers

    model = enhancers.fresh(View(params, ("seed", "{kind}.model"), "low_light"))
    starts = (
        [f"low_light.start.{n}" for n in range(len(model.phases()))]
        if isinstance(model, InPhases)
        else ["low_light.start"]
    )
    return [
        *starts, "low_light.judge.start", "low_light.align", "brackets.search", "brackets.start", "brackets.align",
        "thermal.start", "thermal.judge.start", "thermal.judge.rounds", "thermal.align",
    ]  # fmt: skip


def peak() -> float:
    """GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("preset", nargs="?", default="paper")
    parser.add_argument("--only", nargs="*", help="low_light.start.0, brackets.align, ...")
    parser.add_argument("--here", type=int, help="one step at this batch in this process")
    chosen = parser.parse_args()
    params = load_whole(PRESETS / f"{chosen.preset}.yaml")
    if chosen.here:
        section, use = prepared(params, chosen.only[0])
        before, begun = peak(), time.process_time()
        use(chosen.here)
        print("FOUND", section.batch, section.crop or 0, before, peak(), time.process_time() - begun)
        return
    for name in chosen.only or names(params):
        found = {}
        for batch in (1, 2):
            command = [
                sys.executable,
                "-m",
                "benchmarks.training_memory",
                chosen.preset,
                "--only",
                name,
                "--here",
                str(batch),
            ]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            line = next((one for one in done.stdout.splitlines() if one.startswith("FOUND")), None)
            if line is None:
                print(f"{name}: {(done.stderr.strip().splitlines() or ['killed'])[-1]}", flush=True)
                break
            found[batch] = [float(word) for word in line.split()[1:]]
        else:
            full, crop, before, two, seconds = found[2]
            of_full = two if full == 2 else found[1][3] + (full - 1) * (two - found[1][3])
            how = "measured" if full == 2 else f"computed from {found[1][3]:.2f} at 1 and {two:.2f} at 2"
            print(
                f"{name:22} batch {full:.0f} crop {crop:.0f}: {of_full:.2f} GiB {how} (networks alone {before:.2f}; "
                f"{seconds:.0f} s of one core a step at batch 2)",
                flush=True,
            )


if __name__ == "__main__":
    main()
