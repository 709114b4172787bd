"""The dual search: same seed, same genotype; killed and resumed, the same; ablations; what it keeps on disk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from models.core.training import TrainingError, step_generator
from models.losses.fusion import LOSSES
from models.search.bilevel import SearchBatch
from models.search.loop import SearchOutcome, SearchSettings, halves, search
from models.search.space import OPERATIONS
from models.search.supernet import Supernet

ROOT = Path(__file__).resolve().parents[3]
SETTINGS = SearchSettings(
    steps=8, epoch=3, warmup=1, omega_rate=1e-3, alpha_rate=0.3, threshold=0.08, retain=3, save_every=3, seed=1
)


class Interrupted(Exception):
    pass


def features(picture: torch.Tensor) -> tuple[torch.Tensor, ...]:
    kernel = torch.randn(4, 3, 3, 3, generator=torch.Generator().manual_seed(5))
    return (torch.tanh(F.conv2d(picture, kernel, padding=1)),)


def batches(name: str, reference: bool = True) -> Any:
    def batch(index: int) -> SearchBatch:
        generator = step_generator(7, index, name)
        scene, natural = F.interpolate(torch.rand(4, 3, 4, 4, generator=generator), 12).split(2)
        return SearchBatch(0.4 * scene, (1.6 * scene).clamp(max=1), scene if reference else None, natural)

    return batch


def stopping_at(last: int) -> Any:
    """Training batches that fail at a step; the loop asks for batch 0 once more, before the first step."""

    def batch(index: int) -> SearchBatch:
        if index == last:
            raise Interrupted
        return batches("training")(index)

    return batch


def run(folder: Path, settings: SearchSettings = SETTINGS, **options: Any) -> tuple[Supernet, SearchOutcome]:
    torch.manual_seed(0)
    network = Supernet(2, steps=2)
    chosen = {"identity": "data", "training": batches("training"), "validation": batches("validation"), **options}
    outcome = search(
        network, chosen.pop("training"), chosen.pop("validation"), features, settings, folder=folder, **chosen
    )
    return network, outcome


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Supernet, SearchOutcome]:
    return run(tmp_path_factory.mktemp("whole") / "state")


def same(one: tuple[Supernet, SearchOutcome], other: tuple[Supernet, SearchOutcome]) -> bool:
    weights, others = one[0].state_dict(), other[0].state_dict()
    return (
        all(torch.equal(tensor, others[name]) for name, tensor in weights.items())
        and one[1].genotype == other[1].genotype
        and one[1].loss_weights == other[1].loss_weights
        and one[1].history == other[1].history
        and one[1].pruned == other[1].pruned
    )


def test_what_a_search_finds(whole: tuple[Supernet, SearchOutcome]) -> None:
    _, outcome = whole
    assert all(len(node) == 3 for node in outcome.genotype.nodes)
    assert list(outcome.loss_weights) == list(LOSSES)
    assert sum(outcome.loss_weights.values()) == pytest.approx(1)
    assert len(set(outcome.loss_weights.values())) > 10  # beta moved
    assert [(entry.epoch, entry.step) for entry in outcome.history] == [(0, 0), (1, 3), (2, 6), (3, 8)]
    first, last = outcome.history[0], outcome.history[-1]
    assert first.remaining == 165 and first.values == {}
    assert all(weight == pytest.approx(1 / 11) for row in first.alphas for weight in row)
    assert all(weight == pytest.approx(1 / 19) for weight in first.betas.values())
    assert last.remaining == 165 - len(outcome.pruned) < 165
    assert last.betas == outcome.loss_weights
    assert set(last.values) == {"loss", "validation_loss", "constraint"}
    for row, node in zip(last.alphas, outcome.genotype.nodes, strict=True):
        ranking = sorted(OPERATIONS, key=lambda name: -row[list(OPERATIONS).index(name)])
        assert [name for name, _ in node] == ranking[:3]
        kept = [max(row[list(OPERATIONS).index(name)], 0.01) for name, _ in node]
        assert [weight for _, weight in node] == pytest.approx([weight / sum(kept) for weight in kept], abs=1e-5)


def test_the_same_seed_gives_the_same_search(tmp_path: Path, whole: tuple[Supernet, SearchOutcome]) -> None:
    torch.manual_seed(99)
    assert same(run(tmp_path / "state"), whole)


@pytest.mark.parametrize("last", [2, 3, 5, 7])
def test_an_interrupted_search_ends_the_same(tmp_path: Path, whole: tuple[Supernet, SearchOutcome], last: int) -> None:
    with pytest.raises(Interrupted):
        run(tmp_path / "state", training=stopping_at(last))
    torch.manual_seed(99)
    resumed = run(tmp_path / "state")
    assert resumed[1].resumed_at == last // 3 * 3
    assert same(resumed, whole)
    assert resumed[1].history == whole[1].history


KILLED = """
import os, signal, sys
sys.path[:0] = [{tests!r}, {root!r}]
from pathlib import Path
from test_search_loop import batches, run

