"""Memory of one step of each training of a preset, on the CPU.

python -m benchmarks.training_memory [paper|demo] [--only low_light.start.0 ...] [--reduce 2]: each in processes of its own, with
the preset's network, losses, precision and average, Adam, and random pictures. Measured is the largest resident set, at two
sizes: a batch of 1 and of 3, crops reduced; the preset's size is computed from them, for what a step keeps grows with the pixels.
A training on features (thermal.judge.start) is not reduced.
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


def low_light_start(params: View, phase: int, reduce: int) -> Prepared:
    from tasks.low_light import enhancers
    from tasks.low_light.phases import planned

    model = enhancers.fresh(params)
    plan = planned(model, params.start)[phase]
    plan = replace(plan, crop=plan.crop // reduce)
    for key, parameter in model.named_parameters():
        parameter.requires_grad_(not plan.phase.trains or key.partition(".")[0] in plan.phase.trains)
    return engine(
        plan.section, model, plan.objective, lambda batch: {key: pictures(batch, plan.crop) for key in plan.phase.pictures}
    )  # fmt: skip


def brackets_start(params: View, section: Any) -> Prepared:
    from models.core.features import load_vgg16_layers
    from models.losses.fusion import LOSSES, usable
    from models.search.genotype import balanced
    from tasks.brackets import fusers, loss_weights
    from tasks.brackets.start import objective_of

    network = fusers.fresh(params, balanced())
    beta = loss_weights.beta_of(dict.fromkeys(LOSSES, 1.0))
    objective = objective_of(beta, load_vgg16_layers(section.layers, "cpu"), usable(True))
    return engine(
        section, network, objective,
        lambda batch: {name: pictures(batch, section.crop) for name in ("under", "over", "reference")},
    )  # fmt: skip


def brackets_search(params: View, section: Any) -> Prepared:
    from models.core.features import load_vgg16_layers
    from models.search.bilevel import SearchBatch
    from models.search.loop import search
    from tasks.brackets.search import fresh_supernet, settings_of

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


def thermal_start(params: View, section: Any) -> Prepared:
    from tasks.thermal import models
    from tasks.thermal.start import objective_of

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


def align(params: View, section: Any, model: nn.Module, sources: int) -> Prepared:
    from models.aligners import create
    from models.aligners.base import Material
    from tasks.training.judges import fresh_judge
    from tasks.training.kept import kept_losses

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


def prepared(params: Params, name: str, reduce: int) -> Prepared:
    """The training `name` of a preset with reduced crops: its section, and a step of it."""
    kind, _, what = name.partition(".")
    declared = ("seed", *(f"{{kind}}.{part}" for part in ("start", "model", "judge", "align", "search")))
    view = View(params, declared, kind)
    sources = 1 if kind == "low_light" else 2
    if name.startswith("low_light.start"):
        return low_light_start(view, int(what[6:] or 0), reduce)
    if what == "judge.start" and view.judge.start.variants is not None:
        return judge_on_ratings(view, sources)
    section: Any = view
    for part in what.split("."):
        section = getattr(section, part)
    section = section.model_copy(update={"crop": section.crop // reduce})
    if what.startswith("judge."):
        return judge_on_pairs(view, section, sources)
    if what == "align":
        return align(view, section, fresh_model(view), sources)
    builders = {"brackets.start": brackets_start, "brackets.search": brackets_search, "thermal.start": thermal_start}
    return builders[name](view, section)


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


def measured(preset: str, name: str, reduce: int, batch: int) -> list[float]:
    """Batch of the preset, memory before and at most (GiB), seconds of a core. Raises RuntimeError with the process's words."""
    command = [sys.executable, "-m", "benchmarks.training_memory", preset, "--only", name, "--reduce", str(reduce)]
    done = subprocess.run([*command, "--here", str(batch)], capture_output=True, text=True, check=False)
    line = next((one for one in done.stdout.splitlines() if one.startswith("FOUND")), None)
    if line is None:
        raise RuntimeError(f"{name}: {(done.stderr.strip().splitlines() or ['killed'])[-1]}")
    return [float(word) for word in line.split()[1:]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("preset", nargs="?", default="paper")
    parser.add_argument("--only", nargs="*", help="low_light.start.0, brackets.align, ...")
    parser.add_argument("--reduce", type=int, default=2, help="divides the sides of crops")
    parser.add_argument("--here", type=int, help="one step at this batch in this process")
    chosen = parser.parse_args()
    params = load_whole(PRESETS / f"{chosen.preset}.yaml")
    if chosen.here:
        section, use = prepared(params, chosen.only[0], chosen.reduce)
        before, begun = peak(), time.process_time()
        use(chosen.here)
        print("FOUND", section.batch, before, peak(), time.process_time() - begun)
        return
    for name in chosen.only or names(params):
        reduce = 1 if name == "thermal.judge.start" else chosen.reduce
        small, large = (measured(chosen.preset, name, reduce, batch) for batch in (1, 3))
        batch, before, least, _ = small
        of_full = least + (batch * reduce**2 - 1) * (large[2] - least) / 2
        print(
            f"{name:22} batch {batch:.0f}: {of_full:.1f} GiB (at 1/{reduce} of the sides {least:.2f} with a batch of 1, "
            f"{large[2]:.2f} of 3 in {large[3]:.0f} s of one core; networks alone {before:.2f})",
            flush=True,
        )


if __name__ == "__main__":
    main()
