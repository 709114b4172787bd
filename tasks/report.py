"""The `report` stage: one HTML page that shows the whole run and opens offline.

Reads the dataset, data/pretrain/TASK/live, data/ranker, data/finetune, data/pairs, data/labels and data/evaluate; writes
data/report/report.html and, in a sentence, headline.txt. No dates, durations or absolute paths: the same inputs give the same
page.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pictures import fresh_folder, read_json
from tasks import kinds, report_page, report_sections, report_words
from tasks.config import View
from tasks.report_data import gather
from tasks.report_pictures import embed
from tasks.report_words import settings, versions
from tasks.runtime import DATA, stage

PARAMS = (
    "scale",
    "seed",
    "loop",
    "dataset",
    "enhancer",
    "pretrain",
    "brackets",
    "search",
    "fuser",
    "train_fuser",
    "ranker",
    "pairs",
    "labels",
    "rounds",
    "finetune",
    "evaluate",
    "report",
)
OUT = DATA / "report"


def page(params: View, data: Path = DATA) -> str:
    """The whole page from the artifacts under `data`. Raises `ReportError`, `TableError` or `ImageError` naming a file."""
    found = gather(data, params.loop.task, list(params.rounds))
    run = report_sections.Run(params, found)
    photos = embed(found.images, found.enhanced, ["input", *run.models], params.report.photos)
    kind = kinds.named(params.loop.task)
    idle = {name for other in kinds.every() if other != kind for name in other.sections}
    counts = kinds.Counts(
        photographs=found.dataset["photographs"],
        images=len(found.training_images) + len(found.images),
        with_reference=int(found.training_images.reference.notna().sum() + found.images.reference.notna().sum()),
    )
    sections = {name: getattr(params, name) for name in PARAMS if name not in idle}
    shown = {
        name: {key: entry.model_dump() for key, entry in value.items()}
        if name == "rounds"
        else (value.model_dump() if hasattr(value, "model_dump") else value)
        for name, value in sections.items()
    }
    return report_page.render(
        run=run,
        photos=photos,
        headline=report_sections.headline(run),
        metrics=report_sections.metric_cards(run),
        means=report_sections.table(run, ["input", *run.models]),
        photo_tables=report_sections.photo_tables(run),
        preferences=report_sections.preferences(run),
        rankers=report_sections.rankers(run),
        ablation=report_sections.ablation(run),
        curves=report_sections.training_curves(run),
        settings=settings(shown),
        words=kind.page.WORDS,
        model_facts=kind.page.model_facts(params),
        origins=kind.page.origins(params, counts),
        versions=versions(),
    )


def in_a_sentence(metrics: Any, last: str, source: str) -> str:
    """The one result, for where there is no room for the page.

    metrics: data/evaluate/metrics.json; last: the last model; source: who voted (labels.source).
    """
    rate = metrics["preference_over_f0"].get(last)
    if rate is None:
        return f"Nobody has voted on {last} yet.\n"
    whose = "votes of simulated observers" if source == "simulated" else "votes"
    between = report_words.interval(rate["low"], rate["high"])
    return (
        f"{last} is preferred to f0 in {report_words.percent(rate['rate'])} of {rate['votes']} {whose} (95 % "
        f"interval {between}, {report_words.count(rate['photographs'], 'photograph')}).\n"
    )


def run(params: View) -> None:
    text = page(params)
    metrics = read_json(DATA / "evaluate" / "metrics.json")
    with fresh_folder(OUT) as folder:
        (folder / "report.html").write_text(text, encoding="utf-8")
        (folder / "headline.txt").write_text(
            in_a_sentence(metrics, f"f{len(params.rounds) + 1}", params.labels.source), encoding="utf-8"
        )
    print(f"report: {OUT / 'report.html'} (opens in any browser, without a network)")


if __name__ == "__main__":
    stage(__doc__, run, PARAMS)
