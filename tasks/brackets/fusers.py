"""Fusers of the pipeline: the searched network from a stage's weights, and the methods beside it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch

from models.core.training import make_deterministic, step_seed
from models.fusers import create
from models.fusers.base import Fuser
from models.fusers.searched import SearchedFuser, build, load
from models.search.genotype import Genotype, GenotypeError
from pictures import AbsentFile, FileFault, mended, read_text
from tasks.brackets.kind import KIND
from tasks.config import View
from tasks.stage.places import MODEL, Places

FOLDER = Places(KIND.name).start
WEIGHTS = FOLDER / MODEL
SEARCHED = "searched"
FOUND = Places(KIND.name).search / "genotype.json"
METHODS = (SEARCHED, "mertens", "laplacian", "average")
"""Ours, then what a user would reach for."""


def fresh(params: View, genotype: Genotype) -> SearchedFuser:
    """The network of a genotype at the width of params.yaml, initialised from the seed."""
    make_deterministic()
    torch.manual_seed(step_seed(params.seed, 0, "fuser"))
    return build(genotype, params.model.width, params.model.unrolled)


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


@dataclass(frozen=True)
class Method:
    """A way to fuse: a registered fuser and, for the searched one, the file of its weights; fit to be sent around."""

    name: str
    weights: str = ""


def searched(weights: Path = WEIGHTS) -> Method:
    """The searched network with the weights of a stage; by default those of f(0)."""
    return Method(SEARCHED, str(weights))


def method(name: str) -> Method:
    """One of METHODS; the searched one as the start stage left it."""
    return searched() if name == SEARCHED else Method(name)


@lru_cache(maxsize=16)
def opened(spec: Method, device: str = "cpu") -> Fuser:
    """The fuser itself, frozen, in evaluation mode; loaded once a process. Raises `WeightsError`."""
    fuser = load(Path(spec.weights)) if spec.name == SEARCHED else create(spec.name)
    return fuser.requires_grad_(False).eval().to(device)
