"""`loupe downstream`: how well a detector or a segmentation network does on the pictures of each method, by a user's labels."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import numpy as np
import pandas as pd
import torch
from rich.progress import track

from cli.errors import UserError, plain_errors
from cli.methods import Scenes, methods_of, scenes_of, sizes_of
from cli.scoring import FORMATS, write
from models.downstream import (
    Detections,
    Estimate,
    average_precision,
    detector,
    find_masks,
    mean_overlap,
    overlap_counts,
    read_classes,
    read_coco,
    read_mask,
    read_yolo,
    segmentation_network,
    translation,
)
from pictures import ImageError, read_uint8

Task = Literal["detect", "segment"]
Found = TypeVar("Found")


@dataclass(frozen=True)
class Asked:
    """The options of the command."""

    labels: Path
    task: Task
    model: str
    weights: Path | None = None
    classes: Path | None = None
    out: Path | None = None
    absent_is_empty: bool = False
    values: Literal["imagenet", "unit"] = "imagenet"
    draws: int = 500
    per_class: bool = False


@dataclass(frozen=True)
class Score:
    """Of a method: scores by name, the first is what methods are compared by; by class; other columns."""

    estimates: dict[str, Estimate]
    by_class: dict[str, float]
    counts: dict[str, int]


@dataclass(frozen=True)
class Trial(Generic[Found]):
    """What is done with each picture, and what its results come to. look: array (H, W, 3) uint8 and the picture's name."""

    look: Callable[[np.ndarray, str], Found]
    score: Callable[[Sequence[str], Sequence[Found]], Score]


def score_downstream(pictures: Sequence[str], asked: Asked) -> int:
    """Print, and write where asked.out says, the scores of each method's pictures. Returns the exit code.

    pictures: FOLDER or NAME=FOLDER, one a method; scored is what all of them have and can be read. Raises `UserError`,
    `LabelError`, `DownstreamError`, `OwnModelError`, `WeightUnavailable`, `ImageError`.
    """
    if asked.out is not None and asked.out.suffix.lower() not in FORMATS:
        raise UserError(f"{asked.out} should end in {' or '.join(sorted(FORMATS))}")
    methods = methods_of(pictures)
    scenes, left_out = scenes_of(methods)
    sizes = sizes_of(scenes, left_out)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    trial: Trial[Any] = (_detecting if asked.task == "detect" else _segmenting)(asked, scenes, sizes, device)
    scores = tried(trial, scenes, list(methods), left_out)
    for line in left_out.values():
        print(f"error: {line}", file=sys.stderr)
    if not scores:
        return 1
    say(scores, asked.per_class)
    if asked.out is not None:
        write(pd.DataFrame(rows_of(scores, asked)), asked.out)
        print(f"written: {asked.out}")
    return 3 if left_out else 0


def tried(trial: Trial[Found], scenes: Scenes, methods: Sequence[str], left_out: dict[str, str]) -> dict[str, Score]:
    """Method -> score, of the pictures that could be read of every method; empty where there is none."""
    found: dict[str, dict[str, Found]] = {method: {} for method in methods}
    work = [(method, key) for method in methods for key in scenes]
    for method, key in track(work, description="looking", disable=not sys.stderr.isatty()):
        try:
            picture = read_uint8(scenes[key][method])
        except ImageError as error:
            left_out[key] = str(error)
            continue
        found[method][key] = trial.look(picture, key)
    keys = [key for key in scenes if key not in left_out]
    if not keys:
        return {}
    with plain_errors():
        return {method: trial.score(keys, [found[method][key] for key in keys]) for method in methods}


def _detecting(asked: Asked, scenes: Scenes, sizes: Mapping[str, tuple[int, int]], device: str) -> Trial[Detections]:
    wanted = {key: next(iter(files.values())) for key, files in scenes.items()}
    if asked.labels.suffix.lower() == ".json":
        if asked.absent_is_empty:
            raise UserError("--absent-is-empty is for YOLO's labels; in a COCO JSON such pictures stand in images")
        called = read_classes(asked.classes) if asked.classes is not None else None
        classes, labels = read_coco(asked.labels, wanted, sizes, called)
    else:
        classes = read_classes(_classes_file(asked))
        labels = read_yolo(asked.labels, wanted, classes, asked.absent_is_empty)
    network = detector(asked.model, classes, asked.weights, device)
    translated = translation(classes, network.classes)
    scored = set(classes.scored)

    def look(picture: np.ndarray, key: str) -> Detections:
        seen = network.detect(picture)
        of = translated[seen.classes]
        return Detections(seen.corners[of >= 0], seen.scores[of >= 0], of[of >= 0])

    def score(keys: Sequence[str], found: Sequence[Detections]) -> Score:
        of_these = [labels[key].only(scored) for key in keys]
        result = average_precision(of_these, found, classes.names, asked.draws)
        by_class = {f"{what} {name}": both[place] for name, both in result.by_class.items() for place, what in _BOTH}
        return Score(
            {"mAP": result.mean, "mAP50": result.half},
            by_class,
            {"pictures": result.pictures, "objects": result.objects},
        )

    return Trial(look, score)


