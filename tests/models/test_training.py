from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from models.core.storage import load_weights
from models.core.training import Settings, TrainingError, step_generator, step_seed, train

ROOT = Path(__file__).resolve().parents[2]
# Everything that has a state of its own is on: EMA, accumulation, decay of the learning rate, clipping.
SETTINGS = Settings(
    steps=24, learning_rate=0.02, weight_decay=0.01, halve_every=7, accumulate=2, ema=0.8, clip_norm=0.5, save_every=5,
    log_every=4, seed=3,
)  # fmt: skip
PLAIN = Settings(steps=10, learning_rate=0.05, save_every=4, log_every=2)


class Small(nn.Module):
    """Has batch normalisation (buffers) and dropout (random numbers in the model)."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.3), nn.Linear(8, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x).squeeze(1)


def fresh(seed: int = 0) -> Small:
    torch.manual_seed(seed)
    return Small()


def batch(index: int) -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.randn(6, 4, generator=step_generator(3, index, "batch"))
    return x, x.sum(1)


def objective(model: nn.Module, sample: tuple[torch.Tensor, torch.Tensor]) -> tuple[torch.Tensor, Mapping[str, Any]]:
    x, y = sample
    error = (model(x) - y).square().mean()
    return error, {"error": error}


class Interrupted(Exception):
    pass


def stopping_after(calls: int) -> Any:
    """An objective that fails when it is called once more."""
    left = calls

    def failing(model: nn.Module, sample: Any) -> Any:
        nonlocal left
        if left == 0:
            raise Interrupted
        left -= 1
        return objective(model, sample)

    return failing


def weights(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def run(folder: Path, settings: Settings = SETTINGS, model: nn.Module | None = None, **options: Any) -> tuple[Any, Any]:
    model = model or fresh()
    chosen = {"identity": "data", "batches": batch, "objective": objective, **options}
    outcome = train(model, chosen.pop("batches"), chosen.pop("objective"), settings, folder=folder, **chosen)
    return weights(model), outcome


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """Weights and outcome of an uninterrupted training."""
    return run(tmp_path_factory.mktemp("whole") / "state", snapshot_steps=[6, 24])


@pytest.mark.parametrize("calls", [0, 9, 10, 23, 47])
def test_an_interrupted_training_ends_with_the_same_weights(tmp_path: Path, whole: Any, calls: int) -> None:
    logged: list[tuple[int, dict[str, float]]] = []
    with pytest.raises(Interrupted):
        run(tmp_path / "state", objective=stopping_after(calls), snapshot_steps=[6, 24])
    torch.manual_seed(999)  # whatever else used random numbers in between
    result, outcome = run(
        tmp_path / "state", snapshot_steps=[6, 24], on_log=lambda step, values: logged.append((step, dict(values)))
    )
    assert outcome.resumed_at == calls // 2 // 5 * 5
    assert same(result, whole[0])
    assert outcome.history == whole[1].history
    assert [step for step, _ in logged] == [4, 8, 12, 16, 20, 24]  # those of before the interruption first
    assert [{"step": step, **values} for step, values in logged] == whole[1].history
    for snapshot, expected in zip(outcome.snapshots, whole[1].snapshots, strict=True):
        assert snapshot.read_bytes() == expected.read_bytes()


KILLED = """
import os, signal, sys
sys.path[:0] = [{tests!r}, {root!r}]
from pathlib import Path
from test_training import objective, run

calls = 0

def killed(model, sample):
    global calls
    calls += 1
    if calls == 30:
        os.kill(os.getpid(), signal.SIGKILL)
    return objective(model, sample)

