"""What each section of the report says: from the findings to rounded words, tables and charts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd
from markupsafe import Markup

from tasks import kinds
from tasks.config import View
from tasks.pages import aligned as alignments
from tasks.pages import charts, words
from tasks.pages import rated as ratings
from tasks.pages.data import Findings, read_json
from tasks.pages.means import higher_is_better, mean_rows
from tasks.stage import tables
from tasks.stage.places import Places

FEW_PHOTOGRAPHS = 10
MOST_ROWS = 500
"""Of images in a table: with more a page does not open any more."""


@dataclass(frozen=True)
class Run:
    """The run's parameters and findings, and the facts that many sections share."""

    params: View
    found: Findings

    @cached_property
    def models(self) -> list[str]:
        """f0, f1, ... up to the last."""
        return [f"f{number}" for number in range(len(self.params.rounds) + 2)]

    @property
    def last(self) -> str:
        return self.models[-1]

    @cached_property
    def measured(self) -> list[str]:
        """Metrics with a value for every f(n), in the order of params.yaml."""
        means = self.found.metrics["scores"]
        return [
            name for name in self.params.evaluate.metrics if all(name in means.get(model, {}) for model in self.models)
        ]

    @cached_property
    def undefined(self) -> list[str]:
        """Metrics that were computed and have no value on these photos: references or pixels are wanting."""
        return [
            name
            for name in self.params.evaluate.metrics
            if name not in self.measured and name not in self.found.missing
        ]

    @cached_property
    def variants(self) -> list[tuple[str, str, str]]:
        """(metric, variant, library) of every stored number."""
        rows = self.found.scores[["metric", "variant", "library"]].drop_duplicates().sort_values(["metric", "variant"])
        return [(str(row.metric), str(row.variant), str(row.library)) for row in rows.itertuples(index=False)]

    @property
    def judge(self) -> str:
        """What stands in for the panel is called: HiLLIE's judge is a ranker."""
        name: str = self.params.judge.name
        return name if name == "ranker" else "judge"

    @property
    def settled(self) -> str | None:
        """What a judge is that learns nothing, else None."""
        learns: bool = self.params.judge.rounds is not None
        return (
            None if learns else words.metric_title(str(self.params.judge.options.get("metric", self.params.judge.name)))
        )

    @property
    def began(self) -> str:
        """What judged before there were labels."""
        start = self.params.judge.start
        if start is not None and start.variants is not None:
            return "injected corruptions"
        return self.settled or "NIQE"

    @property
    def answers(self) -> str:
        """What the rounds asked for."""
        return "ratings" if self.found.rated else "votes"

    @property
    def first_judge(self) -> str:
        """What g0 knows."""
        if self.settled is not None:
            return f"g0 is {self.settled}, and no vote changes it"
        return f"g0 learnt from {self.began} alone"

    @property
    def simulated(self) -> bool:
        return "simulated" in self.found.kinds or self.params.labels.source == "simulated"

    @cached_property
    def judges(self) -> str:
        """'3 simulated observers', '2 people', 'nobody yet'."""
        singular = {
            "people": ("person", "people"),
            "simulated": ("simulated observer", "simulated observers"),
            "llm": ("language model", "language models"),
        }
        found = [
            words.count(number, *singular.get(kind, (f"observer of kind {kind}", f"observers of kind {kind}")))
            for kind, number in sorted(self.found.observers.items())
        ]
        return words.listed(found) if found else "nobody yet"

    @cached_property
    def utility(self) -> dict[str, float]:
        """The metrics by which the simulated observers judge; empty without them."""
        return dict(self.params.labels.simulated.utility) if self.simulated else {}

    def mean(self, model: str, metric: str) -> float | None:
        value = self.found.metrics["scores"].get(model, {}).get(metric)
        return None if value is None else float(value)

    def same_as_f0(self, model: str) -> bool:
        """Whether every validation output of a model is f0's, byte for byte."""
        hashes = self.found.enhanced.pivot(index="image", columns="model", values="sha256")
        return model in hashes and "f0" in hashes and bool((hashes[model] == hashes["f0"]).all())


def headline(run: Run) -> dict[str, Any]:
    """The one result, and how sure it is."""
    rate = run.found.metrics["preference_over_f0"].get(run.last)
    if rate is None:
        return {"rate": None}
    if rate["low"] > 0.5:
        verdict = "The whole interval lies above 50 %: the rounds made the pictures better to this panel."
    elif rate["high"] < 0.5:
        verdict = "The whole interval lies below 50 %: the rounds made the pictures worse to this panel."
    else:
        verdict = "The interval includes 50 %: this run does not show that the panel prefers either."
    if rate["photographs"] < FEW_PHOTOGRAPHS:
        verdict += f" With {words.count(rate['photographs'], 'photograph')} to judge by, the interval itself is rough."
    return {
        "rate": words.percent(rate["rate"]),
        "interval": words.interval(rate["low"], rate["high"]),
        "photographs": words.count(rate["photographs"], "photograph"),
        "votes": words.count(rate["votes"], "vote"),
        "verdict": verdict,
    }


