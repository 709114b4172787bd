"""An ensemble: several judges of one kind as one judge, which knows where it is in doubt (Lakshminarayanan et al. 2017).

Its members start from weights of their own and learn from the same labels, each perhaps from a part of the photographs. Where
labels settle the matter they agree; where there are none they differ, and so a model that learns from them cannot please all by
what pleases one by mistake (Coste et al. 2024: worst case, and mean minus spread, against over-optimisation).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import torch
from torch import nn

from models.judges import create
from models.judges.base import Judge, lower_is_better

Take = Literal["mean", "worst", "mean_minus_spread"]


class Ensemble(Judge):
    """`members` judges called `of`, built with `options`, of which the score is what `take` makes of theirs.

    take: mean; worst, the score of the member that likes a picture least; mean_minus_spread, the mean made worse by
    `spread_weight` standard deviations of the members. share: of the photographs that each member learns from, 1 for all. Raises
    ValueError: what does not learn from pairs, numbers that are none; UnknownJudge, OwnModelError for `of` and `options`.
    """

    levels: torch.Tensor

    def __init__(
        self,
        of: str,
        options: Mapping[str, Any],
        members: int = 5,
        take: Take = "mean",
        spread_weight: float = 1.0,
        share: float = 1.0,
    ) -> None:
        super().__init__()
        if take not in get_args(Take):
            raise ValueError(f"take is {', '.join(get_args(Take))}, not {take!r}")
        if members < 1 or spread_weight < 0 or not 0 < share <= 1:
            raise ValueError(
                "members is 1 or more, spread_weight 0 or more, share above 0 and at most 1, not "
                f"{members}, {spread_weight}, {share}"
            )
        self.members, self.take, self.spread_weight, self.share = members, take, spread_weight, share
        self.judges = nn.ModuleList(create(of, **options) for _ in range(members))
        first = self._judges()[0]
        if first.learns != "pairs" or first.members != 1:
            what = "is one already" if first.members != 1 else f"learns {'from ratings' if first.learns else 'nothing'}"
            raise ValueError(f"an ensemble is of judges that learn from pairs, and {of} {what}")
        self.higher_is_better, self.differentiable = first.higher_is_better, first.differentiable
        self.uses_sources = first.uses_sources
        self.register_buffer("levels", torch.zeros(members))

    def _judges(self) -> list[Judge]:
        return list(self.judges)  # type: ignore[arg-type]

    def member_scores(self, pictures: torch.Tensor, sources: Sequence[torch.Tensor] = ()) -> torch.Tensor:
        """(B, K), each member's on one level (`level`)."""
        return torch.stack([judge.scores(pictures, sources) for judge in self._judges()], 1) - self.levels

    def scores(self, pictures: torch.Tensor, sources: Sequence[torch.Tensor] = ()) -> torch.Tensor:
        costs = lower_is_better(self.member_scores(pictures, sources), self)
        return lower_is_better(taken(costs, self.take, self.spread_weight), self)

    @torch.no_grad()
    def level(self, scores: torch.Tensor) -> None:
        """Bring the members to one level on pictures of which they say `scores` (N, K).

        Pairs teach differences alone, so each has a level of its own, which would pass for doubt. The mean stays as it is.
        """
        means = scores.mean(0)
        self.levels += means - means.mean()

    def learns_from(self, photograph: str) -> list[bool]:
        """Which members learn from a photograph's pairs: `share` of them by chance, the same in every round, one at least."""
        ranks = [
            int.from_bytes(hashlib.sha256(f"{member}/{photograph}".encode()).digest()[:8], "big") / 2**64
            for member in range(self.members)
        ]
        return [rank < self.share or rank == min(ranks) for rank in ranks]

    def load_state_dict(self, state_dict: Mapping[str, Any], *arguments: Any, **named: Any) -> Any:
        # A network of the user's reads its weights by names of its own, which torch's walk over modules does not know.
        for place, judge in enumerate(self._judges()):
            prefix = f"judges.{place}."
            own = {key.removeprefix(prefix): value for key, value in state_dict.items() if key.startswith(prefix)}
            found = judge.load_state_dict(own, *arguments, **named)
        self.levels.copy_(state_dict["levels"])
        return found


def taken(costs: torch.Tensor, take: Take, spread_weight: float) -> torch.Tensor:
    """What is taken of the members' costs (B, K), lower is better: (B,)."""
    if take == "worst":
        return costs.amax(1)
    mean = costs.mean(1)
    return mean if take == "mean" else mean + spread_weight * spread(costs)


def spread(values: torch.Tensor) -> torch.Tensor:
    """Standard deviation (B,) of values (B, K) over the members; 0 of one. Its slope is finite where all are alike."""
    least = 1e-6
    return (values.var(1, correction=0) + least**2).sqrt() - least
