"""The pictures of a round that are rated: what both models and other methods made of training scenes, some corrupted.

Chosen at random, or those of which the judge thinks most unlike the others of their scene (`labels.ratings.strategy`). The first
of them go to the experts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.core.training import step_seed
from models.judges.base import Judge, RatedJudge, costs
from pictures import encode_png, fresh_folder, sha256_bytes, write_png
from tasks import kinds
from tasks.config import View
from tasks.datasets.subjects import Subject, subjects_of
from tasks.stage import tables
from tasks.stage.places import Places, previous
from tasks.stage.runtime import device
from tasks.training.judges import load_judge


@dataclass(frozen=True)
class Scene:
    """A training scene, and what may be rated of it, by model."""

    subject: Subject
    candidates: Mapping[str, kinds.RatedPicture]


@dataclass(frozen=True)
class Offer:
    """A picture that may be asked about. spread: how far its score lies from its scene's mean, where the judge was asked."""

    image: str
    model: str
    spread: float | None
    sha256: str


class NothingToRate(ValueError):
    """The kind has no pictures to rate, or all of them are one."""


def scenes(params: View, round: str) -> Iterator[Scene]:
    """Every training scene with its candidates; the same each time. Raises `TableError`."""
    at, kind = Places(params.kind), kinds.named(params.kind)
    if kind.rated is None:
        raise NothingToRate(f"{params.kind} has no pictures to rate; ask pairs ({params.kind}.labels.asks)")
    made: dict[str, dict[str, str]] = {}
    for name in (previous(round), round):
        for row in tables.rows(tables.read("enhanced", at.outputs(name) / "enhanced.parquet")):
            made.setdefault(row.image, {})[row.model] = row.path
    for number, subject in enumerate(subjects_of(params.kind, "train")):
        seed = step_seed(params.seed, number, f"items@{round}")
        injected = params.labels.ratings.injected
        yield Scene(subject, kind.rated.candidates(subject.sources, made.get(subject.id, {}), injected, seed))


def spread(judge: Judge, scene: Scene, to: str) -> dict[str, float]:
    """How far the judge's score of each candidate lies from the mean of its scene."""
    said: dict[str, float] = {}
    if isinstance(judge, RatedJudge):
        from tasks.training.ratings import opinions, seen

        found = opinions(judge, seen(judge, [list(scene.candidates.values())], to), to)
        overall = found.scores.mean(1) if found.scores.shape[1] else -found.heatmap.mean((1, 2, 3))  # type: ignore[union-attr]
        said = dict(zip(scene.candidates, overall.tolist(), strict=True))
    else:
        for name, one in scene.candidates.items():
            said[name] = float(costs(judge, _tensor(one.picture, to), [_tensor(source, to) for source in one.sources]))
    mean = float(np.mean(list(said.values())))
    return {name: abs(value - mean) for name, value in said.items()}


def rated_before(params: View, round: str) -> set[str]:
    """The pictures, by hash, that were rated in the rounds before."""
    path = Places(params.kind).judge(previous(round)) / "dataset" / "ratings.parquet"
    return set(tables.read("ratings", path)["item"]) if path.is_file() else set()


def offered(params: View, round: str) -> list[Offer]:
    """Every candidate of every training scene, in the order in which they would be asked."""
    settings, found = params.labels.ratings, []
    to = device(params)
    judge = load_judge(params, previous(round), to) if settings.strategy == "spread" else None
    for scene in scenes(params, round):
        far = {} if judge is None else spread(judge, scene, to)
        for name, one in scene.candidates.items():
            sha256 = sha256_bytes(encode_png(one.picture))
            found.append(Offer(scene.subject.id, name, far.get(name), sha256))
    if settings.strategy == "spread":
        return sorted(found, key=lambda one: (-(one.spread or 0), one.image, one.model))
    order = np.random.default_rng(step_seed(params.seed, int(round[1:]), "items")).permutation(len(found))
    return [found[place] for place in order]


def chosen(params: View, round: str) -> dict[tuple[str, str], tuple[int, Offer]]:
    """The pictures to rate, with their rank, by image and model. Raises `NothingToRate`.

    A picture that several models made is asked about once, and one that was rated in a round before not again.
    """
    seen = rated_before(params, round)
    found: dict[tuple[str, str], tuple[int, Offer]] = {}
    for one in offered(params, round):
        if one.sha256 not in seen and len(found) < params.labels.ratings.pictures:
            seen.add(one.sha256)
            found[one.image, one.model] = (len(found), one)
    if not found:
        raise NothingToRate(
            f"there is no picture to rate in round {round} of {params.kind} that was not rated before: fine-tuning changed "
            f"nothing (align.steps, align.learning_rate), or labels.ratings.injected is 0"
        )
    return found


def run(params: View, round: str) -> None:
    """Write the pictures and their table, items.parquet, to data/KIND/questions/ROUND."""
    settings, out = params.labels.ratings, Places(params.kind).questions(round)
    wanted = chosen(params, round)
    names = [criterion.name for criterion in kinds.named(params.kind).criteria]
    experts, alone = settings.experts, params.labels.llm is None
    first = 0 if experts is None else settings.pictures if alone or experts.pictures is None else experts.pictures
    with fresh_folder(out) as folder:
        (folder / "pictures").mkdir()
        rows: list[dict[str, Any]] = []
        for scene in scenes(params, round):
            for name, one in scene.candidates.items():
                if (scene.subject.id, name) not in wanted:
                    continue
                rank, offer = wanted[scene.subject.id, name]
                file = folder / "pictures" / f"{scene.subject.id}__{name}.png"
                write_png(file, one.picture)
                rows.append(
                    {
                        "round": round,
                        "image": offer.image,
                        "model": offer.model,
                        "path": f"pictures/{file.name}",
                        "sha256": offer.sha256,
                        "rank": rank,
                        "first": rank < first,
                        "spread": offer.spread,
                        "criteria": names,
                        "truth": [float(one.scores[criterion]) for criterion in names],
                        "disks": [value for disk in one.disks for value in (disk.x, disk.y, disk.radius)],
                    }
                )
        tables.write("items", sorted(rows, key=lambda row: row["rank"]), folder / "items.parquet")
    print(f"{len(rows)} pictures chosen by {settings.strategy}, {min(first, len(rows))} for experts first")


def _tensor(picture: np.ndarray, to: str) -> Any:
    import torch

    return torch.from_numpy(np.ascontiguousarray(picture, np.float32)).permute(2, 0, 1)[None].to(to)
