"""Training the judges that learn from ratings: features once, then steps on these alone; and how well they predict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from models.artifacts import agreement
from models.core.storage import save_weights
from models.core.training import step_generator
from models.judges.base import HIGHEST, Opinion, RatedJudge
from tasks.config import View
from tasks.config.rounds import JudgeTraining
from tasks.kinds.base import RatedPicture
from tasks.stage.places import MODEL
from tasks.stage.runtime import device, identity
from tasks.training.learning import learn


@dataclass(frozen=True)
class Examples:
    """Rated pictures as the judge sees them: features of each of N pictures and of its sources, float16; scores
    (N, K) in [0, 1]; heatmaps (N, 1, side, side); weights (N,): how much each counts. Pictures of one scene share its sources'.
    """

    features: tuple[tuple[torch.Tensor, ...], ...]
    scores: torch.Tensor
    heatmaps: torch.Tensor
    weights: torch.Tensor

    def __len__(self) -> int:
        return len(self.scores)

    def batch(self, places: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The features, scores, heatmaps and weights in these places, float32."""
        chosen = [self.features[place] for place in places.tolist()]
        features = (torch.stack(same).float() for same in zip(*chosen, strict=True))
        return (*features, self.scores[places], self.heatmaps[places], self.weights[places])

    def weighed(self, weights: Sequence[float]) -> Examples:
        """The same with these weights."""
        return replace(self, weights=torch.tensor(weights, dtype=torch.float32))


class UnknownCriteria(ValueError):
    """A judge scores what the rated pictures have no scores of."""


@torch.no_grad()
def seen(judge: RatedJudge, scenes: Iterable[Sequence[RatedPicture]], to: str = "cpu") -> Examples:
    """What the judge's frozen encoder makes of rated pictures, scene by scene: the pictures of one alone are in memory.

    Raises `UnknownCriteria`.
    """
    judge = judge.to(to).eval()
    rows: list[tuple[list[torch.Tensor], list[float], torch.Tensor]] = []
    for versions in scenes:
        features = _Once(judge, to)
        for one in versions:
            if unknown := [name for name in judge.criteria if name not in one.scores]:
                raise UnknownCriteria(
                    f"the judge scores {', '.join(unknown)} (judge.options.criteria), but the rated pictures have scores of "
                    f"{', '.join(one.scores)}"
                )
            heatmap = torch.from_numpy(one.heatmap)[None, None]
            rows.append(
                (
                    [features(picture) for picture in (one.picture, *one.sources)],
                    [one.scores[name] / HIGHEST for name in judge.criteria],
                    F.interpolate(heatmap, (judge.heatmap_side, judge.heatmap_side), mode="area")[0],
                )
            )
    return Examples(
        tuple(tuple(row[0]) for row in rows),
        torch.tensor([row[1] for row in rows]),
        torch.stack([row[2] for row in rows]),
        torch.ones(len(rows)),
    )


class _Once:
    """Features (float16, on the CPU) of the pictures of one scene, each computed once: its sources come with every version."""

    def __init__(self, judge: RatedJudge, to: str) -> None:
        self._judge, self._to = judge, to
        self._known: dict[tuple[Any, ...], torch.Tensor] = {}

    def __call__(self, picture: np.ndarray) -> torch.Tensor:
        # Cuts of one array are views: where they begin, and how large they are, says which they are.
        key = (picture.__array_interface__["data"][0], picture.shape, picture.strides)
        if key not in self._known:
            tensor = torch.from_numpy(np.ascontiguousarray(picture, np.float32)).permute(2, 0, 1)[None].to(self._to)
            self._known[key] = self._judge.features(tensor)[0].half().cpu()
        return self._known[key]


def loss_of(
    found: Opinion, scores: torch.Tensor, heatmaps: torch.Tensor, weights: torch.Tensor
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """MSE of the scores and MSE of the heatmap, of the branches that there are (EVAFusion), pictures by their weights (B,)."""
    terms, shares = {}, weights / weights.sum()
    if found.scores.shape[1]:
        terms["scores"] = (shares * (found.scores - scores).square().mean(1)).sum()
    if found.heatmap is not None:
        terms["heatmap"] = (shares * (found.heatmap - heatmaps).square().mean((1, 2, 3))).sum()
    return torch.stack(list(terms.values())).sum(), terms


def train_on_ratings(
    judge: RatedJudge, examples: Examples, section: JudgeTraining, params: View, *, name: str, data: str, out: Path,
    first: bool = False,
) -> None:  # fmt: skip
    """Train on ratings and write model.safetensors and live/ to `out`. data: what they are, so that only the same is resumed.

    first: of a fresh judge, which gets used to the size of features before.
    """
    if first:
        judge.get_used_to({id(one): one for of_one in examples.features for one in of_one}.values())

    def batch(index: int) -> tuple[torch.Tensor, ...]:
        generator = step_generator(params.seed, index, "ratings")
        return examples.batch(torch.randint(len(examples), (section.batch,), generator=generator))

    def objective(module: nn.Module, sample: Any) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
        fused, *sources, scores, heatmaps, weights = sample
        return loss_of(cast(RatedJudge, module).judged(fused, sources), scores, heatmaps, weights)

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
    save_weights(judge, out / MODEL, judge.architecture)
    outcome.discard_state()


@torch.no_grad()
def opinions(judge: RatedJudge, examples: Examples, to: str = "cpu", batch: int = 64) -> Opinion:
    """What the judge says of the examples: scores (N, K) and heatmaps (N, 1, 4g, 4g) in [0, 1], on the CPU."""
    judge = judge.to(to).eval()
    found = []
    for places in torch.arange(len(examples)).split(batch):
        fused, *sources = (part.to(to) for part in examples.batch(places)[:-3])
        found.append(judge.judged(fused, sources))
    heatmaps = [one.heatmap.cpu() for one in found if one.heatmap is not None]
    return Opinion(torch.cat([one.scores.cpu() for one in found]), torch.cat(heatmaps) if heatmaps else None)


BINS = 8


def _calibration_error(said: np.ndarray, true: np.ndarray) -> float:
    parts = np.array_split(np.argsort(said, kind="stable"), min(BINS, len(said)))
    return float(HIGHEST * np.mean([abs(said[part].mean() - true[part].mean()) for part in parts]))


def predicts(found: Opinion, examples: Examples, criteria: Sequence[str]) -> dict[str, Any]:
    """How well: PLCC, SRCC and RMSE (in points) of each score, and CC, SIM, NSS and AUC of the heatmaps with a mark, means.

    Calibration of each score: slope of the true one over the predicted one (1 where a point more is a point more), and ece, the
    mean distance, in points, of predicted and true mean within `BINS` parts of equal size, by what is predicted.
    """
    from scipy.stats import pearsonr, spearmanr

    result: dict[str, Any] = {}
    for place, name in enumerate(criteria if found.scores.shape[1] else ()):
        said, true = found.scores[:, place].numpy(), examples.scores[:, place].numpy()
        spread = said.std() > 0 and true.std() > 0
        result[name] = {
            "plcc": float(pearsonr(said, true).statistic) if spread else None,
            "srcc": float(spearmanr(said, true).statistic) if spread else None,
            "rmse": float(HIGHEST * np.sqrt(((said - true) ** 2).mean())),
            "slope": float(np.polyfit(said, true, 1)[0]) if spread else None,
            "ece": _calibration_error(said, true),
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
