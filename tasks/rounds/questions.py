"""The `questions` stage of a round: what is asked about.

Of pairs (`labels.asks`): f(n-1) is paired with f(n) by content, and the pairs to label are chosen (`pairs.strategy`). With
`candidates: genetic` in the round's line of params.yaml what the genetic search made of a photo is paired with f(n), too.
Of ratings: pictures to rate are chosen (`tasks.rounds.items`).
Reads the dataset, data/KIND/outputs of this round and the one before, the judge before and the candidates' folder; writes
data/KIND/questions/ROUND: pairs.parquet, or the pictures to rate and items.parquet.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from labelling.store import pair_key
from models.core.training import step_seed
from models.preference.choice import Candidates, choose
from tasks.config import GENETIC, View
from tasks.datasets.subjects import subjects_of
from tasks.stage import tables
from tasks.stage.places import Places, previous
from tasks.stage.runtime import device, stage
from tasks.training.judges import load_judge, member_costs_of, versions

PARAMS = ("seed", "{kind}.judge.name", "{kind}.judge.options", "{kind}.pairs", "{kind}.labels")


class NothingToCompare(ValueError):
    """Both rounds made the same pictures."""


def paired(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Two tables of enhanced images joined by image: columns `..._before` and `..._after`."""
    return before.merge(after, on=["image", "split"], suffixes=("_before", "_after"), validate="one_to_one")


def run(params: View, round: str, candidates: str) -> None:
    if params.labels.asks == "ratings":
        from tasks.rounds import items

        items.run(params, round)
        return
    at, out, before_it = Places(params.kind), Places(params.kind).questions(round), previous(round)
    before = tables.read("enhanced", at.outputs(before_it) / "enhanced.parquet")
    after = tables.read("enhanced", at.outputs(round) / "enhanced.parquet")
    both = paired(before, after)
    if candidates == GENETIC:
        searched = tables.read("enhanced", at.genetic / "enhanced.parquet")
        both = pd.concat([both, paired(searched, after)], ignore_index=True)
    both = both[both.sha256_before != both.sha256_after]
    # A photo that is in the dataset twice gives one pair: the label store knows pairs by their pixels.
    keys = [pair_key(one, two) for one, two in zip(both.sha256_before, both.sha256_after, strict=True)]
    both = both.assign(key=keys).drop_duplicates("key").reset_index(drop=True)
    if both.empty:
        raise NothingToCompare(
            f"f of {before_it} and f of {round} made the same pictures, so there is nothing to label: "
            "fine-tuning changed nothing (align.steps, align.learning_rate, align.options)"
        )
    to, informed = device(params), params.pairs.strategy == "information"
    judge = load_judge(params, before_it, to)
    found = {}
    for side in ("before", "after"):
        shown = versions(judge, params.kind, *(list(both[key]) for key in ("image", f"path_{side}", f"sha256_{side}")))
        found[side] = np.asarray(member_costs_of(judge, shown, to))
    photographs = {subject.id: subject.photograph for subject in subjects_of(params.kind)} if informed else {}
    offered = Candidates(found["before"], found["after"], [photographs[image] for image in both.image if informed])
    gaps = offered.gaps
    chosen = choose(params.pairs.strategy, offered, params.pairs.k, step_seed(params.seed, int(round[1:]), "pairs"))
    rows = [
        {
            "round": round,
            "key": both.key[i],
            "image": both.image[i],
            "rank": rank,
            "gap": float(gaps[i]),
            "first_model": both.model_before[i],
            "first": tables.relative(both.path_before[i], out),
            "first_sha256": both.sha256_before[i],
            "second_model": both.model_after[i],
            "second": tables.relative(both.path_after[i], out),
            "second_sha256": both.sha256_after[i],
        }
        for rank, i in enumerate(chosen)
    ]
    tables.write("pairs", rows, out / "pairs.parquet")
    print(f"{len(rows)} of {len(both)} pairs chosen by {params.pairs.strategy}")


if __name__ == "__main__":
    stage(
        __doc__,
        run,
        PARAMS,
        {"kind": "of pictures", "round": "r01, r02, ...", "candidates": "of params.yaml"},
    )
