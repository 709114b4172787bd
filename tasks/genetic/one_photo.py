"""The genetic search of one photo as an item of the map over images; each process loads its networks once."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.core.features import load_vgg16
from models.core.training import make_deterministic, step_seed
from models.genetic import objectives
from models.genetic.objectives import Fitness, Judge, Objective, Photo
from models.genetic.search import SearchSettings, search
from models.quality import create, info
from pictures import AbsentFile, FileFault, digest, read_json, read_photo, sha256_file, write_json
from tasks.config import View
from tasks.config.genetic import PAPER_OBJECTIVES, Genetic

FORMAT = 1


@dataclass(frozen=True)
class SearchJob:
    """A photo to search: what makes its result, where it is kept, and how often its random numbers were drawn before.

    settings: the `genetic` section as JSON, small and fit to be sent. kept: JSON of the result; a result that is there and
    was made of the same photo, settings and seed is read, not searched again.
    """

    name: str
    path: str
    settings: str
    seed: int
    kept: str
    device: str = "cpu"
    ranker: tuple[str, str] | None = None  # weights and the ranker.network section as JSON
    page: int = 1


@dataclass(frozen=True)
class PhotoFront:
    """The last population of one photo, best rank first; see `models.genetic.search.Front`.

    entropy, distance: the paper's two objectives of every individual, also where others were searched.
    """

    genes: list[list[float]]
    values: list[list[float]]
    objectives: list[str]
    entropy: list[float]
    distance: list[float]
    rank: list[int]
    crowding: list[float | None]
    chosen: int
    evaluations: dict[str, int]


class BrokenFront(ValueError):
    """A kept front cannot be read."""


def jobs_of(
    settings: Genetic,
    photos: list[tuple[str, Path]],
    folder: Path,
    seed: int,
    device: str,
    ranker: tuple[str, str] | None,
    page: int = 1,
) -> list[SearchJob]:
    """One job a photo (name, path), kept at folder/NAME.json; the seed of a photo follows from its name alone."""
    text = settings.model_dump_json(exclude={"kinds"})
    return [
        SearchJob(
            name,
            str(path),
            text,
            step_seed(seed, 0, f"genetic/{name}"),
            str(folder / f"{name}.json"),
            device,
            ranker,
            page,
        )
        for name, path in photos
    ]


def search_photo(job: SearchJob) -> PhotoFront:
    """Search one photo, or read the result that is kept. Raises `ImageError`, `NothingFinite`, `WeightUnavailable`."""
    identity = _identity(job)
    found = read_front(Path(job.kept), identity)
    if found is None:
        found = _search(job)
        write_json(job.kept, {"format": FORMAT, "identity": identity, "front": asdict(found)})
    return found


def read_front(path: Path, identity: str | None = None) -> PhotoFront | None:
    """A kept front; None where there is none, or one of another photo, of other settings or another seed.

    Raises BrokenFront for a file that is no front.
    """
    try:
        kept = read_json(path)
    except AbsentFile:
        return None
    except FileFault as error:
        raise BrokenFront(f"{error}: no front; delete it and search again") from error
    if not isinstance(kept, dict) or kept.get("format") != FORMAT or (identity and kept.get("identity") != identity):
        return None
    try:
        return PhotoFront(**kept["front"])
    except (KeyError, TypeError) as error:
        raise BrokenFront(f"{path} is not a front ({error}); delete it and search again") from error


def _identity(job: SearchJob) -> str:
    ranker = [] if job.ranker is None else [sha256_file(job.ranker[0]), job.ranker[1]]
    parts = [
        digest(Path(job.path)),
        job.settings,
        str(job.seed),
        *ranker,
        *([f"page {job.page}"] if job.page > 1 else []),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _search(job: SearchJob) -> PhotoFront:
    make_deterministic()
    settings = Genetic.model_validate({**json.loads(job.settings), "kinds": []})
    photo = Photo(read_photo(job.path, job.page).pixels, job.device)
    make = {name: partial(_objective, name, photo, settings, job) for name in {*settings.objectives, *PAPER_OBJECTIVES}}
    used = [make[name]() for name in settings.objectives]
    fitness = Fitness(used)
    numbers = settings.model_dump(include=set(SearchSettings.__dataclass_fields__))
    with torch.inference_mode():
        front = search(fitness, SearchSettings(**numbers), job.seed)
        known = {objective.name: front.values[:, place] for place, objective in enumerate(used)}
        genes = torch.from_numpy(front.genes)
        for name in PAPER_OBJECTIVES:
            if name not in known:
                known[name] = make[name]().values(genes).double().numpy()
    return PhotoFront(
        genes=front.genes.tolist(),
        values=front.values.tolist(),
        objectives=list(settings.objectives),
        entropy=known["entropy"].tolist(),
        distance=known["distance"].tolist(),
        rank=front.rank.tolist(),
        crowding=[float(value) if np.isfinite(value) else None for value in front.crowding],
        chosen=front.chosen,
        evaluations=fitness.evaluations,
    )


def _objective(name: str, photo: Photo, settings: Genetic, job: SearchJob) -> Objective:
    if name == "entropy":
        return objectives.entropy(photo)
    if name == "distance":
        low, high = settings.brightness
        return objectives.distance(
            photo, _extractor(job.device), penalty=settings.penalty, low=low, high=high, side=settings.side,
            batch=settings.batch,
        )  # fmt: skip
    if name.startswith("ranker:"):
        if job.ranker is None:
            raise ValueError(f"objective {name} needs a trained ranker")
        return objectives.judged(photo, name, _ranker(*job.ranker, job.device), maximise=False)
    return objectives.judged(photo, name, create(name, device=job.device), maximise=info(name).higher_is_better)


@lru_cache(maxsize=2)
def _extractor(device: str) -> Any:
    extractor = load_vgg16("relu5_3", device)
    return extractor.to(memory_format=torch.channels_last)


@lru_cache(maxsize=2)
def _ranker(weights: str, network: str, device: str) -> Judge:
    from models.core.storage import load_weights
    from models.judges.ranker import Ranker
    from tasks.config.rounds import RankerNetwork

    sizes = RankerNetwork.model_validate_json(network)
    ranker = Ranker(sizes.widths, sizes.strides, sizes.hidden, sizes.reduce)
    load_weights(ranker, Path(weights))
    return ranker.requires_grad_(False).eval().to(device)


def ranker_of(params: View) -> tuple[str, str] | None:
    """Weights and network of the ranker that the objectives name, if any; genetic and judge.network are declared."""
    names = [name for name in params.genetic.objectives if name.startswith("ranker:")]
    if not names:
        return None
    from tasks.training.ranker_data import ranker_path

    return str(ranker_path(params.kind, names[0].removeprefix("ranker:"))), params.judge.network.model_dump_json()
