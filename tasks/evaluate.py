"""The `evaluate` stage: every f(n) on the validation images, by metrics, by the panel and by the rankers.

Reads the dataset, the models, the ablations and the rankers; writes data/evaluate: outputs/, enhanced.parquet,
scores.parquet, votes.parquet, judgements.parquet, metrics.json and the tables behind the plots.
With `labels.source: people` the votes are those that people gave for round `validation` (`loupe label validation`); it
never waits for them: raise evaluate.label_rev to take new ones in.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from labelling.store import Store, pair_key
from models.quality import info
from pictures import fresh_folder, sha256_file, write_json, write_png
from tasks import evaluation, kinds, loop, tables
from tasks.config import View
from tasks.image_set import ImageSet
from tasks.labels import offered, options, vote_of
from tasks.mapping import map_images
from tasks.ranker_data import load_ranker, ranker_name, scores_of
from tasks.runtime import DATA, device, stage, workers
from tasks.scoring import available, score_files
from tasks.subjects import Subject, subjects_of
from tasks.utility import panel, utility

PARAMS = ("seed", "loop", "enhancer", "ranker.network", "labels", "rounds", "evaluate")
OUT = DATA / "evaluate"
VALIDATION = "validation"


@dataclass(frozen=True)
class Job:
    """One validation image, to be put through every model and measured."""

    subject: Subject
    kind: str
    models: tuple[tuple[str, kinds.Spec], ...]
    metrics: tuple[str, ...]
    folder: str


def measure(job: Job) -> list[dict[str, Any]]:
    """Put an image through every model, write the pictures, measure them and what there is without a model ("input")."""
    subject, rows = job.subject, []

    def add(model: str, picture: np.ndarray) -> None:
        file = f"{model}/{subject.id}.png"
        write_png(Path(job.folder) / file, picture)
        rows.append(
            {
                "image": subject.id,
                "model": model,
                "path": file,
                "sha256": sha256_file(Path(job.folder) / file),
                "scores": score_files(job.metrics, picture, subject.reference, subject.sources),
            }
        )

    own = kinds.named(job.kind).models
    add("input", own.untouched(subject.sources))
    for model, spec in job.models:
        add(model, own.apply(own.opened(spec), subject.sources))
    return rows


def model_weights(params: View) -> dict[str, Path]:
    """Name -> weights of every model there is: f0, f1, ..., and the ablations."""
    found = {"f0": loop.first_weights(params.loop.task)}
    for number, name in enumerate(("r00", *params.rounds), start=1):
        found[f"f{number}"] = loop.weights_of(name)
    for variant in ("content_only", "niqe_ranker"):
        found[variant] = DATA / "ablation" / variant / "model.safetensors"
    return found


def simulated_votes(
    outputs: pd.DataFrame, measured: dict[tuple[str, str], dict[str, float | None]], params: View
) -> list[dict[str, Any]]:
    """The panel's votes on all pairs of models on every validation image."""
    settings = params.labels.simulated
    observers = panel(settings)[: params.labels.votes]
    rows = []
    for names, group in outputs.groupby(["image", "photograph"], sort=True):
        image, photograph = (str(name) for name in names)
        hidden = {
            row.sha256: utility(settings.utility, measured[image, row.model], image) for row in tables.rows(group)
        }
        for first, second in combinations(list(tables.rows(group)), 2):
            key = pair_key(first.sha256, second.sha256)
            for observer in observers:
                choice = "tie"
                if first.sha256 != second.sha256:
                    vote = vote_of(
                        observer,
                        VALIDATION,
                        key,
                        {side: hidden[side] for side in (first.sha256, second.sha256)},
                        params.labels.question,
                    )
                    choice = "first" if vote.preferred == first.sha256 else "second"
                rows.append(
                    _vote_row(
                        image,
                        photograph,
                        first.model,
                        second.model,
                        observer=observer.name,
                        kind="simulated",
                        choice=choice,
                    )
                )
    return rows