run(Path(sys.argv[1]), objective=killed, snapshot_steps=[6, 24])
"""


def test_a_killed_training_ends_with_the_same_weights(tmp_path: Path, whole: Any) -> None:
    code = KILLED.format(tests=str(Path(__file__).parent), root=str(ROOT))
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "state")],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    result, outcome = run(tmp_path / "state", snapshot_steps=[6, 24])
    assert outcome.resumed_at == 10
    assert same(result, whole[0])


def test_a_finished_training_is_not_repeated(tmp_path: Path, whole: Any) -> None:
    run(tmp_path / "state", snapshot_steps=[6, 24])
    result, outcome = run(tmp_path / "state", snapshot_steps=[6, 24], objective=stopping_after(0))
    assert outcome.resumed_at == 24
    assert same(result, whole[0])
    outcome.discard_state()
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"settings": replace(SETTINGS, learning_rate=0.01)},
        {"settings": replace(SETTINGS, seed=4)},
        {"identity": "other data"},
        {"snapshot_steps": [6]},
        {"model": fresh(seed=1)},
    ],
    ids=["rate", "seed", "data", "snapshots", "initial weights"],
)
def test_a_state_of_another_training_is_not_continued(tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(Interrupted):
        run(tmp_path / "state", objective=stopping_after(40))
    _, outcome = run(tmp_path / "state", **change)
    assert outcome.resumed_at == 0


@pytest.mark.parametrize("damage", [b"", b"not a checkpoint", None], ids=["empty", "other", "truncated"])
def test_a_damaged_state_means_a_fresh_start(
    tmp_path: Path, whole: Any, capsys: pytest.CaptureFixture[str], damage: bytes | None
) -> None:
    with pytest.raises(Interrupted):
        run(tmp_path / "state", objective=stopping_after(40))
    state = tmp_path / "state" / "state.pt"
    state.write_bytes(state.read_bytes()[: state.stat().st_size // 2] if damage is None else damage)
    result, outcome = run(tmp_path / "state", snapshot_steps=[6, 24])
    assert outcome.resumed_at == 0
    assert same(result, whole[0])
    assert "state.pt is damaged" in capsys.readouterr().out


class Harmful:
    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.proof}",)


def test_a_state_runs_no_code(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    torch.save(Harmful(tmp_path / "proof"), tmp_path / "state" / "state.pt")
    run(tmp_path / "state", PLAIN)
    assert not (tmp_path / "proof").exists()


def test_a_loss_that_is_not_finite_names_step_and_remedy(tmp_path: Path) -> None:
    def breaking(model: nn.Module, sample: Any) -> Any:
        loss, values = objective(model, sample)
        return (loss * float("nan"), values) if breaking_at.pop(0) else (loss, values)

    breaking_at = [False] * 6 + [True]
    with pytest.raises(TrainingError, match=r"pretrain: .*not finite at step 6; lower its learning_rate"):
        run(tmp_path / "state", PLAIN, objective=breaking, name="pretrain")
    _, outcome = run(tmp_path / "state", PLAIN)
    assert outcome.resumed_at == 4  # the state before is sound


def test_weights_that_are_not_finite_are_never_the_result(tmp_path: Path) -> None:
    """A finite loss with an infinite gradient in the last step would otherwise pass."""

    def steep(model: nn.Module, sample: Any) -> Any:
        return (next(model.parameters()) * 0).abs().sqrt().sum(), {}

    with pytest.raises(TrainingError, match="weights that are not finite"):
        run(tmp_path / "state", replace(PLAIN, steps=1), objective=steep)


def deterministic_objective(model: nn.Module, x: torch.Tensor) -> tuple[torch.Tensor, Mapping[str, Any]]:
    return (model(x).squeeze(1) - x.sum(1)).square().mean(), {}


def test_two_batches_of_two_equal_one_of_four(tmp_path: Path) -> None:
    data = torch.randn(40, 4, generator=torch.Generator().manual_seed(0))

    def linear() -> nn.Module:
        torch.manual_seed(0)
        return nn.Linear(4, 1)

    results = []
    for size, accumulate in ((2, 2), (4, 1)):
        result, _ = run(
            tmp_path / f"state{size}",
            replace(PLAIN, accumulate=accumulate, weight_decay=0.5),  # Adam alone would not see the scale
            linear(),
            batches=lambda index, size=size: data[index * size : (index + 1) * size],
            objective=deterministic_objective,
        )
        results.append(result)
    for name in results[0]:
        # Summing in another order: float32 rounding, magnified by Adam.
        assert torch.allclose(results[0][name], results[1][name], atol=1e-5), name


def test_the_average_is_the_exponential_moving_average_of_the_weights(tmp_path: Path) -> None:
    """One weight, gradient 1 in each step: Adam goes down by the learning rate, 0, -0.1, -0.2, -0.3."""

    def one(model: nn.Module, _: Any) -> Any:
        return model.weight.sum(), {}  # type: ignore[operator, union-attr]

    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    result, _ = run(tmp_path / "state", Settings(steps=3, learning_rate=0.1, ema=0.5), model, objective=one)
    # The average starts at the first weights: -0.1; then (-0.1 - 0.2) / 2 = -0.15; then (-0.15 - 0.3) / 2 = -0.225.
    assert float(result["weight"]) == pytest.approx(-0.225, abs=1e-5)


def test_the_learning_rate_is_halved() -> None:
    settings = Settings(steps=9, learning_rate=0.8, halve_every=3)
    assert [settings.rate_at(step) for step in range(9)] == [0.8] * 3 + [0.4] * 3 + [0.2] * 3
    assert Settings(steps=9, learning_rate=0.8).rate_at(8) == 0.8


def test_snapshots_hold_the_weights_of_their_step(tmp_path: Path) -> None:
    settings = Settings(steps=8, learning_rate=0.05)
    result, outcome = run(tmp_path / "long", settings, snapshot_steps=[3, 8])
    shorter, _ = run(tmp_path / "short", replace(settings, steps=3))
    for path, expected in zip(outcome.snapshots, (shorter, result), strict=True):
        model = fresh(seed=5)
        load_weights(model, path)
        assert same(weights(model), expected)


def test_it_learns_and_ends_in_evaluation_mode(tmp_path: Path) -> None:
    model = fresh()
    _, outcome = run(tmp_path / "state", replace(PLAIN, steps=60), model)
    assert outcome.history[-1]["error"] < 0.5 * outcome.history[0]["error"]
    assert not model.training


def test_frozen_weights_stay(tmp_path: Path) -> None:
    model = fresh()
    model.layers[0].requires_grad_(False)
    before = weights(model)
    result, _ = run(tmp_path / "state", PLAIN, model)
    assert torch.equal(result["layers.0.weight"], before["layers.0.weight"])
    assert not torch.equal(result["layers.3.weight"], before["layers.3.weight"])


def test_seeds_are_independent_of_each_other() -> None:
    seeds = {step_seed(seed, step, purpose) for seed in range(5) for step in range(50) for purpose in ("", "batch")}
    assert len(seeds) == 500
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert step_seed(1, 2, "x") == step_seed(1, 2, "x")


def test_determinism_is_on_and_does_not_import_the_compiler() -> None:
    code = (
        "import sys, torch; from models.core.training import make_deterministic; make_deterministic(); "
        "print(torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled(), "
        "'torch._inductor' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True", "False"]
