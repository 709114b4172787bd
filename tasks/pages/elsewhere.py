"""The report's pictures of another character: a user's own photos first, before and after, then what does not carry over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from tasks.pages import words
from tasks.pages.data import read_json
from tasks.pages.means import higher_is_better, mean_rows
from tasks.pages.pictures import BUDGET, embed
from tasks.stage import tables
from tasks.stage.places import Places

if TYPE_CHECKING:
    from tasks.pages.sections import Run


def section(run: Run, at: Places) -> list[dict[str, Any]]:
    """Of each group its photos with their versions, its means, how often the last model is preferred to f0; [] without any."""
    folder = at.evaluate / "elsewhere"
    if not (folder / "summary.json").is_file():  # of a version before there were any
        return []
    found = read_json(folder / "summary.json")
    return [_group(run, name, found[name], at) for name in sorted(found)]  # photos before sample


def _group(run: Run, name: str, group: dict[str, Any], at: Places) -> dict[str, Any]:
    folder, rate = at.evaluate / "elsewhere", group["preference_over_f0"].get(run.last)
    images = pd.DataFrame(group["images"])
    images["reference"] = [None if path is None else str(folder / path) for path in images.reference]
    models = ["input", *run.models]
    known = [name for name in run.params.evaluate.metrics if all(name in group["scores"].get(m, {}) for m in models)]
    return {
        "name": name,
        "images": len(images),
        "photographs": images.photograph.nunique(),
        "photos": embed(
            images, tables.read("enhanced", folder / f"{name}.parquet"), models, run.params.report.photos, BUDGET // 6
        ),
        "columns": [(metric, "↑" if higher_is_better(metric) else "↓") for metric in known],
        "means": mean_rows(group["scores"], known, models),
        "preferred": None if rate is None else words.percent(rate["rate"]),
        "interval": None if rate is None else words.interval(rate["low"], rate["high"]),
    }
