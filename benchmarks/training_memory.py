"""Memory of one step of the paper preset's trainings, computed; python -m benchmarks.training_memory

Counted is what forward passes keep for a gradient at the same time, at batches of 1 and 2 and crops of 64 pixels: what the
second picture adds grows with batch and pixels, the rest does not. To it come weights, gradients, Adam's two moments, and the
average where there is one. float32; workspace of kernels, and what is computed without a gradient (rewards), is not in it.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from models.core.training import Objective, Run
from tasks.config import Params, View, load_whole

PRESET = Path(__file__).resolve().parents[1] / "presets" / "paper.yaml"
SIDE = 64
GIB = 2**30


@dataclass(frozen=True)
class Told:
    """A training. step: makes one, of a batch of that size. section: of params.yaml. pixels: what it keeps grows with them."""

    name: str
    section: Any
    model: nn.Module
    step: Callable[[int], object]
    pixels: bool = True


def pictures(batch: int, channels: int = 3) -> torch.Tensor:
    return 0.3 * torch.rand(batch, channels, SIDE, SIDE, generator=torch.Generator().manual_seed(0))


def of_objective(
    name: str, section: Any, model: nn.Module, objective: Objective, batch: Callable[[int], Any], pixels: bool = True
) -> Told:
    return Told(name, section, model, lambda size: objective(model.train(), batch(size)), pixels)


def trainings(params: Params) -> Iterator[Told]:
    yield from of_low_light(params)
    yield from of_brackets(params)
    yield from of_thermal(params)


def of_low_light(params: Params) -> Iterator[Told]:
    from models.judges.base import cost_of_pairs
    from models.losses.ranking import margin_ranking
    from tasks.low_light import enhancers
    from tasks.low_light.phases import planned
    from tasks.training.judges import fresh_judge

    view = View(params, ("seed", "{kind}.model", "{kind}.start", "{kind}.judge"), "low_light")
    model = enhancers.fresh(view)
    for plan in planned(model, view.start):
        for key, parameter in model.named_parameters():
            parameter.requires_grad_(not plan.phase.trains or key.partition(".")[0] in plan.phase.trains)

        def batch(size: int, wanted: Any = plan.phase.pictures) -> Any:
            return {key: pictures(size) for key in wanted}

        yield of_objective(f"low_light.start, {plan.phase.name}", plan.section, model, plan.objective, batch)

    def ranking(judge: Any, sample: Any) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
        return margin_ranking(*cost_of_pairs(judge, *sample), 0.5), {}

    yield of_objective(
        "low_light.judge.start", view.judge.start, fresh_judge(view), ranking, lambda size: [pictures(size)] * 2
    )


def of_brackets(params: Params) -> Iterator[Told]:
    from models.core.features import load_vgg16_layers
    from models.losses.fusion import LOSSES, usable
    from models.search.bilevel import SearchBatch
    from models.search.genotype import balanced
    from models.search.loop import search
    from tasks.brackets import fusers, loss_weights, start
    from tasks.brackets.search import fresh_supernet, settings_of

    declared = ("seed", "{kind}.model", "{kind}.search", "{kind}.start", "{kind}.judge", "{kind}.align")
    view = View(params, declared, "brackets")
    features, weights = load_vgg16_layers(view.start.layers, "cpu"), loss_weights.beta_of(dict.fromkeys(LOSSES, 1.0))
    supernet = fresh_supernet(view.search.width, view.model.options["unrolled"], 1)

    def searched(size: int) -> None:
        def batch(_step: int) -> SearchBatch:
            return SearchBatch(*[pictures(size)] * 4)

        settings = settings_of(view.search.model_copy(update={"steps": 1}), 1)
        with tempfile.TemporaryDirectory() as folder:
            search(supernet, batch, batch, features, settings, folder=Path(folder), identity=str(size))

    yield Told("brackets.search", view.search, supernet, searched)
    fused = start.objective_of(weights, features, usable(True))
    model = fusers.fresh(view, balanced())
    yield of_objective(
        "brackets.start", view.start, model, fused,
        lambda size: dict.fromkeys(("under", "over", "reference"), pictures(size)),
    )  # fmt: skip
    yield of_aligner("brackets.align", view, fusers.fresh(view, balanced()), 3)


def of_thermal(params: Params) -> Iterator[Told]:
    from tasks.thermal import models
    from tasks.thermal.start import objective_of
    from tasks.training.judges import fresh_judge
    from tasks.training.ratings import loss_of

    view = View(params, ("seed", "{kind}.model", "{kind}.start", "{kind}.judge", "{kind}.align"), "thermal")
    objective = objective_of(view.start.weights.model_dump())
    yield of_objective("thermal.start", view.start, models.fresh(view), objective, lambda size: [pictures(size, 1)] * 2)
    judge: Any = fresh_judge(view)

    def rated(module: Any, given: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
        scores, heatmaps = torch.zeros(len(given[0]), len(judge.criteria)), torch.zeros(1, 1, 1, 1)
        return loss_of(module.judged(given[0], given[1:]), scores, heatmaps, torch.ones(len(given[0])))

    def seen(size: int) -> tuple[torch.Tensor, ...]:
        with torch.no_grad():
            return tuple(judge.features(pictures(size)) for _ in range(3))

    yield of_objective("thermal.judge.start", view.judge.start, judge, rated, seen, pixels=False)
    yield of_aligner("thermal.align", view, models.fresh(view), 3)


def of_aligner(name: str, view: View, model: nn.Module, channels: int) -> Told:
    """A step of the aligner of params.yaml, with a fresh judge."""
    from models.aligners.base import Material
    from tasks.rounds.aligning import aligner_for
    from tasks.training.judges import fresh_judge
    from tasks.training.learning import settings_of

    judge = fresh_judge(view).requires_grad_(False).eval()
    aligner = aligner_for(view, judge, model)

    def step(size: int) -> None:
        crops = (pictures(size, channels), pictures(size, channels))
        labels = (torch.arange(SIDE)[:, None] * 8 // SIDE).expand(size, SIDE, SIDE)
        settings = settings_of(view.align.model_copy(update={"steps": 1}), 1)
        with tempfile.TemporaryDirectory() as folder:
            run = Run(settings, Path(folder), str(size), "cpu", name)
            aligner.align(model, judge, Material(lambda _: crops, lambda _: labels), run)

    return Told(name, view.align, model, step)


class _Held:
    """A tensor that a graph keeps, counted until the graph lets go of it."""

    def __init__(self, tensor: torch.Tensor, count: Counted) -> None:
        self.tensor, self._count, self._key = tensor, count, count.take(tensor)

    def __del__(self) -> None:
        self._count.give(self._key)


class Counted:
    """Bytes that graphs keep at the same time; most: at most so far."""

    def __init__(self) -> None:
        self.most = self._now = 0
        self._holders: Counter[int] = Counter()
        self._bytes: dict[int, int] = {}

    def take(self, tensor: torch.Tensor) -> int:
        storage = tensor.untyped_storage()
        key = storage.data_ptr()
        if not self._holders[key]:
            self._bytes[key] = storage.nbytes()
            self._now += storage.nbytes()
            self.most = max(self.most, self._now)
        self._holders[key] += 1
        return key

    def give(self, key: int) -> None:
        self._holders[key] -= 1
        if not self._holders[key]:
            self._now -= self._bytes[key]


def kept(step: Callable[[int], object], size: int) -> int:
    """Bytes that the graphs of a step of a batch of `size` keep at most."""
    count = Counted()
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: _Held(tensor, count), lambda held: held.tensor):
        step(size)
    return count.most


def main() -> None:
    for told in trainings(load_whole(PRESET)):
        section = told.section
        weights = sum(4 * one.numel() for one in told.model.parameters())
        learnt = sum(4 * one.numel() for one in told.model.parameters() if one.requires_grad)
        averaged = getattr(section, "ema", None) is not None
        held = weights * (2 if averaged else 1) + 3 * learnt
        one, two = kept(told.step, 1), kept(told.step, 2)
        crop = section.crop if told.pixels else SIDE
        fixed, activations = max(2 * one - two, 0), (two - one) * section.batch * (crop / SIDE) ** 2
        size = f"batch {section.batch}" + (f", crop {crop}" if told.pixels else "")
        print(
            f"{told.name}: {size}: {(held + fixed + activations) / GIB:.1f} GiB, of which {held / GIB:.2f} weights, gradients, "
            f"Adam and average, {fixed / GIB:.2f} what does not grow",
            flush=True,
        )


if __name__ == "__main__":
    main()
