"""Fine-tuning on what was preferred: f(n) learns to make, of each image, the picture that people took.

"Preferred-FT" in Rafailov et al. (Direct Preference Optimization, NeurIPS 2023, Sec. 6). Where the two pictures are versions of
what f(n) made (`pairs.vary`), it goes towards the better one on each image, and no further.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn
from torch.nn import functional as F

from models.aligners.base import Aligner, Logged, Material, Need, Votes
from models.core.training import Outcome, Run, step_generator
from models.enhancers.versions import two_versions
from models.judges.base import Judge, costs


@dataclass(eq=False)
class PreferredPictures(Aligner):
    """The L1 distance to the preferred picture.

    newest_votes: of how many of the last rounds votes count; those before were on what older models made; null: of all. tone,
    parts: before the first vote the judge tells which of two versions of f(n)'s picture is the better one
    (`models.enhancers.versions`, draws of parts x parts).
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"gradient of the model"})
    uses_votes = True

    newest_votes: int | None = 1
    tone: float = 0.5
    parts: int = 2

    def __post_init__(self) -> None:
        if (self.newest_votes is not None and self.newest_votes < 1) or not 0 < self.tone <= 2 or self.parts < 1:
            raise ValueError(
                "newest_votes is null or 1 or more, tone above 0 and at most 2, parts 1 or more, not "
                f"{self.newest_votes}, {self.tone}, {self.parts}"
            )

    def align(self, model: nn.Module, judge: Judge | None, material: Material, run: Run) -> Outcome:
        before = deepcopy(model).requires_grad_(False).eval().to(run.device)
        model.requires_grad_(True)
        votes = material.votes
        if votes is None:
            assert judge is not None
            print(f"{run.name}: nobody has voted yet, so the judge tells two versions of each picture apart")
            votes = self.told(before, judge.to(run.device), material, run)

        def objective(module: nn.Module, batch: Any) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
            sources, better, worse = batch
            made = module(*sources)
            loss = F.l1_loss(made, better)
            with torch.no_grad():
                nearer = (made - better).abs().mean((1, 2, 3)) < (made - worse).abs().mean((1, 2, 3))
                apart = F.mse_loss(made, before(*sources)).clamp(min=1e-10)
            values: Logged = {"preferred": nearer.float().mean(), "fidelity": -10 * apart.log10()}
            return material.with_kept(loss, values, made, sources)

        return run.train(model, votes, objective, watch=material.watch)

    def told(self, before: nn.Module, judge: Judge, material: Material, run: Run) -> Votes:
        """What the judge prefers of two versions of what f(n) makes of crops; a picture without an opinion stays as it is."""

        @torch.no_grad()
        def batch(index: int) -> tuple[tuple[torch.Tensor, ...], torch.Tensor, torch.Tensor]:
            sources = material.crops(index)
            given = tuple(source.to(run.device) for source in sources)
            made = before(*given)
            generator = step_generator(run.settings.seed, index, "versions")
            draws = torch.randn((len(made), 1, self.parts, self.parts), generator=generator).to(made)
            both = two_versions(made, draws, self.tone)
            said = [costs(judge, one, given) for one in both]
            first, second = ((said[one] < said[1 - one])[:, None, None, None] for one in (0, 1))
            better = torch.where(first, both[0], torch.where(second, both[1], made))
            worse = torch.where(first, both[1], torch.where(second, both[0], made))
            return sources, better, worse

        return batch
