"""Fusers of the pipeline: the searched network from a stage's weights, and the methods beside it."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from models.core.training import make_deterministic, step_seed
from models.fusers import create
from models.fusers.base import Fuser
from models.fusers.searched import SearchedFuser, build
from models.search.genotype import Genotype, GenotypeError
from pictures import AbsentFile, FileFault, mended, read_text
from tasks.brackets.kind import KIND, SEARCHED
from tasks.config import View
from tasks.kinds.fusers import Method
from tasks.stage.places import MODEL, Places

FOLDER = Places(KIND.name).start
WEIGHTS = FOLDER / MODEL
FOUND = Places(KIND.name).search / "genotype.json"
METHODS = (SEARCHED, "mertens", "laplacian", "average")
"""Ours, then what a user would reach for."""


def fresh(params: View, genotype: Genotype) -> SearchedFuser:
    """The network of a genotype at the width of params.yaml, initialised from the seed."""
    _seeded(params)
    return build(genotype, **params.model.options)


def fresh_own(params: View) -> Fuser:
    """The user's own fuser of params.yaml, initialised from the seed. Raises `OwnModelError`."""
    _seeded(params)
    return create(params.model.name, **params.model.options)


def _seeded(params: View) -> None:
    make_deterministic()
    torch.manual_seed(step_seed(params.seed, 0, "fuser"))


def read_genotype(path: Path) -> Genotype:
    """The genotype in a file. Raises `GenotypeError` naming the file when it is absent or wrong."""
    try:
        return Genotype.from_json(read_text(path))
    except AbsentFile:
        raise GenotypeError(f"{path} is missing; `dvc repro` makes it") from None
    except FileFault as error:
        raise GenotypeError(f"{error}; {mended(path)}") from error
    except GenotypeError as error:
        raise GenotypeError(f"{path}: {error}") from error


def searched(weights: Path = WEIGHTS) -> Method:
    """The searched network with the weights of a stage; by default those of f(0)."""
    return Method(SEARCHED, str(weights))


def taught(params: View, weights: Path) -> Method:
    """The fuser of params.yaml, which the rounds teach, with the weights in a file."""
    if params.model.name == SEARCHED:
        return searched(weights)
    return Method(params.model.name, str(weights), json.dumps(params.model.options, sort_keys=True))


def method(name: str) -> Method:
    """A registered fuser or the user's own, as it is built; the searched one as the start stage left it."""
    return searched() if name == SEARCHED else Method(name)
