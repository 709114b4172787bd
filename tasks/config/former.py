"""Where the keys of a params.yaml of before went: kinds of pictures had no sections of their own then (docs/upgrading.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Former key -> where it is now. KIND is each kind's section: what the rounds of all kinds shared is now said for each.
MOVED = {
    "dataset": "low_light.dataset",
    "enhancer": "low_light.model",
    "pretrain": "low_light.start",
    "brackets": "brackets.dataset",
    "search": "brackets.search",
    "fuser": "brackets.model (name: searched; width and unrolled are its options)",
    "train_fuser": "brackets.start (with layers, as search has them)",
    "evaluate_brackets": "brackets.search_report",
    "ranker": "KIND.judge (ranker.network is judge.options, ranker.niqe is judge.start)",
    "pairs": "KIND.pairs (pairs.candidates is rounds.KIND-rNN.candidates)",
    "labels": "KIND.labels",
    "finetune": "KIND.align (lambda_ranker, content_layer and content_reduce are its options)",
    "evaluate": "KIND.evaluate",
    "report": "KIND.report",
    "loop": "kinds: every kind that is named there has its rounds, in a folder of its own",
    "rounds": "rounds, with the key KIND-rNN and {kind, round, prev, candidates, label_rev}",
    "genetic": "genetic, with kinds: [low_light], and reads: pictures for low_light; an objective ranker:rNN is judge:rNN",
}


def former_keys(values: Mapping[str, Any]) -> list[str]:
    """A line for each key of a file of before that has moved; none for a file of now."""
    if "kinds" in values or not {"loop", "dataset"} & set(values):
        return []
    return [f"  {key} is now {place}" for key, place in MOVED.items() if key in values]
