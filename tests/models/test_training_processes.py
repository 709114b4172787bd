"""Two processes share the batches of each step: this one and another do all that is asked here once, and tell it in files."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from two_processes import in_two

from models.core import processes
from models.core.processes import ProcessesError
from models.core.training import Settings, step_generator, train

SETTINGS = Settings(
    steps=12, learning_rate=0.02, weight_decay=0.01, halve_every=7, accumulate=4, ema=0.8, clip_norm=0.5, save_every=5,
    log_every=4, seed=3,
)  # fmt: skip
HALF = replace(SETTINGS, precision="bf16")


class Toy(nn.Module):
    """Dropout draws random numbers; batch normalisation has buffers; one layer has no gradient in batches of odd number."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.3), nn.Linear(8, 1))
        self.sometimes = nn.Linear(4, 1)

    def forward(self, x: torch.Tensor, index: int) -> torch.Tensor:
        made = self.layers(x)
        return (made if index % 2 else made + self.sometimes(x)).squeeze(1)


class Look:
    """Says how large the weights are, and ends the training at step 9 in the first process alone."""

    every, stopped = 3, False

    def __init__(self, last: int | None = None) -> None:
        self.last = last

    def look(self, step: int, model: nn.Module) -> Mapping[str, float]:
        self.stopped = step == self.last and processes.leads()
        return {"size": float(sum(tensor.abs().sum() for tensor in model.parameters()))}

    def finish(self, model: nn.Module) -> None: ...

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


def batch(index: int) -> tuple[torch.Tensor, int]:
    return torch.randn(6, 4, generator=step_generator(3, index, "batch")), index


def objective(model: nn.Module, sample: tuple[torch.Tensor, int]) -> tuple[torch.Tensor, Mapping[str, Any]]:
    x, index = sample
    error = (model(x, index) - x.sum(1)).square().mean()
    return error, {"error": error} | ({"odd": error} if index % 2 else {})


def run(
    folder: Path, last: int | None = None, settings: Settings = SETTINGS, seed: int = 0, descended: Any = objective
) -> dict[str, Any]:
    """What came of a training: its weights and history, and the files in its folder."""
    torch.manual_seed(seed)
    model = Toy()
    outcome = train(
        model, batch, descended, settings, folder=folder, identity="", snapshot_steps=[6], watch=Look(last), log_gradient=True
    )  # fmt: skip
    return {
        "weights": {name: tensor.tolist() for name, tensor in model.named_parameters()},
        "buffers": {name: tensor.tolist() for name, tensor in model.named_buffers()},
        "history": outcome.history,
        "resumed_at": outcome.resumed_at,
        "files": sorted(file.name for file in folder.iterdir()),
    }


class Killed(Exception):
    pass


def interrupted(folder: Path) -> None:
    """A training that ends in the middle of step 8, its state of step 5 kept."""

    def failing(model: nn.Module, sample: tuple[torch.Tensor, int]) -> tuple[torch.Tensor, Mapping[str, Any]]:
        if sample[1] >= 8 * SETTINGS.accumulate:
            raise Killed
        return objective(model, sample)

    with pytest.raises(Killed):
        run(folder, descended=failing)


def refused(*arguments: Any) -> str:
    with pytest.raises(ProcessesError) as found:
        run(*arguments)
    return str(found.value)


def one_of_two(folder: Path) -> None:
    """All that is asked of two processes; each tells it in a file of its own."""
    rank = int(os.environ["RANK"])
    processes.join("cpu")
    told = {
        "texts": processes.told("ä" * rank),
        "whole": run(folder / "whole"),
        "of_one": run(folder / "of_one"),
        "bf16": run(folder / "bf16", None, HALF),
        "stopped": run(folder / "stopped", 9),
        "odd": refused(folder / "odd", None, replace(SETTINGS, accumulate=3)),
        "other": refused(folder / "other", None, SETTINGS, rank),
    }
    interrupted(folder / "of_two")
    processes.leave()
    (folder / f"{rank}.json").write_text(json.dumps(told))


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """What both say: this process, which is the first, and another."""
    folder = tmp_path_factory.mktemp("processes")
    interrupted(folder / "of_one")
    in_two(one_of_two, folder)
    return folder, [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return run(tmp_path_factory.mktemp("alone") / "state")


def near(found: Any, wanted: Any) -> bool:
    """Within rounding: gradients of a step are added up in another order."""
    return bool(torch.allclose(torch.tensor(found), torch.tensor(wanted), rtol=1e-5, atol=1e-6))


def test_two_processes_end_with_the_loss_and_the_weights_of_one(told: Any, alone: dict[str, Any]) -> None:
    first, second = (each["whole"] for each in told[1])
    assert first == second
    for what in ("weights", "buffers"):
        assert all(near(first[what][name], wanted) for name, wanted in alone[what].items())
    assert [entry.keys() for entry in first["history"]] == [entry.keys() for entry in alone["history"]]
    for entry, wanted in zip(first["history"], alone["history"], strict=True):
        assert entry == pytest.approx(wanted, rel=1e-5)
    assert first["files"] == alone["files"] == ["snapshot_000006.safetensors", "state.pt"]
    assert alone["weights"]["sometimes.weight"] != run_of_nothing()["sometimes.weight"]  # it did learn


def test_half_precision_in_two_processes_is_that_of_one(told: Any, alone: dict[str, Any], tmp_path: Path) -> None:
    one, (first, second) = run(tmp_path / "state", None, HALF), (each["bf16"] for each in told[1])
    assert first == second
    assert one["weights"] != alone["weights"], "it is another precision"
    for name, wanted in one["weights"].items():
        assert near(first["weights"][name], wanted)


def run_of_nothing() -> dict[str, Any]:
    torch.manual_seed(0)
    return {name: tensor.tolist() for name, tensor in Toy().named_parameters()}


def test_a_training_goes_on_with_another_number_of_processes(told: Any, alone: dict[str, Any]) -> None:
    folder, (first, _) = told
    back = run(folder / "of_two")
    for resumed in (first["of_one"], back):
        assert resumed["resumed_at"] == 5
        assert all(near(resumed["weights"][name], wanted) for name, wanted in alone["weights"].items())


def test_what_the_first_process_sees_ends_the_training_in_all(told: Any) -> None:
    for each in told[1]:
        assert each["stopped"]["history"][-1]["step"] == 9


def test_what_cannot_be_shared_is_refused_by_all(told: Any) -> None:
    for each in told[1]:
        assert each["texts"] == ["", "ä"]
        assert "accumulate is 3" in each["odd"] and "multiple of 2" in each["odd"]
        assert "start with different weights, settings or data (process 1 of 2 differs" in each["other"]


def test_alone_nothing_is_asked_of_anybody() -> None:
    processes.join("cpu")
    assert (processes.count(), processes.place(), processes.leads()) == (1, 0, True)
    assert processes.told("x") == ["x"]
    processes.meet()
    processes.leave()
