"""The judges of the rounds: built from params.yaml, loaded from a round's folder, trained on pairs, asked for scores.

g(n) is the judge of round n; a kind's judge.name and judge.options say what it is made of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import cast

import torch
from torch import nn

from models.core.storage import load_weights, save_weights
from models.core.training import make_deterministic, step_generator, step_seed
from models.judges import create
from models.judges.base import (
    Judge,
    Settled,
    cost_of_pairs,
    costs,
    lower_is_better,
    member_cost_of_pairs,
    member_costs,
)
from models.judges.ensemble import Ensemble
from models.losses.ranking import margin_ranking, member_ranking
from tasks.config import View
from tasks.config.rounds import JudgeTraining
from tasks.datasets.subjects import subjects_of
from tasks.stage.places import MODEL, Places
from tasks.stage.runtime import device, identity
from tasks.training.curves import curves
from tasks.training.image_set import ImageSet, random_crops
from tasks.training.learning import learn

LEVELLING = 16
"""Batches on which the members of an ensemble are brought to one level."""


@dataclass(frozen=True)
class RankedPair:
    """Indices of two versions of an image in `Versions`, the better one first. weight: how often it is drawn beside others."""

    better: int
    worse: int
    weight: float = 1.0


@dataclass(frozen=True)
class Versions:
    """Pictures that models made, and for a judge that looks at them the sources of each: an `ImageSet` a source.

    photographs: of each picture, for a judge whose members learn from some of them alone; else empty.
    """

    pictures: ImageSet
    sources: list[ImageSet] = field(default_factory=list)
    photographs: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.pictures)


def versions(judge: Judge, kind: str, images: Sequence[str], paths: Sequence[str], hashes: Sequence[str]) -> Versions:
    """The pictures in files, versions of these images of the dataset, as the judge wants them."""
    if not judge.uses_sources and judge.members == 1:
        return Versions(ImageSet(paths, hashes))
    subjects = {subject.id: subject for subject in subjects_of(kind)}
    photographs = [subjects[image].photograph if image in subjects else image for image in images]
    if not judge.uses_sources:
        return Versions(ImageSet(paths, hashes), photographs=photographs)
    shown = [subjects[image] for image in images]
    sources = [
        ImageSet([subject.sources[place] for subject in shown], [subject.hashes[place] for subject in shown])
        for place in range(len(shown[0].sources))
    ]
    return Versions(ImageSet(paths, hashes), sources, photographs)


class UntoldTraining(ValueError):
    """params.yaml does not say how a judge that learns is trained."""


def judge_path(kind: str, round_name: str) -> Path:
    """Weights of g(n): r00 -> g0, r01 -> g1, ..."""
    return Places(kind).judge(round_name) / MODEL


def judge_name(round_name: str) -> str:
    return f"g{int(round_name[1:])}"


def fresh_judge(params: View) -> Judge:
    """The judge of params.yaml, initialised from the seed. Raises `UnknownJudge`, `OwnModelError`."""
    make_deterministic()
    torch.manual_seed(step_seed(params.seed, 0, "ranker"))
    return create(params.judge.name, **params.judge.options)


def load_judge(params: View, round_name: str, to: str = "cpu") -> Judge:
    """g(n) of a round, frozen, in evaluation mode."""
    judge = fresh_judge(params)
    load_weights(judge, judge_path(params.kind, round_name))
    return judge.requires_grad_(False).eval().to(to)


def train_on_pairs(
    judge: Judge,
    shown: Versions,
    pairs: Sequence[RankedPair],
    section: JudgeTraining,
    params: View,
    *,
    name: str,
    purpose: str,
    data: str,
    out: Path,
) -> None:
    """Train on ranked pairs by the margin ranking loss (HiLLIE, Eq. 2) and write model.safetensors and live/ to `out`.

    Each member of an ensemble learns by a loss of its own; then all are brought to one level on the last batches.
    purpose: of its random numbers; another name draws others. data: what the pairs are (a hash), so that only a training
    on the same pairs is resumed.
    """

    crop, margin = section.crop, section.margin
    if crop is None or margin is None:
        raise UntoldTraining(f"{name}: a training on pairs needs crop and margin (judge.start, judge.rounds)")
    weights = torch.tensor([pair.weight for pair in pairs], dtype=torch.float64)

    def batch(index: int) -> tuple[torch.Tensor, ...]:
        generator = step_generator(params.seed, index, purpose)
        # Pairs of one weight are drawn as they were before there were weights.
        drawn = (
            torch.randint(len(pairs), (section.batch,), generator=generator)
            if bool((weights == weights[0]).all())
            else torch.multinomial(weights, section.batch, replacement=True, generator=generator)
        )
        chosen = drawn.tolist()
        crops = []
        for i in chosen:
            both = [shown.pictures.tensor(pairs[i].better), shown.pictures.tensor(pairs[i].worse)]
            sources = [source.tensor(pairs[i].better) for source in shown.sources]
            crops.append(random_crops([*both, *sources], crop, generator))
        stacked = [torch.stack(same) for same in zip(*crops, strict=True)]
        if isinstance(judge, Ensemble):
            seen = [judge.learns_from(shown.photographs[pairs[i].better]) for i in chosen]
            stacked.append(torch.tensor(seen))
        return tuple(stacked)

    def objective(
        module: nn.Module, sample: tuple[torch.Tensor, ...]
    ) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
        if isinstance(module, Ensemble):
            better, worse = member_cost_of_pairs(module, sample[0], sample[1], sample[2:-1])
            right = (better.mean(1) < worse.mean(1)).float().mean()
            return member_ranking(better, worse, sample[-1], margin), {"accuracy": right}
        better, worse = cost_of_pairs(cast(Judge, module), sample[0], sample[1], sample[2:])
        return margin_ranking(better, worse, margin), {"accuracy": (better < worse).float().mean()}

    outcome = learn(
        judge,
        batch,
        objective,
        section,
        seed=params.seed,
        name=name,
        identity=identity(data),
        device=device(params),
        live=out / "live",
    )
    if isinstance(judge, Ensemble):
        _level(
            judge, (batch(index) for index in range(max(0, section.steps - LEVELLING), section.steps)), device(params)
        )
    save_weights(judge, out / MODEL, judge.architecture)
    outcome.discard_state()


@torch.no_grad()
def _level(judge: Ensemble, samples: Iterable[tuple[torch.Tensor, ...]], to: str) -> None:
    """Bring the members of an ensemble to one level on batches of pairs (better, worse, sources, who learns from them)."""
    found = []
    for better, worse, *sources, _ in samples:
        both = member_cost_of_pairs(judge, better.to(to), worse.to(to), [source.to(to) for source in sources])
        found += [lower_is_better(one, judge) for one in both]
    judge.level(torch.cat(found))


def keep(judge: Judge, out: Path) -> None:
    """Write a judge that learnt nothing to `out`, with live/ that has no curves, as the stages that train one leave it."""
    save_weights(judge, out / MODEL, judge.architecture)
    with curves(out / "live"):
        (out / "live" / "plots" / "metrics").mkdir(parents=True, exist_ok=True)


def training_of(section: JudgeTraining | None, judge: Judge, key: str) -> JudgeTraining:
    """The section of params.yaml that trains a judge which learns from pairs. Raises `UntoldTraining` where it is null."""
    if section is None:
        raise UntoldTraining(
            f"{key} is null, but the judge learns from {judge.learns}: say there how (steps, batch, crop, learning_rate, "
            "margin), or let it say `learns = None`"
        )
    return section


@torch.no_grad()
def opinions_of(judge: Settled, shown: Versions, to: str = "cpu") -> list[float]:
    """As `costs_of`, but in the judge's own units."""
    return [float(one) for one in _asked(judge.opinions, shown, to)]


@torch.no_grad()
def costs_of(judge: Judge, shown: Versions, to: str = "cpu") -> list[float]:
    """The judge's score of each whole picture, one at a time (sizes may differ), turned so that lower is better."""
    return [float(one) for one in _asked(partial(costs, judge), shown, to)]


@torch.no_grad()
def member_costs_of(judge: Judge, shown: Versions, to: str = "cpu") -> list[list[float]]:
    """As `costs_of`, of each member of the judge: one of a judge that has none."""
    return [one[0].tolist() for one in _asked(partial(member_costs, judge), shown, to)]


def _asked(opinion: Callable[..., torch.Tensor], shown: Versions, to: str) -> Iterator[torch.Tensor]:
    for index in range(len(shown)):
        yield opinion(
            shown.pictures.tensor(index)[None].to(to), [source.tensor(index)[None].to(to) for source in shown.sources]
        )
