"""The `amortise` stage: a small network learns from thumbnails what the search chose, so that a new photo takes milliseconds.

Reads data/KIND/pictures and data/KIND/genetic (training photos only); writes data/KIND/predictor/model.safetensors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from models.core.storage import save_weights
from models.core.training import make_deterministic, step_generator, step_seed
from models.enhancers import create
from models.enhancers.parametric import BOUNDS, GENES, apply_genes
from models.enhancers.predicted import GenePredictor, thumbnail
from models.quality import create as metric
from models.quality import info
from tasks.config import View
from tasks.config.genetic import JUDGED
from tasks.datasets.subjects import frame
from tasks.stage import tables
from tasks.stage.places import MODEL, Places
from tasks.stage.runtime import device, identity, stage
from tasks.training.image_set import ImageSet
from tasks.training.learning import learn

PARAMS = ("seed", "amortise")
# Slopes of both losses are then of a like size: the picture is what counts, the genes settle what it leaves open.
GENE_WEIGHT = 0.02


def targets(fronts: Any, thumbs: dict[str, torch.Tensor], target: str) -> dict[str, list[float]]:
    """image -> genes to learn: those that the search chose, or the individual of the front that is best by `target`.

    entropy and distance are in the table; a metric or a searched objective judges as it does there, or on thumbnails.
    """
    found = {}
    for image, rows in fronts[fronts["rank"] == 0].groupby("image"):
        if target == "chosen":
            row = rows[rows.chosen == 1].iloc[0]
        elif target in ("entropy", "distance"):
            row = rows.sort_values(target, ascending=target == "distance", kind="stable").iloc[0]
        elif target in rows.objectives.iloc[0]:
            place = list(rows.objectives.iloc[0]).index(target)
            values = rows["values"].str[place]
            lower = target.startswith(JUDGED) or not info(target).higher_is_better
            row = rows.loc[values.idxmin() if lower else values.idxmax()]
        else:
            judge, maximise = metric(target), info(target).higher_is_better
            genes = torch.tensor(rows[list(GENES)].to_numpy(), dtype=torch.float32)
            with torch.no_grad():
                values = [float(judge(apply_genes(thumbs[image], one[None]))) for one in genes]
            row = rows.iloc[int(np.nanargmax(values) if maximise else np.nanargmin(values))]
        found[str(image)] = [float(row[gene]) for gene in GENES]
    return found


def batches(thumbs: Sequence[torch.Tensor], genes: torch.Tensor, batch: int, seed: int) -> Any:
    """step -> (thumbnails (B, 3, S, S), genes (B, 3)), flipped at random."""

    def make(step: int) -> tuple[torch.Tensor, torch.Tensor]:
        generator = step_generator(seed, step, "amortise")
        places = torch.randint(len(thumbs), (batch,), generator=generator).tolist()
        flips = torch.randint(2, (batch, 2), generator=generator).tolist()
        pictures = [
            thumbs[place].flip([axis for axis, turned in zip((-1, -2), flip, strict=True) if turned])
            for place, flip in zip(places, flips, strict=True)
        ]
        return torch.stack(pictures), genes[places]

    return make


def objective(model: nn.Module, batch: Any) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Squared error of the enhanced thumbnails, and a little of the genes in parts of their range.

    Different genes can give nearly the same tone curve: the picture decides what is right.
    """
    thumbs, wanted = batch
    assert isinstance(model, GenePredictor)
    found = model.from_thumbnail(thumbs)
    picture = (apply_genes(thumbs, found) - apply_genes(thumbs, wanted)).square().mean()
    gene = ((found - wanted) / model.span).square().mean()
    return picture + GENE_WEIGHT * gene, {"picture": picture, "genes": gene}


def run(params: View) -> None:
    section = params.amortise
    to = device(params)
    at = Places(params.kind)
    images = frame(params.kind)
    fronts = tables.read_split("fronts", at.genetic / "fronts.parquet", "train")
    images = images[images.id.isin(fronts.image)].sort_values("id")
    pictures = ImageSet(list(images.path), list(images.sha256))
    thumbs = {name: thumbnail(pictures.tensor(place)[None]) for place, name in enumerate(images.id)}
    wanted = targets(fronts, thumbs, section.target)
    names = sorted(wanted)
    make_deterministic()
    torch.manual_seed(step_seed(params.seed, 0, "amortise"))
    network = create("predicted", width=section.width, hidden=section.hidden)
    outcome = learn(
        network,
        batches(
            [thumbs[name][0] for name in names],
            torch.tensor([wanted[name] for name in names]),
            section.batch,
            params.seed,
        ),
        objective,
        section,
        seed=params.seed,
        name=f"amortise@{params.kind}",
        identity=identity(*(f"{name} {wanted[name]}" for name in names), *images.sha256),
        device=to,
        live=at.predictor / "live",
    )
    save_weights(network, at.predictor / MODEL)
    outcome.discard_state()
    span = [high - low for low, high in BOUNDS]
    print(f"predictor trained on {len(names)} photos (genes: {', '.join(GENES)}; ranges {span})")


if __name__ == "__main__":
    stage(__doc__, run, PARAMS, {"kind": "of pictures"}, trains=("amortise",))
