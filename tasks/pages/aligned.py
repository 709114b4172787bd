"""What an alignment did to the pictures: before, after, difference, regions, heatmaps; those that got worse first."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from models.regions.rle import decode
from pictures import read_uint8
from tasks import kinds
from tasks.datasets.subjects import subjects_of
from tasks.pages.pictures import jpeg
from tasks.pages.rated import marked
from tasks.stage import tables
from tasks.stage.places import Places

SIDE, QUALITY = 300, 80
LOUDEST = 8
"""By how much a difference is magnified at most; less where it would be clipped."""
_EDGE = np.array([255, 214, 10], np.uint8)


def changes(judgements: pd.DataFrame, judge: str, before: str, after: str) -> list[tuple[str, float]]:
    """Image and how much better the judge finds `after` than `before`, in its own units; those that got worse first."""
    values = judgements[judgements.judge == judge].pivot(index="image", columns="model", values="value")
    if before not in values or after not in values:
        return []
    better = (values[before] - values[after]).dropna()
    return [(str(image), float(value)) for image, value in sorted(better.items(), key=lambda one: (one[1], one[0]))]


def strips(at: Places, last: str, judge: str, wanted: int) -> list[dict[str, Any]]:
    """Views of the validation images that a judge likes less than before, or likes better by the least, first."""
    made = tables.read("enhanced", at.evaluate / "enhanced.parquet")
    paths = {(row.image, row.model): str(row.path) for row in tables.rows(made)}
    judged = changes(tables.read("judgements", at.evaluate / "judgements.parquet"), judge, "f0", last)
    subjects = {one.id: one for one in subjects_of(at.kind, "validation")}
    regions = labels_of(at)
    place = kinds.named(at.kind).structure
    shown = []
    for image, better in judged[:wanted]:
        before, after = (read_uint8(paths[image, model]) for model in ("f0", last))
        louder = loudness(before, after)
        views = [
            ("f0", jpeg(paths[image, "f0"], SIDE, QUALITY)[0]),
            (last, jpeg(paths[image, last], SIDE, QUALITY)[0]),
            (f"difference × {louder}", _uri(difference(before, after, louder))),
        ]
        if image in regions:
            views.append(("regions", _uri(outlined(read_uint8(subjects[image].sources[place]), regions[image]))))
        for model, picture in (("f0", before), (last, after)):
            heat = at.evaluate / "outputs" / "heatmaps" / f"{image}__{model}.png"
            if heat.is_file():
                views.append((f"artifacts, {model}", marked(picture, read_uint8(heat)[..., 0])))
        shown.append({"image": image, "change": f"{better:+.2f}", "views": views})
    return shown


def labels_of(at: Places) -> dict[str, np.ndarray]:
    """The number of its region at each pixel, by image; empty where no aligner asked about regions."""
    path = at.regions / "regions.parquet"
    found: dict[str, np.ndarray] = {}
    if not path.is_file():
        return found
    for row in tables.rows(tables.read("regions", path)):
        labels = found.setdefault(row.image, np.zeros((row.height, row.width), np.int32))
        labels[decode(row.counts.tolist(), row.height, row.width)] = row.region
    return found


def loudness(before: np.ndarray, after: np.ndarray) -> int:
    """By how much a difference can be magnified so that 99 of 100 values are not clipped; 1 to `LOUDEST`."""
    most = float(np.percentile(np.abs(after.astype(np.float32) - before.astype(np.float32)), 99))
    return int(np.clip(127 / max(most, 1.0), 1, LOUDEST))


def difference(before: np.ndarray, after: np.ndarray, louder: int) -> np.ndarray:
    """Grey where nothing changed, brighter and darker where the picture did, `louder` times; (H, W, 3) uint8."""
    apart = after.astype(np.float32) - before.astype(np.float32)
    found: np.ndarray = np.clip(np.rint(128 + louder * apart), 0, 255).astype(np.uint8)
    return found


def outlined(picture: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """A picture with the borders between regions drawn, two pixels wide."""
    edge = np.zeros(labels.shape, bool)
    for axis in (0, 1):
        differs = np.diff(labels, axis=axis) != 0
        edge |= np.pad(differs, [(0, 1) if one == axis else (0, 0) for one in (0, 1)])
        edge |= np.pad(differs, [(1, 0) if one == axis else (0, 0) for one in (0, 1)])
    found = picture.copy()
    found[edge] = _EDGE
    return found


def _uri(picture: np.ndarray) -> str:
    image = Image.fromarray(picture, "RGB")
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    held = io.BytesIO()
    image.save(held, "JPEG", quality=QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(held.getvalue()).decode()
