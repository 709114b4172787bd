"""Training the judges that learn from ratings: features once, then steps on these alone; and how well they predict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from models.artifacts import agreement
from models.core.storage import save_weights
from models.core.training import step_generator
from models.judges.base import Opinion, RatedJudge
from tasks.config import View
from tasks.config.rounds import JudgeTraining
from tasks.kinds.base import RatedPicture
from tasks.stage.places import MODEL
from tasks.stage.runtime import device, identity
from tasks.training.learning import learn

HIGHEST = 5.0
"""The best score; judges say scores over it."""


@dataclass(frozen=True)
class Examples:
    """Rated pictures as the judge sees them: features (N, ...) of each picture and of its sources, float16; scores (N, K) in
    [0, 1]; heatmaps (N, 1, side, side)."""

    features: tuple[torch.Tensor, ...]
    scores: torch.Tensor
    heatmaps: torch.Tensor

    def __len__(self) -> int:
        return len(self.scores)

    def batch(self, places: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The features, scores and heatmaps in these places, float32."""
        return (*(part[places].float() for part in self.features), self.scores[places], self.heatmaps[places])


@torch.no_grad()
def seen(judge: RatedJudge, rated: Sequence[RatedPicture], to: str = "cpu") -> Examples:
    """What the judge's frozen encoder makes of rated pictures."""
    judge = judge.to(to).eval()
    parts: list[list[torch.Tensor]] = [[] for _ in range(1 + len(rated[0].sources))]
    scores, heatmaps = [], []
    known: dict[tuple[Any, ...], torch.Tensor] = {}  # sources come back with every version of a scene

    def features(picture: np.ndarray) -> torch.Tensor:
        place = picture.__array_interface__
        key = (place["data"][0], picture.shape, picture.strides)
        if key not in known:
            tensor = torch.from_numpy(np.ascontiguousarray(picture, np.float32)).permute(2, 0, 1)[None].to(to)
            known[key] = judge.features(tensor)[0].half().cpu()
        return known[key]

    for one in rated:
        for kept, picture in zip(parts, (one.picture, *one.sources), strict=True):
            kept.append(features(picture))
        scores.append([one.scores[name] / HIGHEST for name in judge.criteria])
        side = judge.heatmap_side
        heatmaps.append(F.interpolate(torch.from_numpy(one.heatmap)[None, None], (side, side), mode="area")[0])
    return Examples(tuple(torch.stack(kept) for kept in parts), torch.tensor(scores), torch.stack(heatmaps))


def loss_of(
    found: Opinion, scores: torch.Tensor, heatmaps: torch.Tensor
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """MSE of the scores and MSE of the heatmap, of the branches that there are (EVAFusion)."""
    terms = {}
    if found.scores.shape[1]:
        terms["scores"] = F.mse_loss(found.scores, scores)
    if found.heatmap is not None:
        terms["heatmap"] = F.mse_loss(found.heatmap, heatmaps)
    return torch.stack(list(terms.values())).sum(), terms


def train_on_ratings(
    judge: RatedJudge, examples: Examples, section: JudgeTraining, params: View, *, name: str, data: str, out: Path
) -> None:
    """Train on ratings and write model.safetensors and live/ to `out`. data: what they are, so that only the same is resumed."""

    def batch(index: int) -> tuple[torch.Tensor, ...]:
        generator = step_generator(params.seed, index, "ratings")
        return examples.batch(torch.randint(len(examples), (section.batch,), generator=generator))

    def objective(module: nn.Module, sample: Any) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
        fused, *sources, scores, heatmaps = sample
        return loss_of(cast(RatedJudge, module).judged(fused, sources), scores, heatmaps)

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
    save_weights(judge, out / MODEL)
    outcome.discard_state()


@torch.no_grad()
def opinions(judge: RatedJudge, examples: Examples, to: str = "cpu", batch: int = 64) -> Opinion:
    """What the judge says of the examples: scores (N, K) and heatmaps (N, 1, 4g, 4g) in [0, 1], on the CPU."""
    judge = judge.to(to).eval()
    found = []
    for places in torch.arange(len(examples)).split(batch):
        fused, *sources = (part.to(to) for part in examples.batch(places)[:-2])
        found.append(judge.judged(fused, sources))
    heatmaps = [one.heatmap.cpu() for one in found if one.heatmap is not None]
    return Opinion(torch.cat([one.scores.cpu() for one in found]), torch.cat(heatmaps) if heatmaps else None)


def predicts(found: Opinion, examples: Examples, criteria: Sequence[str]) -> dict[str, Any]:
    """How well: PLCC, SRCC and RMSE (in points) of each score, and CC, SIM, NSS and AUC of the heatmaps with a mark, means."""
    from scipy.stats import pearsonr, spearmanr

    result: dict[str, Any] = {}
    for place, name in enumerate(criteria if found.scores.shape[1] else ()):
        said, true = found.scores[:, place].numpy(), examples.scores[:, place].numpy()
        spread = said.std() > 0 and true.std() > 0
        result[name] = {
            "plcc": float(pearsonr(said, true).statistic) if spread else None,
            "srcc": float(spearmanr(said, true).statistic) if spread else None,
            "rmse": float(HIGHEST * np.sqrt(((said - true) ** 2).mean())),
        }
    if found.heatmap is not None:
        measures = {name: getattr(agreement, name) for name in ("cc", "sim", "nss", "auc")}
        marked = [i for i in range(len(examples)) if float(examples.heatmaps[i].max()) >= agreement.MARKED]
        of = {
            name: [f(found.heatmap[i, 0].numpy(), examples.heatmaps[i, 0].numpy()) for i in marked]
            for name, f in measures.items()
        }
        known = {name: [value for value in values if value is not None] for name, values in of.items()}
        result["heatmap"] = {name: float(np.mean(values)) if values else None for name, values in known.items()}
    return result
