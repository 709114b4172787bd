"""What the report says of rounds of ratings: how the labels came about, who agrees with whom, and a gallery with heatmaps."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from models.artifacts import disks_of, heatmap
from models.preference.agreement import krippendorff_alpha
from pictures import read_uint8
from tasks import kinds
from tasks.datasets.subjects import subjects_of
from tasks.pages.pictures import jpeg
from tasks.stage import tables
from tasks.stage.places import Places

SIDE, QUALITY = 320, 82
_MARK = np.array([255.0, 40.0, 20.0])


@dataclass(frozen=True)
class RatingFacts:
    """A round's ratings. by_experts, by_model: ratings; accepted, corrected, rejected: reviews; moved: mean change of a corrected
    score, in points; unreviewed: of the language model's; summary: of asking it, empty without one.
    """

    name: str
    pictures: int
    by_experts: int
    experts: int
    by_model: int
    accepted: int
    corrected: int
    rejected: int
    moved: float | None
    unreviewed: int
    summary: dict[str, Any]


def facts(name: str, ratings: pd.DataFrame, summary: Mapping[str, Any]) -> RatingFacts:
    """How the labels of a round came about."""
    own = ratings[ratings.verdict == ""]
    model, experts = own[own.kind == "llm"], own[own.kind != "llm"]
    reviews = ratings[ratings.verdict != ""]
    given = {(row.item, row.observer): row for row in tables.rows(model)}
    changes = [
        abs(new - old)
        for row in tables.rows(reviews[reviews.verdict == "corrected"])
        for new, old in _both(row, given[row.item, row.reviews])
    ]
    return RatingFacts(
        name=name,
        pictures=ratings.item.nunique(),
        by_experts=len(experts),
        experts=experts.observer.nunique(),
        by_model=len(model),
        accepted=int((reviews.verdict == "accepted").sum()),
        corrected=int((reviews.verdict == "corrected").sum()),
        rejected=int((reviews.verdict == "rejected").sum()),
        moved=float(np.mean(changes)) if changes else None,
        unreviewed=len(model) - len(set(zip(reviews.item, reviews.reviews, strict=True))),
        summary=dict(summary.get("llm") or {}),
    )


def _both(one: Any, other: Any) -> Iterable[tuple[float, float]]:
    mine, theirs = (dict(zip(row.criteria, map(float, row.scores), strict=True)) for row in (one, other))
    return [(mine[name], theirs[name]) for name in sorted(set(mine) & set(theirs))]


def agreement(ratings: pd.DataFrame) -> dict[str, Any]:
    """Experts among themselves (Krippendorff's alpha, ordinal), and a language model with them where it rated blindly what they
    did: quadratic kappa and SRCC by criterion against their (lower) median, and the overlap of circles (Jaccard of the heatmaps).

    Reviews are left out: who sees what the model said agrees with it more readily. None where nothing is defined.
    """
    own = ratings[(ratings.verdict == "") & (ratings.scores.map(len) > 0)]
    experts, model = own[own.kind != "llm"], own[own.kind == "llm"]
    criteria = sorted({name for names in own.criteria for name in names})
    of_expert: dict[str, list[Any]] = {}
    for row in tables.rows(experts):
        of_expert.setdefault(row.item, []).append(row)
    rows, items = [], sorted(of_expert)
    shared = [row for row in tables.rows(model) if row.item in of_expert]
    for name in criteria:
        counts = np.zeros((len(items), 5), np.int32)
        for place, item in enumerate(items):
            for row in of_expert[item]:
                counts[place, round(_score(row, name)) - 1] += 1
        medians = {
            item: sorted(_score(row, name) for row in group)[(len(group) - 1) // 2] for item, group in of_expert.items()
        }
        said, true = [_score(row, name) for row in shared], [medians[row.item] for row in shared]
        alpha = krippendorff_alpha(counts, ordinal=True).value if items else None
        rows.append({"criterion": name, "alpha": alpha, **_alike(said, true)})
    overlaps = [value for row in shared if (value := _overlap(row, of_expert[row.item])) is not None]
    return {
        "rows": rows,
        "pictures": len(shared),
        "overlap": float(np.mean(overlaps)) if overlaps else None,
        "several": any(len(group) > 1 for group in of_expert.values()),
    }


def _score(row: Any, name: str) -> float:
    return float(row.scores[list(row.criteria).index(name)])


def _alike(said: Sequence[float], true: Sequence[float]) -> dict[str, float | None]:
    if len(said) < 2 or len(set(said)) < 2 or len(set(true)) < 2:
        return {"kappa": None, "srcc": None, "off": float(np.mean(np.subtract(said, true))) if said else None}
    from scipy.stats import spearmanr
    from sklearn.metrics import cohen_kappa_score

    labels = [1, 2, 3, 4, 5]
    kappa = cohen_kappa_score([round(v) for v in said], [round(v) for v in true], weights="quadratic", labels=labels)
    return {
        "kappa": float(kappa),
        "srcc": float(spearmanr(said, true).statistic),
        "off": float(np.mean(np.subtract(said, true))),
    }


def _overlap(row: Any, others: Sequence[Any]) -> float | None:
    """Jaccard of what the model marked with the mean of what experts did; None where nobody marked anything."""
    height, width = read_uint8(row.path).shape[:2]
    mine = heatmap(disks_of(row.circles), height, width)
    theirs = np.mean(np.stack([heatmap(disks_of(other.circles), height, width) for other in others]), axis=0)
    whole = float(np.maximum(mine, theirs).sum())
    return float(np.minimum(mine, theirs).sum()) / whole if whole > 0 else None


def gallery(at: Places, round_name: str, wanted: int, off: Mapping[str, float]) -> list[dict[str, Any]]:
    """Rated pictures of a round, spread evenly over its ranks: sources, picture, what was marked, what the judge before expected.

    With scores given and expected; off: how far off these are by criterion (RMSE). Empty where the judge does not say scores.
    """
    table = at.judge(round_name) / "dataset" / "opinions.parquet"
    if not table.is_file():
        return []
    found = list(tables.rows(tables.read("opinions", table)))
    chosen = [found[place * len(found) // wanted] for place in range(wanted)] if wanted < len(found) else found
    models = {
        row.sha256: row.model for row in tables.rows(tables.read("items", at.questions(round_name) / "items.parquet"))
    }
    subjects = {one.id: one for one in subjects_of(at.kind)}
    names = kinds.named(at.kind).source_names
    shown = []
    for row in chosen:
        path = at.judge(round_name) / "dataset" / "pictures" / f"{row.item}.png"
        expected = at.judge(round_name) / "dataset" / "heatmaps" / f"{row.item}.png"
        picture = read_uint8(path)
        drawn = heatmap(disks_of(row.circles), *picture.shape[:2])
        views = [
            *(
                (name, jpeg(source, SIDE, QUALITY)[0])
                for name, source in zip(names, subjects[row.image].sources, strict=False)
            ),
            ("rated", jpeg(str(path), SIDE, QUALITY)[0]),
            ("drawn", marked(picture, drawn)),
        ]
        if expected.is_file():
            views.append(("predicted", marked(picture, read_uint8(expected)[..., 0])))
        scores = [
            {"criterion": name, "given": f"{given:.1f}", "predicted": _within(said, off.get(name))}
            for name, given, said in zip(row.criteria, row.given, row.scores, strict=True)
        ]
        shown.append({"image": row.image, "model": models.get(row.item, ""), "views": views, "scores": scores})
    return shown


def _within(value: float, off: float | None) -> str:
    return f"{value:.1f}" if off is None else f"{value:.1f} ± {off:.1f}"


def marked(picture: np.ndarray, heat: np.ndarray) -> str:
    """A picture (H, W, 3) uint8, greyed, with a heatmap over it, as a JPEG data URI. heat: in [0, 1], or uint8 of any size."""
    if heat.dtype == np.uint8:
        height, width = picture.shape[:2]
        large = Image.fromarray(heat, "L").resize((width, height), Image.Resampling.BILINEAR)
        heat = np.asarray(large, np.float32) / 255
    grey = picture.mean(2, keepdims=True) * 0.75
    mixed = grey + 0.8 * heat[..., None] * (_MARK - grey)
    image = Image.fromarray(np.clip(np.rint(mixed), 0, 255).astype(np.uint8), "RGB")
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    held = io.BytesIO()
    image.save(held, "JPEG", quality=QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(held.getvalue()).decode()


def predicted(at: Places, rounds: Sequence[str], read: Any) -> list[dict[str, Any]]:
    """How well each round's judge before predicted its ratings: rows of (round, criterion, plcc, srcc, rmse), and of heatmaps."""
    rows = []
    for name in rounds:
        found: dict[str, Any] = read(at.judge(name) / "summary.json").get("predicted") or {}
        rows += [
            {"round": name, "judge": f"g{int(name[1:]) - 1}", "what": what, **values} for what, values in found.items()
        ]
    return rows


def path_of(at: Places, round_name: str) -> Path:
    """The round's ratings, where it asked for them."""
    return at.labels(round_name) / "ratings.parquet"