def peoples_votes(outputs: pd.DataFrame, last: str, params: View) -> list[dict[str, Any]]:
    """Register last f(n) against f(0) and the input on every validation image, and return the votes that are there."""
    pairs = []
    table = outputs.set_index(["image", "model"])
    for image in sorted(set(outputs.image)):
        for other in ("f0", "input"):
            one, two = table.loc[(image, other)], table.loc[(image, last)]
            if one.sha256 != two.sha256:
                pairs.append(
                    {
                        "key": pair_key(one.sha256, two.sha256),
                        "image": image,
                        "photograph": one.photograph,
                        "first_model": other,
                        "first": str(OUT / "outputs" / one.path),
                        "first_sha256": one.sha256,
                        "second_model": last,
                        "second": str(OUT / "outputs" / two.path),
                        "second_sha256": two.sha256,
                    }
                )
    if not pairs:
        return []
    frame = pd.DataFrame(pairs)
    with Store.open() as store:
        settings = params.labels
        unique = offered(frame.drop_duplicates("key"), params.loop.task)
        store.register(VALIDATION, "people", unique, settings.votes, settings.question, options(settings))
        votes = store.votes(list(frame.key), "people", settings.question)
    print(
        f"validation: {len(votes)} votes of people on {len(frame)} pairs are in (`loupe label {VALIDATION}` adds more)"
    )
    rows = []
    for vote in votes:
        for pair in tables.rows(frame[frame.key == vote.key]):
            sides = {pair.first_sha256: "first", pair.second_sha256: "second"}
            rows.append(
                _vote_row(
                    pair.image,
                    pair.photograph,
                    pair.first_model,
                    pair.second_model,
                    observer=vote.observer,
                    kind="people",
                    choice=sides.get(vote.preferred, vote.preferred),
                )
            )
    return rows


def _vote_row(
    image: str, photograph: str, first: str, second: str, *, observer: str, kind: str, choice: str
) -> dict[str, Any]:
    return {
        "image": image,
        "photograph": photograph,
        "first_model": first,
        "second_model": second,
        "observer": observer,
        "kind": kind,
        "choice": choice,
    }


def judge(outputs: pd.DataFrame, params: View) -> list[dict[str, Any]]:
    """Every ranker's score of every f(n)'s validation outputs."""
    own = outputs[outputs.model.str.fullmatch(r"f\d+")]
    pictures = ImageSet([str(OUT / "outputs" / path) for path in own.path], list(own.sha256))
    rows = []
    to = device(params)
    for name in ("r00", *params.rounds):
        values = scores_of(load_ranker(params, name, to), pictures, to)
        rows += [
            {"ranker": ranker_name(name), "image": image, "model": model, "value": value}
            for image, model, value in zip(own.image, own.model, values, strict=True)
        ]
    return rows


def summary(params: View, votes: pd.DataFrame, scores: pd.DataFrame, judgements: pd.DataFrame) -> dict[str, Any]:
    """Everything the report and `dvc metrics` show, from the tables."""
    count = len(params.rounds) + 1
    models = [f"f{number}" for number in range(count + 1)]
    draws, seed = params.evaluate.bootstrap, params.seed
    known = evaluation.verdicts(votes)
    rounds = known[known.first_model.isin(models) & known.second_model.isin(models)]
    rankers = [f"g{number}" for number in range(count)]

    def preferred(over: str, candidates: list[str]) -> dict[str, Any]:
        found = {model: evaluation.preference(votes, over, model, draws, seed) for model in candidates if model != over}
        return {model: evaluation.as_dict(rate) for model, rate in found.items() if rate is not None}

    figure5 = {ranker: evaluation.accuracy(judgements, ranker, rounds) for ranker in rankers}
    return {
        "scores": evaluation.mean_scores(scores),
        "preference_over_f0": preferred("f0", [*models, "content_only", "niqe_ranker"]),
        "preference_over_input": preferred("input", models),
        "ranker_accuracy": {ranker: found[0] for ranker, found in figure5.items() if found is not None},
        "ranker_accuracy_pairs": {ranker: found[1] for ranker, found in figure5.items() if found is not None},
        "ranker_prefers_next": {
            ranker: evaluation.progress_accuracy(judgements, ranker, f"f{number}", f"f{number + 1}")
            for number, ranker in enumerate(rankers)
        },
        "global_scores": evaluation.global_scores(votes, ["input", *models, "content_only", "niqe_ranker"]),
    }


