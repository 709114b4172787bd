"""The weights of the fusion losses that the search found, as a file and as beta."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from models.losses.fusion import LOSSES
from pictures import AbsentFile, FileFault, mended, read_json
from tasks.brackets.kind import KIND
from tasks.stage.places import Places

SEARCHED = Places(KIND.name).search / "loss_weights.json"
_LEAST = 1e-12


class LossWeightsError(ValueError):
    """The file of searched loss weights is absent or does not fit the losses."""


def read(path: Path) -> dict[str, float]:
    """Loss -> weight, not negative. Raises `LossWeightsError`: absent, no JSON, other losses, impossible weights."""
    try:
        found = read_json(path)
    except AbsentFile:
        raise LossWeightsError(f"{path} is missing; `dvc repro search@brackets` makes it") from None
    except FileFault as error:
        raise LossWeightsError(f"{error}; {mended(path)}") from error
    if not isinstance(found, dict) or set(found) != set(LOSSES):
        raise LossWeightsError(f"{path} should hold one weight for each of {', '.join(LOSSES)}")
    wrong = [
        name
        for name, value in found.items()
        if isinstance(value, bool) or not (isinstance(value, int | float) and 0 <= value <= 1)
    ]
    if wrong:
        raise LossWeightsError(f"{path}: the weights of {', '.join(wrong)} should be numbers within [0, 1]")
    return {name: float(value) for name, value in found.items()}


def beta_of(weights: Mapping[str, float]) -> torch.Tensor:
    """Logarithms (19,) of the weights in the order of LOSSES: softmax gives weights that sum to one back."""
    return torch.tensor([max(weights[name], _LEAST) for name in LOSSES], dtype=torch.float64).log().float()
