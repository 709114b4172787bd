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
from models.genetic.objectives import Fitness, Objective, Opinion, Photo
from models.genetic.search import SearchSettings, search
from models.judges.base import Judge, costs
from models.quality import create, info
from pictures import AbsentFile, FileFault, read_json, read_photo, sha256_file, write_json
from tasks.config import View
from tasks.config.genetic import JUDGED, PAPER_OBJECTIVES, Genetic

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
    judge: tuple[str, str] | None = None  # weights, and name and options as JSON
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
    judge: tuple[str, str] | None,
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
            judge,
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
    judge = [] if job.judge is None else [sha256_file(job.judge[0]), job.judge[1]]
    parts = [
        sha256_file(job.path),
        job.settings,
        str(job.seed),
        *judge,
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
    if name.startswith(JUDGED):
        if job.judge is None:
            raise ValueError(f"objective {name} needs a trained judge")
        return objectives.judged(photo, name, _cost_of(*job.judge, job.device), maximise=False)
    metric = create(name, device=job.device)
    return objectives.judged(photo, name, lambda enhanced, _: metric(enhanced), maximise=info(name).higher_is_better)


@lru_cache(maxsize=2)
def _extractor(device: str) -> Any:
    extractor = load_vgg16("relu5_3", device)
    return extractor.to(memory_format=torch.channels_last)


@lru_cache(maxsize=2)
def _judge(weights: str, made_of: str, device: str) -> Judge:
    from models.core.storage import load_weights
    from models.judges import create as create_judge

    found = json.loads(made_of)
    judge = create_judge(found["name"], **found["options"])
    load_weights(judge, Path(weights))
    return judge.requires_grad_(False).eval().to(device)


def _cost_of(weights: str, made_of: str, device: str) -> Opinion:
    """A judge as the search asks one: an enhanced photo and the photo -> cost."""
    judge = _judge(weights, made_of, device)
    return lambda enhanced, photo: costs(judge, enhanced, (photo,))


def judge_of(params: View) -> tuple[str, str] | None:
    """Weights and make of the judge that the objectives name, if any; genetic, judge.name and judge.options are declared."""
    round_name = params.genetic.judge
    if round_name is None:
        return None
    from tasks.training.judges import judge_path

    made_of = {"name": params.judge.name, "options": params.judge.options}
    return str(judge_path(params.kind, round_name)), json.dumps(made_of, sort_keys=True)
