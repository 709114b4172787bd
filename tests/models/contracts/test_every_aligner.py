"""What holds for every registered aligner, and for a toy beside them."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch

from models.aligners import ALIGNERS, UnknownAligner, create
from models.aligners.base import Kept, Material, one_region
from models.aligners.registry import ASK_ABOUT_REGIONS
from models.core.training import Run, Settings
from models.enhancers import create as create_enhancer
from models.judges import create as create_judge
from models.judges.base import Judge, costs

OPTIONS: dict[str, dict[str, Any]] = {
    "ranker_loss": {"lambda_ranker": 5.0, "content_layer": "relu1_1"},
    "direct": {"anchor": 0.01},
    "grpo": {"explore": {"scale": 0.05, "colour": True}, "kl": 0.0, "side": 32},
    "ppo": {"explore": {"scale": 0.05, "colour": True}, "kl": 0.0, "side": 32},
    "dpo": {"explore": {"scale": 0.05, "colour": True}, "side": 32},
    "preferred": {"parts": 1},
    "toy": {"sigma": 0.1},
}
NAMES = [*ALIGNERS, "toy"]
STEPS = 20


def crops(index: int) -> tuple[torch.Tensor, ...]:
    return (torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(index)),)


def judge() -> Judge:
    """Likes red."""
    found = create_judge("toy", departure=0.0)
    with torch.no_grad():
        found.colour.copy_(torch.tensor([2.0, -0.5, -0.5]))
    return found.requires_grad_(False).eval()


def aligned(name: str, folder: Path, kept: Kept | None = None) -> tuple[torch.nn.Module, Any, Judge]:
    model, found = create_enhancer("toy", gain=0.5), judge()
    run = Run(Settings(steps=STEPS, learning_rate=0.02, log_every=5), folder, "data", name=name)
    material = Material(crops, one_region(crops), kept=kept)
    return model, create(name, **OPTIONS[name]).align(model, found, material, run), found


@pytest.mark.parametrize("name", NAMES)
def test_the_judge_likes_the_model_better_and_stays_as_it_was(name: str, tmp_path: Path) -> None:
    model, outcome, after = aligned(name, tmp_path)
    given, before = crops(99), create_enhancer("toy", gain=0.5)
    with torch.no_grad():
        assert costs(after, model(*given), given).mean() < costs(after, before(*given), given).mean()
    assert not model.training
    assert all(torch.equal(value, after.state_dict()[key]) for key, value in judge().state_dict().items())
    assert outcome.history and {"step", "loss"} <= set(outcome.history[-1])


@pytest.mark.parametrize("name", NAMES)
def test_the_same_again_gives_the_same_model(name: str, tmp_path: Path) -> None:
    one, two = (aligned(name, tmp_path / folder)[0].state_dict() for folder in ("a", "b"))
    assert all(torch.equal(value, two[key]) for key, value in one.items())


@pytest.mark.parametrize("name", list(ALIGNERS))
def test_what_is_kept_holds_against_the_judge(name: str, tmp_path: Path) -> None:
    """The judge wants red, and what is kept a picture without any: far heavier, it wins; and it is logged."""

    def no_red(made: torch.Tensor, sources: tuple[torch.Tensor, ...]) -> torch.Tensor:
        assert sources[0].shape == made.shape
        return 1000 * made[:, 0].mean()

    before, given = create_enhancer("toy", gain=0.5), crops(99)
    model, outcome, _ = aligned(name, tmp_path, kept=no_red)
    with torch.no_grad():
        assert model(*given)[:, 0].mean() < before(*given)[:, 0].mean()
    assert "kept" in outcome.history[-1]


@pytest.mark.parametrize("name", NAMES)
def test_what_it_needs_is_asked_for(name: str) -> None:
    aligner, blunt = create(name, **OPTIONS[name]), copy.deepcopy(judge())
    assert aligner.fault(blunt) is None
    blunt.differentiable = False
    assert (aligner.fault(blunt) is not None) == ("gradient of the judge" in aligner.needs)
    assert (aligner.fault(None) is None) == aligner.judgeless
    stiff = create_enhancer("toy")
    stiff.learns_not = "what it makes has no gradient"
    assert (aligner.fault(judge(), stiff) is not None) == ("gradient of the model" in aligner.needs)


@pytest.mark.parametrize("name", NAMES)
def test_an_option_that_is_unknown_or_missing_is_named(name: str) -> None:
    with pytest.raises(UnknownAligner, match=r"no option 'strength'"):
        create(name, strength=1)


def test_the_registry_knows_who_asks_about_regions() -> None:
    asking = {name for name in ALIGNERS if name != "toy" and create(name, **OPTIONS[name]).uses_regions}
    assert asking == ASK_ABOUT_REGIONS


def test_what_is_no_aligner_is_named() -> None:
    with pytest.raises(
        UnknownAligner,
        match="no aligner is called 'magic'; known are direct, dpo, grpo, ppo, preferred, ranker_loss, toy",
    ):
        create("magic")
    with pytest.raises(UnknownAligner, match=r"aligner 'toy' with options .*: sigma is a deviation above 0, not 0"):
        create("toy", sigma=0)