def training(index):
    if index == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return batches("training")(index)

run(Path({folder!r}), training=training)
"""


def test_a_killed_search_ends_the_same(tmp_path: Path, whole: tuple[Supernet, SearchOutcome]) -> None:
    code = KILLED.format(tests=str(Path(__file__).parent), root=str(ROOT), folder=str(tmp_path / "state"))
    killed = subprocess.run([sys.executable, "-c", code], env=dict(os.environ), check=False)
    assert killed.returncode == -signal.SIGKILL
    resumed = run(tmp_path / "state")
    assert resumed[1].resumed_at == 3
    assert same(resumed, whole)


def test_a_finished_search_is_not_run_again(tmp_path: Path, whole: tuple[Supernet, SearchOutcome]) -> None:
    run(tmp_path / "state")
    again = run(tmp_path / "state", validation=None)
    assert again[1].resumed_at == 8
    assert same(again, whole)
    again[1].discard_state()
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("change", [{"identity": "other"}, {"settings": replace(SETTINGS, threshold=0.07)}])
def test_a_state_of_another_search_is_discarded(tmp_path: Path, change: dict[str, Any]) -> None:
    run(tmp_path / "state", replace(SETTINGS, steps=3))
    assert run(tmp_path / "state", **{"settings": replace(SETTINGS, steps=3), **change})[1].resumed_at == 0


def test_a_damaged_state_is_discarded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "state.pt").write_bytes(b"no state")
    assert run(tmp_path / "state", replace(SETTINGS, steps=2))[1].resumed_at == 0
    assert "is damaged" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("refinement", "kept", "prunes"),
    [("wsras", 3, True), ("retention", 3, False), ("pruning", 1, True), ("darts", 1, False)],
)
def test_ablations_of_the_refinement(tmp_path: Path, refinement: Any, kept: int, prunes: bool) -> None:
    _, outcome = run(tmp_path / "state", replace(SETTINGS, steps=4, refinement=refinement, alpha_rate=0.6))
    assert all(len(node) == kept for node in outcome.genotype.nodes)
    assert bool(outcome.pruned) == prunes
    assert (outcome.history[-1].remaining < 165) == prunes


def test_pruning_stops_at_the_retained(tmp_path: Path) -> None:
    network, outcome = run(tmp_path / "state", replace(SETTINGS, steps=3, threshold=0.99))
    assert all(len(node.remaining) == 3 for node in network.mixed())
    assert outcome.history[-1].remaining == 45


def test_without_references(tmp_path: Path) -> None:
    options = {"training": batches("training", False), "validation": batches("validation", False)}
    _, outcome = run(tmp_path / "state", replace(SETTINGS, steps=3), **options)
    assert all((weight == 0) == name.endswith("_reference") for name, weight in outcome.loss_weights.items())


def test_what_is_not_finite_stops(tmp_path: Path) -> None:
    def broken(index: int) -> SearchBatch:
        found = batches("training")(index)
        return replace(found, under=found.under * (float("nan") if index == 2 else 1))

    with pytest.raises(TrainingError, match="not finite at step 2"):
        run(tmp_path / "state", training=broken)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"steps": 0}, "steps"),
        ({"alpha_rate": 0.0}, "alpha_rate"),
        ({"warmup": -1}, "warmup"),
        ({"retain": 12}, "retain should be 1 to 11"),
        ({"threshold": 1.0}, "threshold"),
        ({"constraint": "half"}, "both, reference, natural, none"),
        ({"refinement": "some"}, "wsras, retention, pruning, darts"),
    ],
)
def test_wrong_settings_are_named(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SearchSettings(**{"steps": 4, "epoch": 2, **wrong})


def test_halves() -> None:
    training, validation = halves(9, seed=3)
    assert (len(training), len(validation)) == (5, 4)
    assert sorted([*training, *validation]) == list(range(9))
    assert halves(9, 3) == (training, validation)
    assert any(halves(9, seed)[0] != training for seed in range(5))
    with pytest.raises(ValueError, match="at least two scenes"):
        halves(1, 0)
