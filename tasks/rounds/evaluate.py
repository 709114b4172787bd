"""The `evaluate` stage: every f(n) on the validation images, by metrics, by the panel and by the judges.

Reads the dataset, the models, the ablations and the judges; writes data/KIND/evaluate: outputs/, enhanced.parquet,
scores.parquet, votes.parquet, judgements.parquet, metrics.json, models.json (the weights' hashes), the tables behind the plots,
and elsewhere/, the same of pictures of another character.
With `labels.source: people` the votes are those that people gave for round `KIND-validation` (`loupe label KIND-validation`);
it never waits for them: raise evaluate.label_rev to take new ones in.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from models.judges.base import RatedJudge
from pictures import fresh_folder, pack, sha256_file, write_json, write_png
from tasks.config import View
from tasks.datasets.subjects import subjects_of
from tasks.measuring import calibrated, summaries
from tasks.measuring.rows import score_row
from tasks.measuring.scoring import available
from tasks.rounds import loop
from tasks.rounds.ablation import VARIANTS
from tasks.rounds.elsewhere import evaluate_elsewhere
from tasks.rounds.measured import Job, measure, model_weights
from tasks.rounds.voted import peoples_votes, simulated_votes
from tasks.stage import tables
from tasks.stage.mapping import map_images
from tasks.stage.places import Places
from tasks.stage.runtime import device, stage, workers
from tasks.training.judges import Versions, costs_of, judge_name, load_judge, member_costs_of, versions

PARAMS = (
    "seed",
    "{kind}.model",
    "{kind}.judge.name",
    "{kind}.judge.options",
    "{kind}.labels",
    "{kind}.evaluate",
    "kinds.{kind}.rounds",
)


def judged(outputs: pd.DataFrame, params: View) -> pd.DataFrame:
    """What every g(n) says of every f(n)'s validation outputs: rows of `judgements`, and `members`, their costs by each."""
    own = outputs[outputs.model.str.fullmatch(r"f\d+")]
    outputs_at = Places(params.kind).evaluate / "outputs"
    paths = [str(outputs_at / path) for path in own.path]
    rows = []
    to = device(params)
    for name in ("r00", *params.rounds):
        judge = load_judge(params, name, to)
        shown = versions(judge, params.kind, list(own.image), paths, list(own.sha256))
        values = costs_of(judge, shown, to)
        members = member_costs_of(judge, shown, to) if judge.members > 1 else [[value] for value in values]
        if isinstance(judge, RatedJudge) and name == ("r00", *params.rounds)[-1]:
            keep_heatmaps(judge, shown, list(own.image), list(own.model), to, outputs_at / "heatmaps")
        rows += [
            {"judge": judge_name(name), "image": image, "model": model, "value": value, "members": each}
            for image, model, value, each in zip(own.image, own.model, values, members, strict=True)
        ]
    return pd.DataFrame(rows)


def keep_heatmaps(
    judge: RatedJudge, shown: Versions, images: Sequence[str], models: Sequence[str], to: str, folder: Path
) -> None:
    """Where a judge sees artifacts, as IMAGE__MODEL.png, of pictures by the first and the last model."""
    import torch

    order = sorted(set(models), key=lambda model: int(model[1:]))
    for place, (image, model) in enumerate(zip(images, models, strict=True)):
        if model not in (order[0], order[-1]):
            continue
        with torch.no_grad():
            sources = [source.tensor(place)[None].to(to) for source in shown.sources]
            heat = judge.opinion(shown.pictures.tensor(place)[None].to(to), sources).heatmap
        if heat is not None:
            write_png(folder / f"{image}__{model}.png", heat[0, 0].cpu().numpy()[..., None].repeat(3, 2))


def summary(
    params: View,
    votes: pd.DataFrame,
    scores: pd.DataFrame,
    judgements: pd.DataFrame,
    *,
    photographs: dict[str, str],
) -> dict[str, Any]:
    """Everything the report and `dvc metrics` show, from the tables. photographs: of the images."""
    count = len(params.rounds) + 1
    models = [f"f{number}" for number in range(count + 1)]
    draws, seed = params.evaluate.bootstrap, params.seed
    known = summaries.verdicts(votes)
    rounds = known[known.first_model.isin(models) & known.second_model.isin(models)]
    judges = [f"g{number}" for number in range(count)]

    def preferred(over: str, candidates: list[str]) -> dict[str, Any]:
        found = {model: summaries.preference(votes, over, model, draws, seed) for model in candidates if model != over}
        return {model: summaries.as_dict(rate) for model, rate in found.items() if rate is not None}

    figure5 = {judge: summaries.accuracy(judgements, judge, rounds) for judge in judges}
    return {
        "scores": summaries.mean_scores(scores),
        "changes": summaries.mean_changes(scores, photographs, "f0", models[-1], draws, seed),
        "preference_over_f0": preferred("f0", [*models, *VARIANTS]),
        "preference_over_input": preferred("input", models),
        "judge_accuracy": {judge: found[0] for judge, found in figure5.items() if found is not None},
        "judge_accuracy_pairs": {judge: found[1] for judge, found in figure5.items() if found is not None},
        "judge_prefers_next": {
            judge: summaries.progress_accuracy(judgements, judge, f"f{number}", f"f{number + 1}")
            for number, judge in enumerate(judges)
        },
        "global_scores": summaries.global_scores(votes, ["input", *models, *VARIANTS]),
    }


