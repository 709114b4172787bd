"""The models that the rounds teach: `low_light` puts a photo through an enhancer, `brackets` two exposures through a fuser.

Stages of the rounds ask here for models and `tasks.subjects` for images, and are otherwise the same for both tasks. The
model that the rounds of a task start with lies in data/pretrain/TASK: dvc.yaml names it so.
"""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
from torch import nn

from models.fusers.base import Fuser
from models.fusers.searched import SearchedFuser, save
from models.storage import save_weights
from models.tiling import fuse_tiled
from pictures import read_uint8
from tasks import enhancers, fusers
from tasks.config import View
from tasks.enhancers import Trained
from tasks.fusers import Method
from tasks.runtime import DATA
from tasks.tensors import picture_of, tensor

Spec = Trained | Method
"""A model by what it is made of: small, and fit to be sent to another process."""


def apply(model: nn.Module, sources: tuple[str, ...], device: str = "cpu") -> np.ndarray:
    """What a model makes of the files, (H, W, 3) uint8; a fuser works tile by tile. Raises `ImageError`."""
    if isinstance(model, Fuser):
        return fuse_tiled(model, [read_uint8(path) for path in sources], device=device)
    with torch.no_grad():
        return picture_of(model(*(tensor(read_uint8(path)).to(device) for path in sources)))


def untouched(sources: tuple[str, ...]) -> np.ndarray:
    """What there is without a model, (H, W, 3) uint8: the photo, or the plain average of the exposures."""
    return read_uint8(sources[0]) if len(sources) == 1 else apply(opened(Method("average")), sources)


def spec(params: View, weights: Path) -> Spec:
    """The task's model with the weights in a file."""
    return fusers.searched(weights) if params.loop.task == "brackets" else enhancers.trained(params, weights)


def opened(of: Spec) -> nn.Module:
    """The model itself, frozen, in evaluation mode, on the CPU; loaded once a process. Raises `WeightsError`."""
    return fusers.opened(of) if isinstance(of, Method) else enhancers.opened(of)


def load(params: View, weights: Path, device: str = "cpu") -> nn.Module:
    """The task's model with trained weights, frozen, in evaluation mode, on a device; a copy of its own."""
    return deepcopy(opened(spec(params, weights))).to(device)


def store(model: nn.Module, path: Path) -> None:
    """Write a model that `load` gave, and that was trained since."""
    if isinstance(model, SearchedFuser):
        save(model, path)
    else:
        save_weights(model, path)


def first_weights(task: str) -> Path:
    """Weights of f0."""
    return DATA / "pretrain" / task / "model.safetensors"


def checkpoints(task: str) -> list[Path]:
    """Weights that the training of f0 left on its way."""
    return sorted((first_weights(task).parent / "checkpoints").glob("*.safetensors"))


def weights_of(round_name: str) -> Path:
    """Weights that a round's fine-tuning made: r00 -> f1, r01 -> f2, ..."""
    return DATA / "finetune" / round_name / "model.safetensors"


def weights_before(task: str, round_name: str) -> Path:
    """Weights of f(n) at the start of round n: those of f0 for r00, else those of the round before."""
    number = int(round_name[1:])
    return first_weights(task) if number == 0 else weights_of(f"r{number - 1:02d}")


def model_name(round_name: str) -> str:
    """The name of the model that a round starts with: r00 -> f0, r01 -> f1, ..."""
    return f"f{int(round_name[1:])}"
