"""Memory of one step of the paper preset's trainings of networks and ranker, computed; python -m benchmarks.training_memory

Counted is what a forward pass keeps for its gradient, at a batch of 1 and crops of 64 pixels; it grows with batch and pixels. To
it come weights, gradients, Adam's two moments, and the average where there is one. float32; workspace of kernels is not in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from models.core.training import Objective
from tasks.config import Params, View, load_whole

PRESET = Path(__file__).resolve().parents[1] / "presets" / "paper.yaml"
SIDE = 64
GIB = 2**30


def pictures(channels: int = 3) -> torch.Tensor:
    return 0.3 * torch.rand(1, channels, SIDE, SIDE, generator=torch.Generator().manual_seed(0))


def trainings(params: Params) -> Iterator[tuple[str, Any, nn.Module, Objective, Any]]:
    """Name, section, model, objective and a batch of each."""
    from models.core.features import load_vgg16_layers
    from models.judges.base import cost_of_pairs
    from models.losses.fusion import LOSSES, usable
    from models.losses.ranking import margin_ranking
    from models.search.genotype import balanced
    from tasks.brackets import fusers, loss_weights, start
    from tasks.low_light import enhancers
    from tasks.low_light.phases import planned
    from tasks.thermal import models
    from tasks.thermal.start import objective_of
    from tasks.training.judges import fresh_judge

    view = View(params, ("seed", "{kind}.model", "{kind}.start", "{kind}.judge"), "low_light")
    model = enhancers.fresh(view)
    for plan in planned(model, view.start):
        for key, parameter in model.named_parameters():
            parameter.requires_grad_(not plan.phase.trains or key.partition(".")[0] in plan.phase.trains)
        batch = {key: pictures() for key in plan.phase.pictures}
        yield f"low_light.start, {plan.phase.name}", plan.section, model, plan.objective, batch

    def ranking(judge: Any, sample: Any) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
        return margin_ranking(*cost_of_pairs(judge, *sample), 0.5), {}

    yield "low_light.judge.start", view.judge.start, fresh_judge(view), ranking, (pictures(), pictures())
    view = View(params, ("seed", "{kind}.model", "{kind}.start"), "brackets")
    features, weights = load_vgg16_layers(view.start.layers, "cpu"), loss_weights.beta_of(dict.fromkeys(LOSSES, 1.0))
    scene = {name: pictures() for name in ("under", "over", "reference")}
    fused = start.objective_of(weights, features, usable(True))
    yield "brackets.start", view.start, fusers.fresh(view, balanced()), fused, scene
    view = View(params, ("seed", "{kind}.model", "{kind}.start"), "thermal")
    objective = objective_of(view.start.weights.model_dump())
    yield "thermal.start", view.start, models.fresh(view), objective, (pictures(1), pictures(1))


def kept(model: nn.Module, objective: Objective, batch: Any) -> int:
    """Bytes that a forward pass keeps for its gradient, beside the weights."""
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    found: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            found[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss, _ = objective(model.train(), batch)
    assert loss.requires_grad
    return sum(found.values())


def main() -> None:
    for name, section, model, objective, batch in trainings(load_whole(PRESET)):
        weights = sum(4 * one.numel() for one in model.parameters())
        learnt = sum(4 * one.numel() for one in model.parameters() if one.requires_grad)
        held = weights * (1 if section.ema is None else 2) + 3 * learnt
        activations = kept(model, objective, batch) * section.batch * (section.crop / SIDE) ** 2
        print(
            f"{name}: batch {section.batch}, crop {section.crop}: {(held + activations) / GIB:.1f} GiB, of which "
            f"{held / GIB:.2f} weights, gradients, Adam and average",
            flush=True,
        )


if __name__ == "__main__":
    main()
