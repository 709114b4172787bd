"""The recipes of what Loupe comes with: scenes, a step, and a file of weights."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from models.core.storage import load_weights
from models.enhancers import create as create_enhancer
from models.fusers import create as create_fuser
from models.lighting import LIGHTS
from models.shipped import SHIPPED
from tasks.kinds import named
from tasks.shipping import enhancer, fuser, recipe, scenes
from tasks.shipping.scenes import HELD_OUT, SHARES, exposures, photographs, taken_and_lit


def test_photographs_are_held_out_and_every_light_is_drawn() -> None:
    assert len(photographs(True)) == len(HELD_OUT)
    assert not any(np.array_equal(one, other) for one in photographs(True) for other in photographs(False))
    assert set(SHARES) == set(LIGHTS) and sum(SHARES.values()) == pytest.approx(1)


def test_a_batch_is_a_function_of_seed_and_step() -> None:
    for draw in (enhancer.drawn, fuser.drawn):
        one, again, other = draw(1, 5), draw(1, 5), draw(1, 6)
        assert all(torch.equal(*pair) for pair in zip(one, again, strict=True))
        assert not torch.equal(one[0], other[0])
        assert all(float(part.min()) >= 0 and float(part.max()) <= 1 for part in one)


def test_what_is_taken_is_darker_than_what_is_lit_and_the_longer_exposure_brighter() -> None:
    photos = photographs(False)
    taken, lit = taken_and_lit(photos, 12, 64, np.random.default_rng(0))
    assert float(taken.mean()) < float(lit.mean()) - 0.05
    assert float((taken.mean((1, 2, 3)) <= lit.mean((1, 2, 3)) + 0.01).float().mean()) == 1
    under, over, _ = exposures(photos, 12, 64, np.random.default_rng(0))
    assert bool((under.mean((1, 2, 3)) < over.mean((1, 2, 3))).all())


def test_what_is_fine_stays_but_for_its_jpeg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenes, "SHARES", {"fine": 1.0})
    monkeypatch.setattr(scenes, "SHOT", (-1.0, -1.0))  # noise that nobody could miss
    taken, lit = taken_and_lit(photographs(False), 6, 64, np.random.default_rng(0))
    assert float((taken - lit).abs().mean()) < 0.03


@pytest.mark.parametrize("made", [enhancer, fuser], ids=lambda module: module.NAME)
def test_a_recipe_writes_its_weights_and_says_what_they_are(
    made: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(recipe, "cores", lambda: 1)
    monkeypatch.setattr(made, "SIDE", 48)
    monkeypatch.setattr(sys, "argv", ["recipe", "--steps", "2", "--out", "out"])
    create = create_enhancer if made is enhancer else create_fuser
    recipe.follow(
        "A try.", made.NAME, lambda: create(made.NAME, **made.OPTIONS), made.drawn, made.objective, made.SETTINGS,  # type: ignore[attr-defined]
        lambda model: {"parameters": float(sum(one.numel() for one in model.parameters()))},
    )  # fmt: skip
    said = capsys.readouterr().out
    assert re.search(r"out/\w+\.safetensors: \d+ kB, sha256 [0-9a-f]{64}, \d+ s", said) and '"parameters": ' in said
    load_weights(create(made.NAME, **made.OPTIONS), tmp_path / "out" / f"{made.NAME}.safetensors")  # type: ignore[attr-defined]


def test_what_is_shipped_is_what_the_recipes_make() -> None:
    for module, kind in ((enhancer, "low_light"), (fuser, "brackets")):
        ours = SHIPPED[named(kind).comes_with]
        assert (ours.name, ours.options, ours.recipe) == (module.NAME, module.OPTIONS, module.__name__)
