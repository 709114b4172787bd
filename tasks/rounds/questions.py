"""The `questions` stage of a round: what is asked about.

Of pairs (`labels.asks`): f(n-1) is paired with f(n) by content, or with `pairs.vary` two versions of what f(n) made with each
other, and the pairs to label are chosen (`pairs.strategy`). With `candidates: genetic` in the round's line of params.yaml what
the genetic search made of a photo is paired with f(n), too.
Of ratings: pictures to rate are chosen (`tasks.rounds.items`).
Reads the dataset, data/KIND/outputs of this round and the one before, the judge before and the candidates' folder; writes
data/KIND/questions/ROUND: pairs.parquet and the versions, or the pictures to rate and items.parquet.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from labelling.store import pair_key
from models.core.training import step_seed
from models.preference.choice import Candidates, choose
from tasks.config import GENETIC, View
from tasks.datasets.subjects import subjects_of
from tasks.rounds.versions import keep_versions, varied
from tasks.stage import tables
from tasks.stage.places import Places, previous
from tasks.stage.runtime import device, stage, workers
from tasks.training.judges import load_judge, member_costs_of, versions

PARAMS = ("seed", "{kind}.judge.name", "{kind}.judge.options", "{kind}.pairs", "{kind}.labels")


class NothingToCompare(ValueError):
    """Both rounds made the same pictures."""


def paired(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Two tables of enhanced images joined by image: columns `..._before` and `..._after`."""
    return before.merge(after, on=["image", "split"], suffixes=("_before", "_after"), validate="one_to_one")


def differing(both: pd.DataFrame) -> pd.DataFrame:
    """The rows of `paired` whose pictures differ, each pair of pictures once, with their `key`.

    A photo that is in the dataset twice gives one pair: the label store knows pairs by their pixels.
    """
    both = both[both.sha256_before != both.sha256_after]
    keys = [
        pair_key(one, two) for one, two in zip(both.sha256_before.tolist(), both.sha256_after.tolist(), strict=True)
    ]
    return both.assign(key=keys).drop_duplicates("key").reset_index(drop=True)


def rows_of(both: pd.DataFrame, chosen: np.ndarray, gaps: np.ndarray, round: str, out: Path) -> list[dict[str, Any]]:
    """The rows of `pairs` for the places that were chosen among `both`; gaps: of all. out: the folder of the table."""
    rows = []
    for rank, (i, row) in enumerate(zip(chosen, tables.rows(both.iloc[chosen]), strict=True)):
        rows.append(
            {
                "round": round,
                "key": row.key,
                "image": row.image,
                "rank": rank,
                "gap": float(gaps[i]),
                "first_model": row.model_before,
                "first": tables.relative(row.path_before, out),
                "first_sha256": row.sha256_before,
                "second_model": row.model_after,
                "second": tables.relative(row.path_after, out),
                "second_sha256": row.sha256_after,
            }
        )
    return rows


def run(params: View, round: str, candidates: str) -> None:
    if params.labels.asks == "ratings":
        from tasks.rounds import items

        items.run(params, round)
        return
    at, out, before_it = Places(params.kind), Places(params.kind).questions(round), previous(round)
    after, vary = tables.read("enhanced", at.outputs(round) / "enhanced.parquet"), params.pairs.vary
    if vary is None:
        both = paired(tables.read("enhanced", at.outputs(before_it) / "enhanced.parquet"), after)
    else:
        both = varied(after, params, round, out, workers(params))
    if candidates == GENETIC:
        searched = tables.read("enhanced", at.genetic / "enhanced.parquet")
        both = pd.concat([both, paired(searched, after)], ignore_index=True)
    both = differing(both)
    if both.empty and vary is not None:
        raise NothingToCompare(
            f"the two versions of every picture of round {round} are the same picture: what f(n) makes is black or white all "
            f"over, or {params.kind}.pairs.vary.tone too small"
        )
    if both.empty:
        raise NothingToCompare(
            f"f of {before_it} and f of {round} made the same pictures, so there is nothing to label: "
            "fine-tuning changed nothing (align.steps, align.learning_rate, align.options)"
        )
    to, informed = device(params), params.pairs.strategy == "information"
    judge = load_judge(params, before_it, to)
    found = {}
    for side in ("before", "after"):
        shown = versions(
            judge, params.kind, *(both[key].tolist() for key in ("image", f"path_{side}", f"sha256_{side}"))
        )
        found[side] = np.asarray(member_costs_of(judge, shown, to))
    photographs = {subject.id: subject.photograph for subject in subjects_of(params.kind)} if informed else {}
    offered = Candidates(found["before"], found["after"], [photographs[image] for image in both.image if informed])
    chosen = choose(params.pairs.strategy, offered, params.pairs.k, step_seed(params.seed, int(round[1:]), "pairs"))
    rows = rows_of(both, chosen, offered.gaps, round, out)
    if vary is not None:
        keep_versions(out, {str(both.iloc[place][f"path_{side}"]) for place in chosen for side in found})
    tables.write("pairs", rows, out / "pairs.parquet")
    print(f"{len(rows)} of {len(both)} pairs chosen by {params.pairs.strategy}")


if __name__ == "__main__":
    stage(
        __doc__,
        run,
        PARAMS,
        {"kind": "of pictures", "round": "r01, r02, ...", "candidates": "of params.yaml"},
    )