def run(params: View) -> None:
    subjects = subjects_of(params.loop.task, "validation")
    wanted = list(params.evaluate.metrics)
    simulated = params.labels.source == "simulated"
    usable, missing = available(wanted)
    measured_names = tuple(dict.fromkeys([*usable, *(params.labels.simulated.utility if simulated else ())]))
    models = tuple((name, loop.models(params).spec(params, path)) for name, path in model_weights(params).items())
    with fresh_folder(OUT / "outputs") as folder:
        jobs = [Job(subject, params.loop.task, models, measured_names, str(folder)) for subject in subjects]
        found = [row for rows in map_images(measure, jobs, workers(params), "validation") for row in rows]
    photographs = {subject.id: subject.photograph for subject in subjects}
    outputs = pd.DataFrame([{**row, "photograph": photographs[row["image"]]} for row in found])
    measured = {(row["image"], row["model"]): row["scores"] for row in found}
    tables.write(
        "enhanced",
        outputs.assign(split="validation", path=[str(OUT / "outputs" / path) for path in outputs.path])[
            ["image", "split", "model", "path", "sha256"]
        ],
        OUT / "enhanced.parquet",
    )
    facts = {name: info(name) for name in usable}
    tables.write(
        "scores",
        [
            {
                "image": image,
                "model": model,
                "metric": name,
                "value": values[name],
                "variant": facts[name].variant,
                "library": facts[name].library,
            }
            for (image, model), values in measured.items()
            for name in usable
        ],
        OUT / "scores.parquet",
    )
    last = f"f{len(params.rounds) + 1}"
    votes = simulated_votes(outputs, measured, params) if simulated else peoples_votes(outputs, last, params)
    tables.write("votes", votes, OUT / "votes.parquet")
    tables.write("judgements", judge(outputs, params), OUT / "judgements.parquet")
    result = summary(
        params,
        tables.read("votes", OUT / "votes.parquet"),
        tables.read("scores", OUT / "scores.parquet"),
        tables.read("judgements", OUT / "judgements.parquet"),
    )
    write_json(OUT / "metrics.json", result)
    write_json(OUT / "missing.json", {entry.metric: entry.reason for entry in missing})
    write_plots(result)
    print_result(result, last)


def write_plots(result: dict[str, Any]) -> None:
    """The rows behind the DVC plots: metrics and preference by model, accuracy by ranker."""
    rounds = [model for model in result["scores"] if model.startswith("f") and model[1:].isdigit()]
    rounds.sort(key=lambda model: int(model[1:]))
    by_round = [{"round": int(model[1:]), **result["scores"][model]} for model in rounds]
    write_json(OUT / "plots" / "metrics_by_round.json", by_round)
    preferred = [
        {"round": int(m[1:]), "rate": r["rate"]} for m, r in result["preference_over_f0"].items() if m in rounds
    ]
    write_json(OUT / "plots" / "preference_by_round.json", preferred)
    accuracies = [{"ranker": int(g[1:]), "accuracy": value} for g, value in result["ranker_accuracy"].items()]
    write_json(OUT / "plots" / "ranker_accuracy.json", accuracies)


def print_result(result: dict[str, Any], last: str) -> None:
    rate = result["preference_over_f0"].get(last)
    if rate is None:
        return
    print(
        f"{last} is preferred to f0 in {rate['rate']:.0%} of {rate['votes']} votes "
        f"(95 % interval {rate['low']:.0%} to {rate['high']:.0%}, {rate['photographs']} photographs)"
    )
    accuracies = result["ranker_accuracy"]
    print("ranker accuracy on validation pairs: " + "  ".join(f"{g} {value:.2f}" for g, value in accuracies.items()))


if __name__ == "__main__":
    stage(__doc__, run, PARAMS)
