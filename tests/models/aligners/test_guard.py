"""The guard ends what only the judge likes, and goes back to the best step."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from torch import nn

from models.aligners import create
from models.aligners.base import Material, one_region
from models.aligners.guard import Guard, Rule, worse
from models.core.training import Outcome, Run, Settings
from models.judges.base import Judge

SIDE = 32


class Brightness(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(1.0))

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        return (picture * self.gain).clamp(0, 1)


class Exploitable(Judge):
    """Wants it brighter, for ever."""

    higher_is_better = True

    def scores(self, pictures: torch.Tensor, sources: Sequence[torch.Tensor] = ()) -> torch.Tensor:
        return 5 * pictures.mean((1, 2, 3))


def crops(index: int) -> tuple[torch.Tensor, ...]:
    return (0.1 + 0.4 * torch.rand(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(index)),)


def true_taste(pictures: torch.Tensor, sources: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """People want them a fifth brighter, and no more."""
    return -(pictures.mean((1, 2, 3)) / sources[0].mean((1, 2, 3)) - 1.2).abs()


def liked(pictures: torch.Tensor, sources: tuple[torch.Tensor, ...]) -> torch.Tensor:
    return Exploitable().scores(pictures)


def guard(**rule: float) -> Guard:
    scenes = [crops(1000 + number) for number in range(3)]
    return Guard(liked, {"people": true_taste}, scenes, Rule(**({"every": 5, "patience": 2} | rule)))  # type: ignore[arg-type]


def align(
    folder: Path, name: str, watch: Guard | None, steps: int = 80, judge: Judge | None = None
) -> tuple[Brightness, Outcome]:
    model = Brightness()
    options = {"anchor": 0.0} if name == "direct" else {"explore": {"scale": 0.03}, "kl": 0.0, "side": SIDE}
    run = Run(Settings(steps=steps, learning_rate=0.02, log_every=5, save_every=10), folder, "data", name=name)
    return model, create(name, **options).align(
        model, judge or Exploitable(), Material(crops, one_region(crops), watch), run
    )


@pytest.mark.parametrize("name", ["direct", "grpo", "ppo"])
def test_what_the_unguarded_run_wrecks_the_guarded_one_keeps(name: str, tmp_path: Path) -> None:
    wrecked, _ = align(tmp_path / "free", name, None)
    watch = guard()
    kept, outcome = align(tmp_path / "guarded", name, watch)
    assert float(wrecked.gain) > 1.8
    assert 1.1 < float(kept.gain) <= 1.4, "no worse than before for people: between 1 and 1.4"
    assert watch.stopped and outcome.history[-1]["step"] < 80 and f"back to step {watch.best_step}" in watch.reason
    assert outcome.history[-1]["watch_harmful"] == 1
    assert outcome.history[0]["watch_people"] > outcome.history[-1]["watch_people"]


def test_fidelity_alone_can_end_it(tmp_path: Path) -> None:
    watch = Guard(liked, {}, [crops(1000)], Rule(every=5, patience=1, fidelity=25.0))
    kept, _ = align(tmp_path, "direct", watch)
    with torch.no_grad():
        error = (kept(*crops(1000)) - crops(1000)[0]).square().mean()
    assert watch.stopped and watch.reason.startswith("stopped at step") and float(-10 * error.log10()) >= 25


def test_without_harm_the_last_is_the_best(tmp_path: Path) -> None:
    watch = Guard(liked, {"same": liked}, [crops(1000)], Rule(every=5))
    kept, _ = align(tmp_path / "a", "direct", watch, steps=20)
    free, _ = align(tmp_path / "b", "direct", None, steps=20)
    assert not watch.stopped and watch.best_step == 20 and torch.equal(kept.gain, free.gain)


def test_all_harm_leaves_the_model_as_it_was(tmp_path: Path) -> None:
    watch = Guard(
        liked, {"contrary": lambda pictures, sources: -liked(pictures, sources)}, [crops(1000)], Rule(every=5)
    )
    kept, _ = align(tmp_path, "direct", watch)
    assert watch.best_step == 0 and float(kept.gain) == 1.0


class Stop(Exception):
    pass


@pytest.mark.parametrize("dies_at", [3, 25, 38])
def test_a_killed_run_ends_where_the_other_did(dies_at: int, tmp_path: Path) -> None:
    whole, watch = align(tmp_path / "whole", "direct", guard())[0], guard()

    class Dies(Exploitable):
        asked = 0

        def scores(self, pictures: torch.Tensor, sources: Sequence[torch.Tensor] = ()) -> torch.Tensor:
            self.asked += 1
            if self.asked > dies_at:
                raise Stop
            return super().scores(pictures, sources)

    with suppress(Stop):
        align(tmp_path / "part", "direct", guard(), judge=Dies())
    kept, _ = align(tmp_path / "part", "direct", watch)
    assert torch.equal(kept.gain, whole.gain) and watch.stopped


def test_worse() -> None:
    assert worse(torch.tensor([-1.0, -1.1, -0.9]), 2.0)
    assert not worse(torch.tensor([-1.0, 1.1, -0.9]), 2.0), "less than two standard errors"
    assert not worse(torch.zeros(4), 2.0) and not worse(torch.tensor([float("nan")] * 3), 2.0)
    assert worse(torch.tensor([-1.0, float("nan")]), 2.0)


def test_a_guard_without_pictures_is_refused() -> None:
    with pytest.raises(ValueError, match="needs pictures"):
        Guard(liked, {}, [], Rule())