def run(params: View) -> None:
    out = Places(params.kind).evaluate
    subjects = subjects_of(params.kind, "validation")
    simulated = params.labels.source == "simulated"
    usable, missing = available(list(params.evaluate.metrics))
    measured_names = tuple(dict.fromkeys([*usable, *(params.labels.simulated.utility if simulated else ())]))
    weights = model_weights(params)
    models = tuple((name, loop.models(params).spec(params, path)) for name, path in weights.items())
    evaluate_elsewhere(params, tuple((name, spec) for name, spec in models if name not in VARIANTS), measured_names)
    with fresh_folder(out / "outputs") as folder:
        jobs = [Job(subject, params.kind, models, measured_names, str(folder)) for subject in subjects]
        found = [row for rows in map_images(measure, jobs, workers(params), "validation") for row in rows]
        pack(folder)
    photographs = {subject.id: subject.photograph for subject in subjects}
    outputs = pd.DataFrame([{**row, "photograph": photographs[row["image"]]} for row in found])
    measured = {(row["image"], row["model"]): row["scores"] for row in found}
    made = outputs.assign(path=[f"outputs/{path}" for path in outputs.path])
    tables.write("enhanced", made[["image", "split", "model", "path", "sha256"]], out / "enhanced.parquet")
    scores = [
        score_row(image, model, name, values[name]) for (image, model), values in measured.items() for name in usable
    ]
    tables.write("scores", scores, out / "scores.parquet")
    last = f"f{len(params.rounds) + 1}"
    votes = simulated_votes(outputs, measured, params) if simulated else peoples_votes(outputs, last, params)
    tables.write("votes", votes, out / "votes.parquet")
    opinions = judged(outputs, params)
    tables.write("judgements", opinions.drop(columns="members"), out / "judgements.parquet")
    read = (tables.read(name, out / f"{name}.parquet") for name in ("votes", "scores", "judgements"))
    result = summary(params, *read, photographs=photographs)
    cast = tables.read("votes", out / "votes.parquet")
    result["calibration"] = calibrated.of_judges(cast, opinions, params.evaluate.bootstrap, params.seed)
    result["doubt"] = calibrated.doubt(opinions)
    write_json(out / "metrics.json", result)
    write_json(out / "models.json", {name: sha256_file(path) for name, path in weights.items()})
    write_json(out / "missing.json", {entry.metric: entry.reason for entry in missing})
    write_plots(result, out / "plots")
    print_result(result, last)


def write_plots(result: dict[str, Any], folder: Path) -> None:
    """The rows behind the DVC plots: metrics and preference by model, accuracy by judge."""
    rounds = [model for model in result["scores"] if model.startswith("f") and model[1:].isdigit()]
    rounds.sort(key=lambda model: int(model[1:]))
    by_round = [{"round": int(model[1:]), **result["scores"][model]} for model in rounds]
    write_json(folder / "metrics_by_round.json", by_round)
    preferred = [
        {"round": int(m[1:]), "rate": r["rate"]} for m, r in result["preference_over_f0"].items() if m in rounds
    ]
    write_json(folder / "preference_by_round.json", preferred)
    accuracies = [{"judge": int(g[1:]), "accuracy": value} for g, value in result["judge_accuracy"].items()]
    write_json(folder / "judge_accuracy.json", accuracies)


def print_result(result: dict[str, Any], last: str) -> None:
    rate = result["preference_over_f0"].get(last)
    if rate is None:
        return
    print(
        f"{last} is preferred to f0 in {rate['rate']:.0%} of {rate['votes']} votes "
        f"(95 % interval {rate['low']:.0%} to {rate['high']:.0%}, {rate['photographs']} photographs)"
    )
    accuracies = result["judge_accuracy"]
    print(
        "accuracy of the judges on validation pairs: "
        + "  ".join(f"{g} {value:.2f}" for g, value in accuracies.items())
    )


if __name__ == "__main__":
    stage(__doc__, run, PARAMS, {"kind": "of pictures"})
