"""Training steps of ranker and fine-tuning in the engine, beside the same step in a bare PyTorch loop."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks.measure import Result, compare
from benchmarks.seeds import HILLIE
from models.core.features import load_vgg16
from models.core.training import Settings, train
from models.enhancers import create
from models.judges.base import cost_of_pairs
from models.judges.ranker import Ranker
from models.losses.content import feature_content
from models.losses.ranking import margin_ranking, ranker_loss
from tasks.config import Params
from tasks.low_light.kind import KIND

STEPS = 10


def bare_loop(model: nn.Module, batch: Any, objective: Callable[..., Any], rate: float, steps: int = STEPS) -> None:
    optimiser = torch.optim.Adam(model.parameters(), lr=rate)
    for _ in range(steps):
        optimiser.zero_grad(set_to_none=True)
        loss, _ = objective(model, batch)
        loss.backward()
        optimiser.step()


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def engine(model: nn.Module, batch: Any, objective: Callable[..., Any], rate: float, device: str) -> None:
    settings = Settings(steps=STEPS, learning_rate=rate, log_every=STEPS, save_every=STEPS)
    with _folder() as folder, redirect_stdout(io.StringIO()):
        train(model, lambda _: batch, objective, settings, folder=folder, identity="bench", device=device, name="bench")


def steps(params: Params, device: str, repeats: int) -> list[Result]:
    """Seconds a step at the sizes of params.yaml, engine beside bare loop."""
    kind = params.of(KIND.name)
    ranker = Ranker(**kind.judge.options).to(device)
    section = kind.judge.rounds
    pair = tuple(torch.rand(section.batch, 3, section.crop, section.crop, device=device) for _ in range(2))

    def ranking(module: Any, sample: Any) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
        better, worse = cost_of_pairs(module, *sample)
        return margin_ranking(better, worse, section.margin), {}

    enhancer = create(kind.model.name, **kind.model.options).to(device)
    before = create(kind.model.name, **kind.model.options).to(device).requires_grad_(False)
    judge = Ranker(**kind.judge.options).to(device).requires_grad_(False).eval()
    features = load_vgg16(HILLIE["options"]["content_layer"], device=device)
    image = torch.rand(HILLIE["batch"], 3, HILLIE["crop"], HILLIE["crop"], device=device)

    def finetuning(module: nn.Module, sample: torch.Tensor) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
        enhanced = module(sample)
        content = feature_content(features, enhanced, before(sample))
        return content + HILLIE["options"]["lambda_ranker"] * ranker_loss(judge(enhanced)), {}

    cases: list[tuple[str, nn.Module, Any, Callable[..., Any]]] = [
        ("ranker", ranker, pair, ranking),
        ("fine-tuning", enhancer, image, finetuning),
    ]
    return [
        compare(
            f"training step, {name}",
            "s/step",
            partial(engine, model, batch, objective, 1e-5, device),
            "bare PyTorch loop",
            partial(bare_loop, model, batch, objective, 1e-5),
            repeats=repeats,
            each=STEPS,
        )
        for name, model, batch, objective in cases
    ]