def metric_cards(run: Run) -> list[dict[str, Any]]:
    """One small chart a metric: its mean over the validation photos by round."""
    cards = []
    for metric in run.measured:
        values = [float(run.found.metrics["scores"][model][metric]) for model in run.models]
        higher = higher_is_better(metric)
        title = words.metric_title(metric)
        shown = [words.metric_value(metric, value) for value in values]
        about = f"{title} by round: " + ", ".join(f"{m} {v}" for m, v in zip(run.models, shown, strict=True))
        better, compared = improved(run.found.scores, metric, "f0", run.last, higher)
        cards.append(
            {
                "name": metric,
                "title": title,
                "unit": words.metric_unit(metric),
                "meaning": words.metric_meaning(metric),
                "direction": "↑ higher is better" if higher else "↓ lower is better",
                "chart": charts.curve(
                    run.models,
                    values,
                    lambda value, metric=metric: words.metric_value(metric, value),  # type: ignore[misc]
                    about,
                    run.mean("input", metric),
                    words.meaningful(metric),
                ),
                "better": better,
                "compared": compared,
                "change": words.change(metric, run.found.metrics.get("changes", {}).get(metric)),
                "hidden_taste": metric in run.utility,
            }
        )
    return cards


def improved(scores: pd.DataFrame, metric: str, before: str, after: str, higher: bool) -> tuple[int, int]:
    """On how many images a metric is better after than before, of how many that have both values."""
    values = scores[scores.metric == metric].pivot(index="image", columns="model", values="value")
    if before not in values or after not in values:
        return 0, 0
    change = (values[after] - values[before]).dropna()
    return int(((change > 0) if higher else (change < 0)).sum()), len(change)


