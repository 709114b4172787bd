"""What a judge is: a module that scores pictures as people would."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

Learns = Literal["pairs", "ratings"]
"""What a judge can learn from: majority verdicts on pairs, or scores and circles of single pictures."""


class Judge(nn.Module):
    """Scores pictures (B, 3, H, W), float in [0, 1], sRGB: a number (B,) for each, which says how well people would like it.

    higher_is_better: of two scores. differentiable: gradients flow from the scores to the pictures. uses_sources: the scores
    depend on what the pictures were made of. learns: what it learns from; None for a judge that knows its mind already
    (`Settled`). architecture: what it has to be built from, as text that is kept with its weights; None where only params.yaml
    says. members: how many opinions it has of a picture (`member_scores`); what differs between them is its doubt.
    """

    higher_is_better: bool = False
    differentiable: bool = True
    uses_sources: bool = False
    learns: Learns | None = "pairs"
    architecture: str | None = None
    members: int = 1

    def scores(self, pictures: torch.Tensor, sources: Sequence[torch.Tensor] = ()) -> torch.Tensor:
        """Score pictures (B, 3, H, W) that were made of the sources, tensors of the same shape; returns (B,)."""
        raise NotImplementedError

    def member_scores(self, pictures: torch.Tensor, sources: Sequence[torch.Tensor] = ()) -> torch.Tensor:
        """What each of its members says, (B, members); of one that has none what it says itself."""
        return self.scores(pictures, sources)[:, None]


HIGHEST = 5.0
"""The best score that people give; a judge of ratings says scores over it."""


@dataclass(frozen=True)
class Opinion:
    """scores: (B, K) in (0, 1), labels over HIGHEST; K may be 0. heatmap: (B, 1, side, side) in (0, 1), or None."""

    scores: torch.Tensor
    heatmap: torch.Tensor | None


class RatedJudge(Judge):
    """A judge that learns from ratings: scores by criterion, and a heatmap of where artifacts are.

    What it learns works on features that it computes once a picture. criteria: what is scored, in the order of the scores.
    heatmap_side: of its heatmaps, pixels.
    """

    higher_is_better = True
    learns: Learns | None = "ratings"
    criteria: tuple[str, ...] = ()
    heatmap_side: int = 0

    def prepared(self, picture: torch.Tensor) -> torch.Tensor:
        """Pictures (B, 3, H, W), float in [0, 1], sRGB, as `features` takes them in: those of any size can then be one batch."""
        raise NotImplementedError

    def features(self, picture: torch.Tensor) -> torch.Tensor:
        """Of pictures (B, 3, H, W), float in [0, 1], sRGB, prepared or not; the same as long as the options are."""
        raise NotImplementedError

    def judged(self, fused: torch.Tensor, sources: Sequence[torch.Tensor]) -> Opinion:
        """What it makes of the features of a picture and of its sources."""
        raise NotImplementedError

    def get_used_to(self, features: Iterable[torch.Tensor]) -> None:
        """Take the size of features, each of one picture, as the usual one; before its first training."""

    def opinion(self, pictures: torch.Tensor, sources: Sequence[torch.Tensor]) -> Opinion:
        """What it makes of pictures (B, 3, H, W), float in [0, 1], sRGB, and of their sources."""
        return self.judged(self.features(pictures), [self.features(source) for source in sources])

    def overall(self, opinion: Opinion) -> torch.Tensor:
        """One number (B,) in [0, HIGHEST] a picture: the mean of its scores, or without these what the heatmap leaves."""
        if opinion.scores.shape[1]:
            return HIGHEST * opinion.scores.mean(1)
        if opinion.heatmap is None:
            raise ValueError("an opinion has scores, or a heatmap")
        return HIGHEST * (1 - opinion.heatmap.mean((1, 2, 3)))

    def scores(self, pictures: torch.Tensor, sources: Sequence[torch.Tensor] = ()) -> torch.Tensor:
        return self.overall(self.opinion(pictures, sources))


class Settled(Judge):
    """A judge that does not learn from labels. Its scores are standard scores, so that an aligner can take any for any other.

    Until `settle` has seen the spread of its own scores (`opinions`) they are these themselves. metric: the registered metric
    that its opinions are, if they are one's.
    """

    learns: Learns | None = None
    metric: str | None = None
    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("deviation", torch.ones(()))

    def opinions(self, pictures: torch.Tensor, sources: Sequence[torch.Tensor] = ()) -> torch.Tensor:
        """What it says in its own units; as `scores`."""
        raise NotImplementedError

    def scores(self, pictures: torch.Tensor, sources: Sequence[torch.Tensor] = ()) -> torch.Tensor:
        return (self.opinions(pictures, sources) - self.mean) / self.deviation

    def settle(self, opinions: Sequence[float]) -> None:
        """Take the mean and the standard deviation of its opinions of the pictures that there are as 0 and 1.

        Raises ValueError: all are alike, or fewer than two are finite.
        """
        known = torch.tensor([value for value in opinions if torch.isfinite(torch.tensor(value))], dtype=torch.float64)
        deviation = known.std(correction=0) if len(known) > 1 else torch.zeros(())
        if not float(deviation) > 0:
            raise ValueError(
                f"of {len(opinions)} pictures it has no two different opinions, so it cannot say what is better"
            )
        self.mean.fill_(float(known.mean()))
        self.deviation.fill_(float(deviation))


def costs(judge: Judge, pictures: torch.Tensor, sources: Sequence[torch.Tensor] = ()) -> torch.Tensor:
    """A judge's scores (B,), turned where it needs it so that lower is better; what losses go down on."""
    return lower_is_better(judge.scores(pictures, sources), judge)


def member_costs(judge: Judge, pictures: torch.Tensor, sources: Sequence[torch.Tensor] = ()) -> torch.Tensor:
    """As `costs`, of each member: (B, members)."""
    return lower_is_better(judge.member_scores(pictures, sources), judge)


def lower_is_better(scores: torch.Tensor, judge: Judge) -> torch.Tensor:
    return -scores if judge.higher_is_better else scores


def cost_of_pairs(
    judge: Judge, first: torch.Tensor, second: torch.Tensor, sources: Sequence[torch.Tensor] = ()
) -> tuple[torch.Tensor, torch.Tensor]:
    """Costs (B,) of both pictures of each pair, in one batch, so that they share the statistics of batch normalisation."""
    return _of_both(costs, judge, first, second, sources)


def member_cost_of_pairs(
    judge: Judge, first: torch.Tensor, second: torch.Tensor, sources: Sequence[torch.Tensor] = ()
) -> tuple[torch.Tensor, torch.Tensor]:
    """As `cost_of_pairs`, of each member: (B, members)."""
    return _of_both(member_costs, judge, first, second, sources)


def _of_both(
    asked: Callable[..., torch.Tensor], judge: Judge, first: torch.Tensor, second: torch.Tensor,
    sources: Sequence[torch.Tensor],
) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
    found = asked(judge, torch.cat([first, second]), [torch.cat([source, source]) for source in sources])
    return found[: len(first)], found[len(first) :]