_BOTH = ((0, "AP"), (1, "AP50"))


def _segmenting(asked: Asked, scenes: Scenes, sizes: Mapping[str, tuple[int, int]], device: str) -> Trial[np.ndarray]:
    if asked.absent_is_empty:
        raise UserError("--absent-is-empty is for YOLO's labels; a mask is wanted of every picture")
    classes = read_classes(_classes_file(asked))
    wanted = {key: next(iter(files.values())) for key, files in scenes.items()}
    masks = find_masks(asked.labels, wanted, sizes, classes)
    network = segmentation_network(asked.model, classes, asked.weights, device, asked.values)
    translated = translation(classes, network.classes)

    def look(picture: np.ndarray, key: str) -> np.ndarray:
        return overlap_counts(read_mask(masks[key], classes), translated[network.segment(picture)], len(classes.names))

    def score(keys: Sequence[str], found: Sequence[np.ndarray]) -> Score:
        result = mean_overlap(np.stack(found), classes.names, asked.draws)
        by_class = {f"IoU {name}": value for name, value in result.by_class.items()}
        return Score({"mIoU": result.mean}, by_class, {"pictures": result.pictures})

    return Trial(look, score)


def _classes_file(asked: Asked) -> Path:
    """The file that names the classes: what --classes says, or classes.txt beside the labels. Raises `UserError`."""
    beside = asked.labels / "classes.txt"
    if asked.classes is not None:
        return asked.classes
    if not beside.is_file():
        raise UserError(
            "these labels hold numbers of classes: --classes FILE names them, one name a line from number 0"
        )
    return beside


def rows_of(scores: Mapping[str, Score], asked: Asked) -> list[dict[str, Any]]:
    """A row a method: scores with intervals, the difference to the first method's, scores by class."""
    first = next(iter(scores.values()))
    rows = []
    for method, score in scores.items():
        row: dict[str, Any] = {"method": method, "task": asked.task, "model": asked.model} | score.counts
        for name, estimate in score.estimates.items():
            row[name] = estimate.value
            row[f"{name} low"], row[f"{name} high"] = estimate.interval
            difference = estimate.minus(first.estimates[name])
            for word, value in zip(("difference", "difference low", "difference high"), difference, strict=True):
                row[f"{name} {word}"] = value
        rows.append(row | score.by_class)
    return rows


def say(scores: Mapping[str, Score], per_class: bool) -> None:
    """The table of methods, 95 % intervals in brackets; the difference is to the first method, on the same pictures."""
    names = list(scores)
    first = scores[names[0]]
    main = next(iter(first.estimates))
    beside = len(names) > 1
    header = ["method", *first.counts, *first.estimates, *([f"{main} less {names[0]}'s"] if beside else [])]
    table = [header]
    for method, score in scores.items():
        cells = [method, *map(str, score.counts.values())]
        cells += [_words(one.value, *one.interval) for one in score.estimates.values()]
        if beside:
            cells.append(
                "" if score is first else _words(*score.estimates[main].minus(first.estimates[main]), sign="+")
            )
        table.append(cells)
    _print(table)
    if per_class:
        print()
        _print(
            [
                ["", *names],
                *([what, *(f"{scores[name].by_class[what]:.3f}" for name in names)] for what in first.by_class),
            ]
        )


def _words(value: float, low: float, high: float, sign: str = "") -> str:
    interval = "" if math.isnan(low) else f" ({low:{sign}.3f} to {high:{sign}.3f})"
    return f"{value:{sign}.3f}{interval}"


def _print(table: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[place]) for row in table) for place in range(len(table[0]))]
    for row in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
