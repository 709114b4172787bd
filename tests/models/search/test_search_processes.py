"""Two processes share the batches of each step of a search, and find what one finds."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from test_search_loop import SETTINGS, Interrupted, batches, run
from two_processes import in_two

from models.core import processes
from models.core.processes import ProcessesError

SHARED = replace(SETTINGS, accumulate=2)


def found(folder: Path, settings: Any = SHARED) -> dict[str, Any]:
    network, outcome = run(folder, settings)
    return {
        "alphas": [node.alpha.tolist() for node in network.mixed()],
        "weights": float(sum(tensor.detach().abs().sum() for tensor in network.operation_weights())),
        "betas": outcome.loss_weights,
        "pruned": outcome.pruned,
        "values": [entry.values for entry in outcome.history],
        "resumed_at": outcome.resumed_at,
        "state": (folder / "state.pt").is_file(),
    }


def interrupted(folder: Path) -> None:
    def failing(index: int) -> Any:
        if index >= 7 * SHARED.accumulate:
            raise Interrupted
        return batches("training")(index)

    with pytest.raises(Interrupted):
        run(folder, SHARED, training=failing)


def one_of_two(folder: Path) -> None:
    rank = int(os.environ["RANK"])
    processes.join("cpu")
    told = {"whole": found(folder / "whole"), "resumed": found(folder / "of_one")}
    with pytest.raises(ProcessesError) as refused:
        run(folder / "odd", SETTINGS)
    processes.leave()
    (folder / f"{rank}.json").write_text(json.dumps({**told, "odd": str(refused.value)}))


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("search")
    interrupted(folder / "of_one")
    in_two(one_of_two, folder)
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)]


def test_two_processes_find_what_one_finds(told: list[dict[str, Any]], tmp_path: Path) -> None:
    alone = json.loads(json.dumps(found(tmp_path / "state")))
    for each in told:
        assert each["whole"]["pruned"] == alone["pruned"] and alone["pruned"]
        assert torch.allclose(torch.tensor(each["whole"]["alphas"]), torch.tensor(alone["alphas"]), atol=1e-4)
        assert each["whole"]["weights"] == pytest.approx(alone["weights"], rel=1e-5)
        assert each["whole"]["betas"] == pytest.approx(alone["betas"], rel=1e-4)
        for values, wanted in zip(each["whole"]["values"], alone["values"], strict=True):
            assert values == pytest.approx(wanted, rel=1e-4)


def test_two_processes_go_on_where_one_was_stopped(told: list[dict[str, Any]]) -> None:
    for each in told:
        assert each["resumed"]["resumed_at"] == 6
        assert each["resumed"]["betas"] == pytest.approx(each["whole"]["betas"], rel=1e-4)
        assert each["resumed"]["pruned"] == each["whole"]["pruned"]


def test_one_batch_cannot_be_shared(told: list[dict[str, Any]]) -> None:
    assert all("accumulate is 1" in each["odd"] and "multiple of 2" in each["odd"] for each in told)


def test_several_batches_are_averaged(tmp_path: Path) -> None:
    """The same batch twice says the same as once."""
    network, _ = run(tmp_path / "once", replace(SETTINGS, steps=2, epoch=2))
    twice, _ = run(
        tmp_path / "twice",
        replace(SHARED, steps=2, epoch=2),
        training=lambda index: batches("training")(index // 2),
        validation=lambda index: batches("validation")(index // 2),
    )
    for one, other in zip(network.architecture(), twice.architecture(), strict=True):
        assert torch.allclose(one, other, atol=1e-4)
