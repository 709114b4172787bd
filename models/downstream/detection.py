"""Mean average precision as COCO defines it, counted by pycocotools, COCO's own code."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.downstream.base import Boxes, Detections
from models.downstream.estimates import Estimate, drawn

MOST = 100
"""Detections of a class in a picture that count, the surest."""
_HALF = 0  # the place of the overlap 0.5 among COCO's ten


@dataclass(frozen=True)
class DetectionScore:
    """mean: over the classes, and the overlaps 0.5, 0.55, ..., 0.95; half: at 0.5 alone. by_class: of each class both.

    Classes of which nothing is labelled are in no mean. pictures, objects: how many were scored; crowds are no objects.
    """

    mean: Estimate
    half: Estimate
    by_class: dict[str, tuple[float, float]]
    pictures: int
    objects: int


def average_precision(
    labels: Sequence[Boxes], found: Sequence[Detections], names: Sequence[str], draws: int = 200, seed: int = 0
) -> DetectionScore:
    """Mean average precision of detections, all sizes of objects, at most `MOST` of a class in a picture (Lin et al. 2014).

    labels, found: of the same pictures in the same order; classes are places in `names`. Matching is done once: a draw only
    counts anew. Raises ValueError: unequal numbers, no picture, no labelled object.
    """
    if not labels or len(labels) != len(found):
        raise ValueError(
            f"labels and detections are of as many pictures, at least one, not {len(labels)} and {len(found)}"
        )
    here = sorted({int(one) for boxes in labels for one in boxes.classes[~boxes.crowd]})
    if not here:
        raise ValueError("nothing is labelled in these pictures: there is nothing to find")
    evaluation = _matched(labels, found, here)
    precision = _precision(evaluation, range(len(labels)))
    of_draws = [_means(_precision(evaluation, one)) for one in drawn(len(labels), draws, seed)]
    anew = np.asarray(of_draws, np.float64).reshape(-1, 2)
    mean, half = _means(precision)
    return DetectionScore(
        Estimate(mean, anew[:, 0]),
        Estimate(half, anew[:, 1]),
        {names[one]: _means(precision[:, :, place : place + 1]) for place, one in enumerate(here)},
        len(labels),
        sum(int((~boxes.crowd).sum()) for boxes in labels),
    )


def _matched(labels: Sequence[Boxes], found: Sequence[Detections], classes: Sequence[int]) -> Any:
    """pycocotools' evaluation with every detection matched, of all sizes."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    objects = [
        _annotation(picture, corners, of) | {"iscrowd": int(crowd)}
        for picture, boxes in enumerate(labels)
        for corners, of, crowd in zip(boxes.corners, boxes.classes, boxes.crowd, strict=True)
    ]
    detections = [
        _annotation(picture, corners, of) | {"iscrowd": 0, "score": float(score)}
        for picture, boxes in enumerate(found)
        for corners, of, score in zip(boxes.corners, boxes.classes, boxes.scores, strict=True)
    ]
    with redirect_stdout(io.StringIO()):  # pycocotools prints what it does
        sets = []
        for annotations in (objects, detections):
            # An id of 0 would read as "not matched".
            numbered = [one | {"id": number} for number, one in enumerate(annotations, start=1)]
            one = COCO()
            one.dataset = {
                "images": [{"id": picture} for picture in range(len(labels))],
                "categories": [{"id": of} for of in classes],
                "annotations": numbered,
            }
            one.createIndex()
            sets.append(one)
        evaluation = COCOeval(*sets, iouType="bbox")
        evaluation.params.imgIds = list(range(len(labels)))
        evaluation.params.catIds = list(classes)
        evaluation.params.maxDets = [MOST]
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0.0, 1e10]], ["all"]
        evaluation.evaluate()
    return evaluation


def _annotation(picture: int, corners: np.ndarray, of: int) -> dict[str, Any]:
    left, top, right, bottom = map(float, corners)
    width, height = right - left, bottom - top
    return {"image_id": picture, "category_id": int(of), "bbox": [left, top, width, height], "area": width * height}


def _precision(evaluation: Any, pictures: Sequence[int] | np.ndarray | range) -> np.ndarray:
    """(10 overlaps, 101 recalls, classes): precision over pictures, each as often as it is named; -1 without an object."""
    matched = evaluation.evalImgs
    each = len(evaluation.params.imgIds)
    evaluation.evalImgs = [
        matched[of * each + int(picture)] for of in range(len(evaluation.params.catIds)) for picture in pictures
    ]
    try:
        with redirect_stdout(io.StringIO()):
            evaluation.accumulate()
    finally:
        evaluation.evalImgs = matched
    precision: np.ndarray = evaluation.eval["precision"][:, :, :, 0, 0]
    return precision


def _means(precision: np.ndarray) -> tuple[float, float]:
    """Over all overlaps, and at 0.5, of the classes that have objects; NaN where none has."""
    have = precision[:, :, (precision > -1).all(axis=(0, 1))]
    if not have.size:
        return float("nan"), float("nan")
    return float(have.mean()), float(have[_HALF].mean())
