"""The `search_report` stage of brackets: every method on the validation scenes (HSDS-MEF, Table 2), and a page to look at.

Reads pictures, fused, search and start of data/brackets; writes data/brackets/search_report: scores.parquet,
metrics.json (mean and median a method and metric, and how often the searched fuser is the better one), report.html.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from models.fusers.layout import parameter_count
from models.fusers.searched import PAPER_WIDTH, PUBLISHED_PARAMETERS, SearchedFuser, build, load
from models.quality import info
from pictures import atomic_path, fresh_folder, read_uint8, write_json
from tasks.brackets import fusers, loss_weights, search_page
from tasks.brackets.fusers import METHODS, SEARCHED
from tasks.brackets.kind import KIND
from tasks.config import View
from tasks.measuring.rows import score_row
from tasks.measuring.scoring import available, score_files
from tasks.stage import tables
from tasks.stage.mapping import map_images
from tasks.stage.places import Places
from tasks.stage.runtime import stage, workers

PARAMS = ("{kind}.search", "{kind}.start", "{kind}.search_report")
AT = Places(KIND.name)
OUT = AT.root / "search_report"


def measure(job: tuple[str, str, str, tuple[str, str], str | None], metrics: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of the scores table of one fused picture: job is (image, model, path, sources, reference)."""
    image, model, path, sources, reference = job
    values = score_files(metrics, read_uint8(path), reference, sources)
    return [score_row(image, model, name, value) for name, value in values.items()]


def summarised(scores: pd.DataFrame) -> dict[str, dict[str, dict[str, float]]]:
    """model -> metric -> mean, median, and scenes that have a value; a metric without any is left out."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for (model, metric), rows in scores.dropna(subset=["value"]).groupby(["model", "metric"]):
        values = rows["value"].to_numpy()
        found.setdefault(str(model), {})[str(metric)] = {
            "mean": float(values.mean()), "median": float(np.median(values)), "scenes": len(values),
        }  # fmt: skip
    return found


def wins(scores: pd.DataFrame) -> dict[str, dict[str, dict[str, int]]]:
    """Other method -> metric -> on how many scenes the searched fuser is better, worse, or equal."""
    found: dict[str, dict[str, dict[str, int]]] = {}
    known = scores.dropna(subset=["value"])
    if known.empty:
        return found
    wide = known.pivot_table(index=["metric", "image"], columns="model", values="value")
    for other in (name for name in METHODS if name != SEARCHED):
        for metric, rows in wide[[SEARCHED, other]].dropna().groupby(level="metric"):
            apart = rows[SEARCHED] - rows[other]
            apart = apart if info(str(metric)).higher_is_better else -apart
            counts = {
                "better": int((apart > 0).sum()),
                "worse": int((apart < 0).sum()),
                "equal": int((apart == 0).sum()),
            }
            found.setdefault(other, {})[str(metric)] = counts
    return found


def parameters(trained: SearchedFuser) -> dict[str, int]:
    """Parameter counts: of the trained network, of its genotype at the paper's width, and the published one."""
    return {
        "trained": parameter_count(trained),
        "paper_width": parameter_count(build(trained.genotype, PAPER_WIDTH)),
        "published": PUBLISHED_PARAMETERS,
    }


def run(params: View) -> None:
    scenes = tables.read_split(KIND.table, AT.pictures / f"{KIND.table}.parquet", "validation").set_index("id")
    fused = tables.read("enhanced", AT.root / "fused" / "enhanced.parquet")
    usable, missing = available(params.search_report.metrics)
    jobs = [
        (
            row.image,
            row.model,
            row.path,
            (scenes.under[row.image], scenes.over[row.image]),
            scenes.reference[row.image] if isinstance(scenes.reference[row.image], str) else None,
        )
        for row in tables.rows(fused)
    ]
    found = map_images(partial(measure, metrics=usable), jobs, workers(params), "measuring")
    columns = ["image", "model", "metric", "value", "variant", "library"]
    scores = pd.DataFrame([row for rows in found for row in rows], columns=columns)
    trained = load(fusers.WEIGHTS)
    genotype = trained.genotype
    result = {
        "scenes": len(scenes),
        "methods": summarised(scores),
        "wins": wins(scores),
        "parameters": parameters(trained),
        "missing": [asdict(entry) for entry in missing],
    }
    with fresh_folder(OUT) as folder:
        tables.write("scores", scores, folder / "scores.parquet")
        write_json(folder / "metrics.json", result)
        page = search_page.render(
            result=result,
            settings={name: getattr(params, name) for name in ("search", "start")},
            metrics=[info(name) for name in usable],
            pictures=search_page.contact_rows(scenes, fused, params.search_report.scenes),
            genotype=genotype,
            loss_weights=loss_weights.read(loss_weights.SEARCHED),
            folder=AT.search,
        )
        with atomic_path(folder / "report.html") as temporary:
            temporary.write_text(page, encoding="utf-8")
    told(result)


def told(result: dict[str, Any]) -> None:
    """Print the means of every method, the parameter counts, and what could not be measured."""
    for name in METHODS:
        values = result["methods"].get(name, {})
        print(f"{name:<10} " + "  ".join(f"{metric} {entry['mean']:.4f}" for metric, entry in values.items()))
    counts = result["parameters"]
    print(
        f"{counts['trained']:,} parameters; at the paper's width {counts['paper_width']:,}, published {counts['published']:,}"
    )
    for entry in result["missing"]:
        print(f"{entry['metric']} is not available: {entry['reason']}")
    print(f"See {Path(OUT) / 'report.html'}")


if __name__ == "__main__":
    stage(__doc__, run, PARAMS, kind=KIND.name)
