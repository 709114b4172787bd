"""A params.yaml of before gets one error with the new place of every key."""

from __future__ import annotations

from pathlib import Path

import pytest
from params_helpers import changed, faults

from tasks.config import ConfigError, load_whole

FORMER = {
    "scale": "demo",
    "seed": 1,
    "machine": {"device": "auto"},
    "dataset": {"source": "sample"},
    "enhancer": {"name": "curve"},
    "pretrain": {"steps": 200},
    "ranker": {"niqe": {"steps": 200}},
    "loop": {"task": "low_light"},
    "pairs": {"k": 48, "strategy": "gap", "candidates": "low_light"},
    "labels": {"source": "simulated"},
    "rounds": {"r01": {"prev": "r00", "label_rev": 0}},
    "finetune": {"steps": 60},
    "evaluate": {"metrics": ["niqe"]},
    "report": {"photos": 8},
    "genetic": {"photos": 40},
    "amortise": {"steps": 400},
    "genetic_evaluate": {"metrics": ["niqe"]},
    "brackets": {"source": "sample"},
    "search": {"width": 4},
    "fuser": {"width": 8},
    "train_fuser": {"steps": 300},
    "evaluate_brackets": {"metrics": ["sd"]},
}
STAYED = {"scale", "seed", "machine", "amortise", "genetic_evaluate"}


def test_the_keys_of_a_file_of_before_are_listed_with_their_new_places() -> None:
    message = faults(FORMER)
    first, *lines = message.splitlines()
    assert first == "params.yaml is of a version before, with these keys (docs/upgrading.md):"
    assert sorted(lines) == [
        "  brackets is now brackets.dataset",
        "  dataset is now low_light.dataset",
        "  enhancer is now low_light.model",
        "  evaluate is now KIND.evaluate",
        "  evaluate_brackets is now brackets.search_report",
        "  finetune is now KIND.align (lambda_ranker, content_layer and content_reduce are its options)",
        "  fuser is now brackets.model (name: searched; width and unrolled are its options)",
        "  genetic is now genetic, with kinds: [low_light], and reads: pictures for low_light; an objective ranker:rNN is "
        "judge:rNN",
        "  labels is now KIND.labels",
        "  loop is now kinds: every kind that is named there has its rounds, in a folder of its own",
        "  pairs is now KIND.pairs (pairs.candidates is rounds.KIND-rNN.candidates)",
        "  pretrain is now low_light.start",
        "  ranker is now KIND.judge (ranker.network is judge.options, ranker.niqe is judge.start)",
        "  report is now KIND.report",
        "  rounds is now rounds, with the key KIND-rNN and {kind, round, prev, candidates, label_rev}",
        "  search is now brackets.search",
        "  train_fuser is now brackets.start (with layers, as search has them)",
    ]
    assert {line.split()[0] for line in lines} == set(FORMER) - STAYED


@pytest.mark.parametrize("key", ["loop", "dataset"])
def test_one_former_key_is_enough_to_tell_a_file_of_before(key: str, tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(f"seed: 1\n{key}: {{}}\nfuser: {{}}\n")
    with pytest.raises(ConfigError) as refused:
        load_whole(path)
    first, *lines = str(refused.value).splitlines()
    assert first.startswith(f"{path} is of a version before")
    assert {line.split()[0] for line in lines} == {key, "fuser"}


def test_a_former_key_in_a_file_of_now_is_an_unknown_key() -> None:
    message = faults(changed(loop={"task": "low_light"}))
    assert message == "params.yaml has 1 fault:\n  loop: unknown key"
