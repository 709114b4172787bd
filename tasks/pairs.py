"""The `pairs` stage of a round: pair f(n-1) with f(n) by content and choose the pairs to label (HiLLIE, Eq. 1).

With `pairs.candidates: genetic` what the genetic search made of a photo is paired with f(n), too. Reads data/enhance of
this round and the one before, the ranker before and the candidates' folder; writes data/pairs/ROUND/pairs.parquet.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from labelling.records import pair_key
from models.preference.choice import choose
from models.training import step_seed
from tasks import tables
from tasks.config import View
from tasks.image_set import ImageSet
from tasks.ranker_data import load_ranker, scores_of
from tasks.runtime import DATA, device, stage

PARAMS = ("seed", "ranker.network", "pairs")


class NothingToCompare(ValueError):
    """Both rounds made the same pictures."""


def paired(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Two tables of enhanced images joined by image: columns `..._before` and `..._after`."""
    return before.merge(after, on=["image", "split"], suffixes=("_before", "_after"), validate="one_to_one")


def run(params: View, round: str, previous: str) -> None:
    before = tables.read("enhanced", DATA / "enhance" / previous / "enhanced.parquet")
    after = tables.read("enhanced", DATA / "enhance" / round / "enhanced.parquet")
    both = paired(before, after)
    if params.pairs.candidates == "genetic":
        searched = tables.read("enhanced", DATA / "genetic" / "enhanced.parquet")
        both = pd.concat([both, paired(searched, after)], ignore_index=True)
    both = both[both.sha256_before != both.sha256_after]
    # A photo that is in the dataset twice gives one pair: the label store knows pairs by their pixels.
    keys = [pair_key(one, two) for one, two in zip(both.sha256_before, both.sha256_after, strict=True)]
    both = both.assign(key=keys).drop_duplicates("key").reset_index(drop=True)
    if both.empty:
        raise NothingToCompare(
            f"f of {previous} and f of {round} made the same pictures, so there is nothing to label: "
            "fine-tuning changed nothing (finetune.steps, finetune.learning_rate, finetune.lambda_ranker)"
        )
    to = device(params)
    ranker = load_ranker(params, previous, to)
    scores_before = scores_of(ranker, ImageSet(list(both.path_before), list(both.sha256_before)), to)
    scores_after = scores_of(ranker, ImageSet(list(both.path_after), list(both.sha256_after)), to)
    gaps = np.asarray(scores_before) - np.asarray(scores_after)
    chosen = choose(params.pairs.strategy, gaps, params.pairs.k, step_seed(params.seed, int(round[1:]), "pairs"))
    rows = [
        {
            "round": round,
            "key": both.key[i],
            "image": both.image[i],
            "rank": rank,
            "gap": float(gaps[i]),
            "first_model": both.model_before[i],
            "first": both.path_before[i],
            "first_sha256": both.sha256_before[i],
            "second_model": both.model_after[i],
            "second": both.path_after[i],
            "second_sha256": both.sha256_after[i],
        }
        for rank, i in enumerate(chosen)
    ]
    tables.write("pairs", rows, DATA / "pairs" / round / "pairs.parquet")
    print(f"{len(rows)} of {len(both)} pairs chosen by {params.pairs.strategy}")


if __name__ == "__main__":
    stage(__doc__, run, PARAMS, {"round": "r01, r02, ...", "previous": "the round before"})