def table(run: Run, models: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of (model, cells) with the mean of every measured metric; the best of each column is marked."""
    return mean_rows(run.found.metrics["scores"], run.measured, models)


def preferences(run: Run) -> dict[str, Any]:
    """Preference of every f(n) over f0 and over the input, and the global scores."""
    found = run.found.metrics
    panels = []
    for over, key in (("f0", "preference_over_f0"), ("input", "preference_over_input")):
        rates = [(model, found[key][model]) for model in run.models if found[key].get(model)]
        if rates:
            panels.append(
                {
                    "over": "f0" if over == "f0" else "the input",
                    "chart": share_chart(rates, f"Share of votes that prefer a version to {over}"),
                    "rows": [rate_row(model, rate) for model, rate in rates],
                }
            )
    ranked = found["global_scores"]
    chart: Markup | None = None
    if ranked:
        rows = [
            (
                f"{words.model_title(row['model'])}{' *' if row['from_prior'] else ''}",
                row["score"],
                row["high"] - row["score"],
            )
            for row in ranked
        ]
        about = "Global scores, best first: " + ", ".join(f"{name} {score:.2f}" for name, score, _ in rows)
        chart = charts.scores(rows, about)
    prior = [f"{words.model_title(row['model'])}: {row['from_prior']}" for row in ranked if row["from_prior"]]
    return {"panels": panels, "scores": chart, "from_prior": prior, "votes": len(run.found.votes)}


def share_chart(rates: Sequence[tuple[str, dict[str, Any]]], about: str) -> Markup:
    rows = [(words.model_title(model), rate["rate"], rate["low"], rate["high"]) for model, rate in rates]
    spoken = ", ".join(f"{name} {words.percent(rate)}" for name, rate, _, _ in rows)
    return charts.shares(rows, f"{about}: {spoken}")


def rate_row(model: str, rate: dict[str, Any]) -> dict[str, Any]:
    return {
        "model": words.model_title(model),
        "rate": words.percent(rate["rate"]),
        "interval": words.interval(rate["low"], rate["high"]),
        "votes": rate["votes"],
        "photographs": rate["photographs"],
    }


def judges(run: Run) -> dict[str, Any]:
    """How well each judge predicts the panel (HiLLIE, Fig. 5), and whether it prefers the next version (Table 3)."""
    found = run.found.metrics
    names = [f"g{number}" for number in range(len(run.params.rounds) + 1)]
    accuracy = [
        (name, float(found["judge_accuracy"][name]), None, None) for name in names if name in found["judge_accuracy"]
    ]
    spoken = ", ".join(f"{name} {words.percent(value)}" for name, value, _, _ in accuracy)
    following = [
        {
            "judge": name,
            "taught": run.settled or (run.began if number == 0 else f"{run.answers} up to r{number:02d}"),
            "before": f"f{number}",
            "after": f"f{number + 1}",
            "share": words.percent(found["judge_prefers_next"].get(name)),
            "accuracy": words.percent(found["judge_accuracy"].get(name)),
        }
        for number, name in enumerate(names)
    ]
    return {
        "chart": charts.shares(
            accuracy, f"Share of the panel's verdicts that a {run.judge} predicts: {spoken}", joined=True
        )
        if accuracy
        else None,
        "pairs": max(found["judge_accuracy_pairs"].values(), default=0),
        "following": following,
        "first": words.percent(accuracy[0][1]) if accuracy else None,
        "last": words.percent(accuracy[-1][1]) if accuracy else None,
    }


def rated(run: Run, at: Places) -> dict[str, Any] | None:
    """How the ratings came about, who agrees, what the judges foresaw, and a gallery; None where pairs were compared."""
    if not run.found.rated:
        return None
    names = [one.name for one in run.found.rated]
    foreseen = ratings.predicted(at, names, read_json)
    off = {row["what"]: row["rmse"] for row in foreseen if row["round"] == names[-1] and row.get("rmse") is not None}
    return {
        "agreement": ratings.agreement(run.found.ratings),
        "predicted": foreseen,
        "gallery": ratings.gallery(at, names[-1], run.params.report.photos, off),
        "ratings": int((run.found.ratings.verdict == "").sum()),
    }


def aligned(run: Run, at: Places) -> dict[str, Any]:
    """What the alignment did to pictures, and about which regions the judge was asked."""
    judge = f"g{len(run.params.rounds)}"
    known = alignments.changes(tables.read("judgements", at.evaluate / "judgements.parquet"), judge, "f0", run.last)
    regions = read_json(at.regions / "summary.json") if (at.regions / "summary.json").is_file() else {}
    return {
        "judge": judge,
        "segmenter": regions.get("note") or regions.get("segmenter"),
        "regions": regions.get("regions", 0),
        "images": regions.get("images", 0),
        "compared": len(known),
        "worse": sum(better < 0 for _, better in known) if known else None,
        "strips": alignments.strips(at, run.last, judge, run.params.report.photos),
    }


def ablation(run: Run) -> dict[str, Any]:
    """What the judge adds (HiLLIE, Table 2)."""
    rounds, by_votes = len(run.params.rounds), run.params.align.by_votes
    learnt = f"with g0, then {rounds} rounds of votes" if by_votes else f"with g0 to g{rounds}"
    titles = {
        "f0": "f0: before any fine-tuning",
        "content_only": f"without {'votes and' if by_votes else 'the'} {run.judge}",
        "niqe_ranker": f"with g0 only ({run.began}, no votes)",
        run.last: f"{run.last}: {learnt} (the full method)",
    }
    rates = run.found.metrics["preference_over_f0"]
    rows = table(run, list(titles))
    for row in rows:
        rate = rates.get(row["model"])
        row["title"] = titles[row["model"]]
        row["rate"] = rate_row(row["model"], rate) if rate else None
    known = [(model, rates[model]) for model in titles if rates.get(model)]
    unchanged = [model for model in ("content_only", "niqe_ranker") if run.same_as_f0(model)]
    return {
        "rows": rows,
        "unchanged": unchanged,
        "by_votes": by_votes,
        "chart": share_chart(known, "Share of votes that prefer a version to f0") if len(known) > 1 else None,
    }


def photo_tables(run: Run) -> list[dict[str, Any]]:
    """For each metric a table: a row for each validation image, a column for each model.

    of: how many images there are; of more than `MOST_ROWS` so many are shown, spread evenly over their names.
    """
    columns = ["input", *run.models, "content_only", "niqe_ranker"]
    found = []
    for metric in run.measured:
        values = run.found.scores[run.found.scores.metric == metric].pivot(
            index="image", columns="model", values="value"
        )
        shown = [model for model in columns if model in values]
        images = sorted(values.index)
        if len(images) > MOST_ROWS:
            images = [images[place * len(images) // MOST_ROWS] for place in range(MOST_ROWS)]
        cells = values.loc[images, shown].to_numpy(dtype=float)
        rows = [
            (str(image), [words.metric_value(metric, float(value)) for value in row])
            for image, row in zip(images, cells, strict=True)
        ]
        found.append({"metric": metric, "columns": shown, "rows": rows, "of": len(values)})
    return found


def training_curves(run: Run) -> list[dict[str, Any]]:
    """The training curves by kind of training, rounds side by side."""
    titles = {
        "start": "Training of f0",
        "judge": f"Training of the {run.judge}s, round by round",
        "align": f"Fine-tuning of the {kinds.named(run.params.kind).page.WORDS.model}, round by round",
    }
    groups = []
    for stage, title in titles.items():
        cards = [
            {
                "title": words.CURVES.get(curve.metric, curve.metric),
                "chart": charts.training(
                    curve.segments,
                    f"{words.CURVES.get(curve.metric, curve.metric)} over the steps of training; last value "
                    f"{curve.segments[-1][1][-1][1]:.3g}",
                ),
            }
            for curve in run.found.curves
            if curve.stage == stage
        ]
        if cards:
            groups.append({"title": title, "cards": cards})
    return groups
