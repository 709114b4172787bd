"""An ensemble trained on pairs: a single member learns as it would alone, photographs are left out, levels are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from params_helpers import DEMO

from models.core.storage import load_tensors
from models.judges import create
from models.judges.base import Judge
from pictures import sha256_file, write_png
from tasks.config import View, validate
from tasks.config.rounds import JudgeTraining
from tasks.training.image_set import ImageSet
from tasks.training.judges import RankedPair, Versions, member_costs_of, train_on_pairs

RANKER = {"widths": [4] * 10, "strides": [2, 1, 2, 1, 2, 1, 2, 1, 1], "hidden": 4}
TRAINING = JudgeTraining(steps=4, batch=3, crop=32, learning_rate=0.01, margin=0.5)


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Versions:
    monkeypatch.chdir(tmp_path)
    random, paths = np.random.default_rng(0), []
    for number in range(4):
        paths.append(str(tmp_path / f"{number}.png"))
        write_png(Path(paths[-1]), random.integers(0, 256, (40, 40, 3), dtype=np.uint8))
    return Versions(ImageSet(paths, [sha256_file(path) for path in paths]), photographs=["cat", "cat", "dog", "dog"])


def trained(
    name: str, shown: Versions, pairs: list[RankedPair], **options: Any
) -> tuple[Judge, dict[str, torch.Tensor]]:
    torch.manual_seed(0)
    judge = create(name, **options)
    out = Path("out") / name
    params = View(validate(DEMO), ("seed",), "low_light")
    train_on_pairs(judge, shown, pairs, TRAINING, params, name="test", purpose="test", data="test", out=out)
    return judge, load_tensors(out / "model.safetensors")


def test_a_single_member_learns_as_it_would_alone(shown: Versions) -> None:
    pairs = [RankedPair(0, 1), RankedPair(2, 3)]
    _, alone = trained("ranker", shown, pairs, **RANKER)
    judge, found = trained("ensemble", shown, pairs, of="ranker", options=RANKER, members=1)
    assert float(found.pop("levels")) == 0.0
    assert set(found) == {f"judges.0.{name}" for name in alone}
    for name, tensor in alone.items():
        assert torch.allclose(found[f"judges.0.{name}"], tensor, atol=1e-5), name
    assert np.shape(member_costs_of(judge, shown)) == (4, 1)


def test_members_learn_from_their_own_photographs_and_end_on_one_level(shown: Versions) -> None:
    options = {"of": "ranker", "options": RANKER, "members": 2, "share": 0.5}
    torch.manual_seed(0)
    before = create("ensemble", **options).state_dict()
    learns = create("ensemble", **options).learns_from  # type: ignore[operator]
    name = next(name for name in map(str, range(99)) if learns(name) == [True, False])
    photographs = Versions(shown.pictures, photographs=[name] * 4)
    judge, after = trained("ensemble", photographs, [RankedPair(0, 1)], **options)
    weight = "classifier.0.weight"
    assert not torch.equal(after[f"judges.0.{weight}"], before[f"judges.0.{weight}"])
    assert torch.equal(after[f"judges.1.{weight}"], before[f"judges.1.{weight}"])
    means = np.mean(member_costs_of(judge, photographs), axis=0)
    # Of whole pictures, where the level is that of crops.
    assert abs(means[0] - means[1]) < 0.2 * float((after["levels"][0] - after["levels"][1]).abs())
