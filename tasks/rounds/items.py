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
from pictures import fresh_folder, quantise, sha256_file, write_png
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


def chosen(params: View, round: str) -> list[tuple[str, str, float | None]]:
    """Image, model, spread of the pictures to rate, in the order in which they are asked."""
    settings = params.labels.ratings
    found: list[tuple[str, str, float | None]] = []
    if settings.strategy == "spread":
        to = device(params)
        judge = load_judge(params, previous(round), to)
        for scene in scenes(params, round):
            found += [(scene.subject.id, name, far) for name, far in spread(judge, scene, to).items()]
        found.sort(key=lambda one: (-(one[2] or 0), one[0], one[1]))
    else:
        found = [(scene.subject.id, name, None) for scene in scenes(params, round) for name in scene.candidates]
        order = np.random.default_rng(step_seed(params.seed, int(round[1:]), "items")).permutation(len(found))
        found = [found[place] for place in order]
    return found


def run(params: View, round: str) -> None:
    """Write the pictures and their table, items.parquet, to data/KIND/questions/ROUND."""
    settings, out = params.labels.ratings, Places(params.kind).questions(round)
    asked = chosen(params, round)
    # Some may be the same picture, which is asked about once: a few more are made than are wanted.
    rank = {(image, name): (place, far) for place, (image, name, far) in enumerate(asked[: 2 * settings.pictures])}
    names = [criterion.name for criterion in kinds.named(params.kind).criteria]
    experts, alone = settings.experts, params.labels.llm is None
    first = 0 if experts is None else settings.pictures if alone or experts.pictures is None else experts.pictures
    with fresh_folder(out) as folder:
        (folder / "pictures").mkdir()
        rows: list[dict[str, Any]] = []
        for scene in scenes(params, round):
            for name, one in scene.candidates.items():
                if (scene.subject.id, name) not in rank:
                    continue
                place, far = rank[scene.subject.id, name]
                file = folder / "pictures" / f"{scene.subject.id}__{name}.png"
                write_png(file, quantise(one.picture, 8))
                rows.append(
                    {
                        "round": round,
                        "image": scene.subject.id,
                        "model": name,
                        "path": f"pictures/{file.name}",
                        "sha256": sha256_file(file),
                        "rank": place,
                        "spread": far,
                        "criteria": names,
                        "truth": [float(one.scores[criterion]) for criterion in names],
                        "disks": [value for disk in one.disks for value in (disk.x, disk.y, disk.radius)],
                    }
                )
        kept: dict[str, dict[str, Any]] = {}
        for row in sorted(rows, key=lambda row: row["rank"]):
            if len(kept) < settings.pictures:
                kept.setdefault(row["sha256"], row)
        for row in rows:
            if kept.get(row["sha256"]) is not row:
                (folder / row["path"]).unlink()
        if not kept:
            raise NothingToRate(f"there is no picture to rate in round {round} of {params.kind}")
        final = [row | {"rank": place, "first": place < first} for place, row in enumerate(kept.values())]
        tables.write("items", final, folder / "items.parquet")
    print(
        f"{len(final)} of {len(asked)} pictures chosen by {settings.strategy}, {min(first, len(final))} for experts first"
    )


def _tensor(picture: np.ndarray, to: str) -> Any:
    import torch

    return torch.from_numpy(np.ascontiguousarray(picture, np.float32)).permute(2, 0, 1)[None].to(to)
