"""Ranking data: pairs of versions of one photo of which one is better, and the ranker that learns from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from models.core.storage import load_weights, save_weights
from models.core.training import make_deterministic, step_generator, step_seed
from models.judges.ranker import Ranker, score_pair
from models.losses.ranking import margin_ranking
from tasks.config import View
from tasks.config.rounds import RankerTraining
from tasks.stage.places import MODEL, Places
from tasks.stage.runtime import device, identity
from tasks.training.image_set import ImageSet, random_crops
from tasks.training.learning import learn


@dataclass(frozen=True)
class RankedPair:
    """Indices of two versions in an `ImageSet`, the better one first."""

    better: int
    worse: int


def ranker_path(kind: str, round_name: str) -> Path:
    """Weights of g(n): r00 -> g0, r01 -> g1, ..."""
    return Places(kind).judge(round_name) / MODEL


def ranker_name(round_name: str) -> str:
    return f"g{int(round_name[1:])}"


def fresh_ranker(params: View) -> Ranker:
    """The ranker of params.yaml, initialised from the seed."""
    make_deterministic()
    torch.manual_seed(step_seed(params.seed, 0, "ranker"))
    network = params.judge.network
    return Ranker(network.widths, network.strides, network.hidden, network.reduce)


def load_ranker(params: View, round_name: str, to: str = "cpu") -> Ranker:
    """g(n) of a round, frozen, in evaluation mode."""
    ranker = fresh_ranker(params)
    load_weights(ranker, ranker_path(params.kind, round_name))
    return ranker.requires_grad_(False).eval().to(to)


def train_ranker(
    ranker: Ranker,
    pictures: ImageSet,
    pairs: Sequence[RankedPair],
    section: RankerTraining,
    params: View,
    *,
    name: str,
    purpose: str,
    data: str,
    out: Path,
) -> None:
    """Train on ranked pairs by the margin ranking loss (HiLLIE, Eq. 2) and write model.safetensors and live/ to `out`.

    purpose: of its random numbers; another name draws others. data: what the pairs are (a hash), so that only a training
    on the same pairs is resumed.
    """

    def batch(index: int) -> tuple[torch.Tensor, torch.Tensor]:
        generator = step_generator(params.seed, index, purpose)
        chosen = torch.randint(len(pairs), (section.batch,), generator=generator).tolist()
        crops = [
            random_crops(
                [pictures.tensor(pairs[i].better), pictures.tensor(pairs[i].worse)],
                section.crop,
                generator,
            )
            for i in chosen
        ]
        return torch.stack([better for better, _ in crops]), torch.stack([worse for _, worse in crops])

    def objective(
        module: nn.Module, sample: tuple[torch.Tensor, torch.Tensor]
    ) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
        better, worse = score_pair(module, *sample)
        return margin_ranking(better, worse, section.margin), {"accuracy": (better < worse).float().mean()}

    outcome = learn(
        ranker,
        batch,
        objective,
        section,
        seed=params.seed,
        name=name,
        identity=identity(data),
        device=device(params),
        live=out / "live",
    )
    save_weights(ranker, out / "model.safetensors")
    outcome.discard_state()


@torch.no_grad()
def scores_of(ranker: nn.Module, pictures: ImageSet, to: str = "cpu") -> list[float]:
    """The ranker's score of each whole picture, one at a time (sizes may differ); lower is better."""
    return [float(ranker(pictures.tensor(index)[None].to(to))) for index in range(len(pictures))]
