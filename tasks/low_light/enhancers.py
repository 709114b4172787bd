"""Enhancers of the pipeline: built from params, loaded from a stage's weights, run over a table of images."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch

from models.core.storage import load_weights, version_of
from models.core.training import make_deterministic, step_seed
from models.enhancers import create
from models.enhancers.base import Enhancer
from tasks.config import View


def fresh(params: View) -> Enhancer:
    """The enhancer of params.yaml, initialised from the seed."""
    make_deterministic()
    torch.manual_seed(step_seed(params.seed, 0, "enhancer"))
    return create(params.model.name, **params.model.options)


@dataclass(frozen=True)
class Trained:
    """A trained enhancer by name, options and weights: small, and fit to be sent to another process."""

    name: str
    options: str  # as JSON
    weights: str


def trained(params: View, weights: Path) -> Trained:
    """The enhancer of params.yaml with the weights at a path."""
    return Trained(params.model.name, json.dumps(params.model.options, sort_keys=True), str(weights))


def opened(spec: Trained) -> Enhancer:
    """The enhancer itself, frozen, in evaluation mode, on the CPU; loaded once a process, and again when its file is another."""
    return _opened(spec, version_of(Path(spec.weights)))


@lru_cache(maxsize=64)
def _opened(spec: Trained, version: tuple[int, ...] | None) -> Enhancer:
    enhancer = create(spec.name, **json.loads(spec.options))
    load_weights(enhancer, Path(spec.weights))
    return enhancer.requires_grad_(False).eval()
