"""Does the search matter? Searched against a random genotype with as many parameters, and against uniform loss weights.

    python -m benchmarks.search_matters [--seeds 1 2 3] [--params params.yaml] [--under DIR --over DIR]

makes the brackets and searches once a seed, trains the three fusers, and prints a markdown table of their metrics on the
validation scenes beside the classical methods. --under, --over: folders of other brackets without reference (mefb): the
searched fuser of the first seed and the classical methods are measured on them, too.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from models.fusers.many import brightness
from models.quality import info
from models.tiling import fuse_tiled
from pictures import ImageError, list_photos, read_uint8
from tasks.brackets import fused, fusers, pictures, search, search_report, start
from tasks.brackets.exposures import Files, joined, same_size
from tasks.brackets.kind import KIND
from tasks.config import PARAMS_FILE, Params, View, read_yaml, validate
from tasks.kinds.fusers import opened
from tasks.measuring.scoring import score
from tasks.stage import tables
from tasks.stage.mapping import Failure, cores, map_images

# The searched fuser comes last: it is what the working folder is left with.
VARIANTS = {
    "random architecture": {"architecture": "random"},
    "uniform loss": {"loss": "uniform"},
    "searched": {},
}
SCORES = search_report.OUT / "scores.parquet"

Scores = dict[str, dict[str, float]]


def run_seed(values: dict[str, Any], seed: int) -> Scores:
    """The pipeline of one seed in the working folder: row -> metric -> mean over the validation scenes."""
    found: Scores = {}
    for name, changes in VARIANTS.items():
        own = values[KIND.name]
        params = validate(values | {"seed": seed, KIND.name: own | {"start": own["start"] | changes}})
        if not found:
            for module in (pictures, search):
                module.run(View(params, module.PARAMS, KIND.name))
        for module in (start, fused, search_report):
            module.run(View(params, module.PARAMS, KIND.name))
        scores = tables.read("scores", SCORES)
        means = scores.groupby(["model", "metric"])["value"].mean()
        for model in fusers.METHODS:
            row = name if model == fusers.SEARCHED else model
            found[row] = {str(metric): float(value) for metric, value in means[model].items()}
    return {row: found[row] for row in ["searched", *(row for row in found if row != "searched")]}


def measured(files: Files, metrics: list[str]) -> Scores:
    """Every method on one scene: method -> metric -> value."""
    under, over = read_uint8(files.under), read_uint8(files.over)
    same_size(files.under, under, files.over, over)
    photos = sorted((under, over), key=brightness)
    found = {}
    for name in fusers.METHODS:
        fused = fuse_tiled(opened(fusers.method(name)), photos)
        values = score(metrics, fused, None, photos)
        found[name] = {metric: float("nan") if value is None else value for metric, value in values.items()}
    return found


def folders(under: Path, over: Path, params: Params) -> Scores:
    """Means over the scenes of two folders."""
    scenes, together = joined(list_photos(under), list_photos(over), None)
    for error in together.lonely:
        print(f"skipped: {error}")
    metrics = [name for name in params.of(KIND.name).search_report.metrics if not info(name).needs_reference]
    results = map_images(partial(measured, metrics=metrics), scenes, cores(), "scenes", skip=(ImageError,))
    for failure in (entry for entry in results if isinstance(entry, Failure)):
        print(f"skipped: {failure.error}")
    found = [entry for entry in results if not isinstance(entry, Failure)]
    return {
        method: {metric: float(np.nanmean([scene[method][metric] for scene in found])) for metric in metrics}
        for method in fusers.METHODS
    }


def table(found: dict[int, Scores]) -> str:
    """Markdown: a row a fuser; mean over the seeds, and of more than one seed the lowest and the highest."""
    first = next(iter(found.values()))
    metrics = list(next(iter(first.values())))
    lines = ["| | " + " | ".join(metrics) + " |", "|---|" + "---|" * len(metrics)]
    for row in first:
        cells = [_cell(scores[row][metric] for scores in found.values()) for metric in metrics]
        lines.append(f"| {row} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(values: Iterable[float]) -> str:
    known = list(values)
    mean = f"{np.mean(known):.4f}"
    return mean if len(known) == 1 else f"{mean} ({min(known):.4f}-{max(known):.4f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--params", type=Path, default=PARAMS_FILE)
    parser.add_argument("--under", type=Path)
    parser.add_argument("--over", type=Path)
    chosen = parser.parse_args()
    if (chosen.under is None) != (chosen.over is None):
        parser.error("--under and --over come together")
    values = read_yaml(chosen.params)
    photos = values[KIND.name]["dataset"]["folder"]
    for key in ("under", "over", "reference", "natural"):  # each seed runs in a folder of its own
        photos[key] = photos[key] and str(Path(photos[key]).expanduser().resolve())
    outside = None if chosen.under is None else (chosen.under.resolve(), chosen.over.resolve())
    found: dict[int, Scores] = {}
    elsewhere: dict[int, Scores] = {}
    home = Path.cwd()
    for seed in chosen.seeds:
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            try:
                found[seed] = run_seed(values, seed)
                if outside is not None and not elsewhere:
                    elsewhere[seed] = folders(*outside, validate(values | {"seed": seed}))
            finally:
                os.chdir(home)
        print(table({seed: found[seed]}), flush=True)
    print(f"\nMean over seeds {', '.join(map(str, found))} (lowest-highest):\n\n{table(found)}")
    if elsewhere:
        print(f"\n{outside[0].parent if outside else ''}:\n\n{table(elsewhere)}")


if __name__ == "__main__":
    main()
