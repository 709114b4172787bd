"""The page of the fused brackets: one file with its pictures, tables and style inside."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from models.quality import MetricInfo
from models.search.genotype import Genotype
from models.search.space import NODES
from pictures import read_picture
from tasks.brackets.fusers import METHODS
from tasks.pages import page as report_page
from tasks.pages.pictures import choose, jpeg

TITLES = {
    "under": "under-exposed", "over": "over-exposed", "searched": "searched network", "mertens": "Mertens (OpenCV)",
    "laplacian": "Laplacian pyramid", "average": "average", "reference": "reference",
}  # fmt: skip
_SIDE, _QUALITY = 320, 82


@dataclass(frozen=True)
class Sheet:
    """A scene with all its versions: (title, data URI), in the order to show them."""

    image: str
    versions: tuple[tuple[str, str], ...]


def contact_rows(scenes: pd.DataFrame, fused: pd.DataFrame, wanted: int) -> list[Sheet]:
    """At most `wanted` scenes, spread over photographs. scenes: the brackets table by id; fused: the enhanced table."""
    paths = {(row.image, row.model): row.path for row in fused.itertuples(index=False)}
    sheets = []
    for image in choose(scenes.reset_index(), min(wanted, len(scenes))):
        files = [(part, scenes[part][image]) for part in ("under", "over")]
        files += [(name, paths[image, name]) for name in METHODS]
        if isinstance(scenes.reference[image], str):
            files.append(("reference", scenes.reference[image]))
        versions = tuple((TITLES[name], jpeg(str(path), _SIDE, _QUALITY)[0]) for name, path in files)
        sheets.append(Sheet(image, versions))
    return sheets


def render(
    *,
    result: Mapping[str, Any],
    settings: Mapping[str, Any],
    metrics: Sequence[MetricInfo],
    pictures: Sequence[Sheet],
    genotype: Genotype,
    loss_weights: Mapping[str, float],
    folder: Path,
) -> str:
    """The page as text. result: metrics.json; folder: where the search left alphas.png and betas.png."""
    shown = [metric for metric in metrics if any(metric.name in values for values in result["methods"].values())]
    return report_page.render(
        "search.html",
        result=result,
        settings=settings,
        methods=[name for name in METHODS if name in result["methods"]],
        titles=TITLES,
        metrics=shown,
        best={
            (metric.name, kind): _best(result["methods"], metric, kind)
            for metric in shown
            for kind in ("mean", "median")
        },
        sheets=pictures,
        nodes=list(zip(NODES, genotype.nodes, strict=True)),
        losses=sorted(loss_weights.items(), key=lambda entry: (-entry[1], entry[0])),
        alphas=_png(folder / "alphas.png"),
        betas=_png(folder / "betas.png"),
    )


def _best(methods: Mapping[str, Any], metric: MetricInfo, kind: str) -> str:
    """The method of the best mean or median."""
    values = {name: found[metric.name][kind] for name, found in methods.items() if metric.name in found}
    return (max if metric.higher_is_better else min)(values, key=lambda name: values[name])


def _png(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(read_picture(path)).decode()
