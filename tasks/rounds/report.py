"""The `report` stage: one HTML page that shows the whole run and opens offline.

Reads data/KIND: the dataset, start/live, judges, models, questions, labels and evaluate; writes data/KIND/report/report.html
and, in a sentence, headline.txt. No dates, durations or absolute paths: the same inputs give the same
page.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pictures import fresh_folder, read_json
from tasks import kinds
from tasks.config import View
from tasks.pages import calibrated, concluded, elsewhere
from tasks.pages import page as report_page
from tasks.pages import sections as report_sections
from tasks.pages import words as report_words
from tasks.pages.data import gather
from tasks.pages.pictures import embed
from tasks.pages.words import settings, versions
from tasks.stage.places import DATA, Places
from tasks.stage.runtime import stage

PARAMS = ("scale", "seed", "{kind}", "kinds.{kind}.rounds")


def page(params: View, data: Path = DATA) -> str:
    """The whole page from the artifacts under `data`. Raises `ReportError`, `TableError` or `ImageError` naming a file."""
    found = gather(Places(params.kind, data), params.rounds)
    run = report_sections.Run(params, found)
    photos = embed(found.images, found.enhanced, ["input", *run.models], params.report.photos)
    kind = kinds.named(params.kind)
    counts = kinds.Counts(
        photographs=found.dataset["photographs"],
        images=len(found.training_images) + len(found.images),
        with_reference=int(found.training_images.reference.notna().sum() + found.images.reference.notna().sum()),
    )
    shown = {"scale": params.scale, "seed": params.seed, "rounds": len(params.rounds)} | params.section.model_dump()
    return report_page.render(
        "report.html",
        run=run,
        photos=photos,
        headline=report_sections.headline(run),
        metrics=report_sections.metric_cards(run),
        means=report_sections.table(run, ["input", *run.models]),
        photo_tables=report_sections.photo_tables(run),
        preferences=report_sections.preferences(run),
        elsewhere=elsewhere.section(run, Places(params.kind, data)),
        concluded=concluded.section(run, Places(params.kind, data)),
        judges=report_sections.judges(run),
        calibrated=calibrated.section(found.metrics.get("calibration", {})),
        doubt=calibrated.doubt(found.metrics.get("doubt", {}), run.models),
        ablation=report_sections.ablation(run),
        rated=report_sections.rated(run, Places(params.kind, data)),
        aligned=report_sections.aligned(run, Places(params.kind, data)),
        curves=report_sections.training_curves(run),
        settings=settings(shown),
        words=kind.page.WORDS,
        model_facts=kind.page.model_facts(params),
        origins=kind.page.origins(params, counts),
        versions=versions(),
    )


def in_a_sentence(metrics: Any, last: str, source: str) -> str:
    """The one result, for where there is no room for the page.

    metrics: data/KIND/evaluate/metrics.json; last: the last model; source: who voted (labels.source).
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
    at = Places(params.kind)
    metrics = read_json(at.evaluate / "metrics.json")
    with fresh_folder(at.report) as folder:
        (folder / "report.html").write_text(text, encoding="utf-8")
        (folder / "headline.txt").write_text(
            in_a_sentence(metrics, f"f{len(params.rounds) + 1}", params.labels.source), encoding="utf-8"
        )
    print(f"report: {at.report / 'report.html'} (opens in any browser, without a network)")


if __name__ == "__main__":
    stage(__doc__, run, PARAMS, {"kind": "of pictures"})
