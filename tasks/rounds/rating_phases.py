"""The gate of a round of ratings: experts rate some pictures, a language model the rest, experts review what it said.

Each phase is a batch of the round in the label store, and waits there for what it lacks; a phase that params.yaml leaves out is
passed over. Simulated experts rate and review here, through the same store as people.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Sequence
from functools import cached_property, partial
from typing import Any

import pandas as pd

from labelling.store import (
    Circle,
    Options,
    Rating,
    RatingItem,
    SourceImage,
    Store,
    StoredRating,
    UnknownRound,
    batch_id,
)
from models.artifacts import disks_of
from models.preference.raters import SimulatedRater
from pictures import MAX_PICTURE, fresh_folder, read_regular, write_json
from tasks import kinds
from tasks.config import View
from tasks.config.asking import Labels, Ratings
from tasks.datasets.subjects import subjects_of
from tasks.rounds import llm
from tasks.rounds.showing import sources_of
from tasks.stage import tables
from tasks.stage.places import Places, store_round

_NAMESPACE = uuid.UUID("52b0c7d2-0d3c-4b7c-bc1f-3c7a3b0a6f55")
_NEAR = 1
"""Points by which a simulated expert lets a score of the language model pass."""


class Phases:
    """The phases of one round of ratings."""

    def __init__(self, store: Store, params: View, round: str) -> None:
        self.store, self.round, self.kind = store, round, params.kind
        self.settings: Labels = params.labels
        assert self.settings.ratings is not None
        self.wanted: Ratings = self.settings.ratings
        self.name = store_round(params.kind, round)
        self.items = tables.read("items", Places(params.kind).questions(round) / "items.parquet").sort_values("rank")
        self.options = Options(criteria=kinds.named(params.kind).criteria)
        self.summary: dict[str, Any] = {}

    def run(self) -> bool:
        """Go through the phases; False where one waits, which is said."""
        seeds, rest = self.items[self.items["first"]], self.items[~self.items["first"]]
        if len(seeds) and not self._experts(seeds):
            return False
        if self.settings.llm is None:
            return True
        if not self._model(seeds, rest):
            return False
        return self.wanted.review is None or self._review(rest, self.wanted.review.pictures)

    def _asked(self, items: pd.DataFrame, kind: str, raters: int, task: str = "ratings") -> str:
        """Register a phase, where it is not complete already; returns its batch's id."""
        batch = batch_id(self.name, kind, raters, self.wanted.question, list(items.sha256), task)
        try:
            if self.store.status(self.name, batch).complete:
                return batch
        except UnknownRound:
            pass
        offered = [
            RatingItem(
                sha256=row.sha256,
                png=partial(read_regular, row.path, MAX_PICTURE),
                sources=self._sources[row.image],
            )
            for row in tables.rows(items)
        ]
        return self.store.register_ratings(self.name, kind, offered, raters, self.wanted.question, self.options, task)

    def _experts(self, seeds: pd.DataFrame) -> bool:
        assert self.wanted.experts is not None
        batch = self._asked(seeds, self.settings.source, self.wanted.experts.raters)
        if self.settings.source == "simulated":
            self.store.add_ratings(
                [
                    _rating(rater, row, self.name, self.store.picture_size(row.sha256))
                    for rater in panel(self.settings)[: self.wanted.experts.raters]
                    for row in tables.rows(seeds)
                ]
            )
        return self._complete(batch, "ratings", "pictures are rated by experts")

    def _complete(self, batch: str, what: str, done: str) -> bool:
        status = self.store.status(self.name, batch)
        if not status.complete:
            words = "Review, as an expert," if what == "reviews" else "Rate"
            print(
                f"round {self.name} waits for {what}: {status.have} of {status.need} on {status.pairs} pictures are in.\n"
                f"{words} with `loupe label {self.name}`, then run `dvc repro` again.",
                flush=True,
            )
            return False
        print(f"round {self.name}: {status.pairs} {done}")
        return True

    def _model(self, seeds: pd.DataFrame, rest: pd.DataFrame) -> bool:
        """The language model rates the rest, and blindly some of what experts rated, to be compared with them."""
        from labelling.llm import Example, Pictures, Replies, ask, examples_of, rating_request, ratings_of

        assert self.settings.llm is not None
        endpoint, replies, question = llm.endpoint_of(self.settings.llm), Replies(), self.wanted.question
        store, name = self.store, self.name
        known_to = set(seeds.sha256)
        own = [one for one in _first(store, name) if one.kind != "llm" and one.item in known_to] if known_to else []
        sources = {
            row.sha256: tuple((source.name, source.sha256) for source in self._sources[row.image])
            for row in tables.rows(self.items)
        }
        sizes: dict[str, tuple[int, int]] = {}
        rated = [Example(rating, sources[rating.item], store.picture_size(rating.item)) for rating in own]
        shown = examples_of(rated, self.settings.llm.examples)
        known = {one.rating.item for one in shown}
        checked = sorted({rating.item for rating in own} - known)[: self.settings.llm.check]
        asked = pd.concat([rest, seeds[seeds.sha256.isin(checked)]], ignore_index=True)
        if asked.empty:
            return True
        self._asked(asked, "llm", 1)
        for item in asked.sha256:
            sizes[item] = store.picture_size(item)
        # What it rated once is not asked again, even where a late expert has changed the examples.
        done = _rated_by(store, name, endpoint.model)
        requests = [
            rating_request(item, sources[item], self.options.criteria, question, shown)
            for item in asked.sha256
            if item not in done
        ]
        outcome = ask(requests, endpoint, Pictures(store.picture, endpoint.side), replies, name, llm.said)
        store.add_ratings(ratings_of(outcome.answers, sizes, endpoint.model, name))
        if llm.waits(outcome, name, self.kind, len(asked) - len(requests)):
            return False
        self.summary["llm"] = {
            "model": endpoint.model,
            "pictures": len(rest),
            "examples": len(shown),
            "checked": len(checked),
            **llm.spent_of(outcome, replies, name),
        }
        print(
            f"round {name}: {endpoint.model} rated {len(asked) - len(outcome.failed)} pictures, {len(checked)} of them to be "
            f"compared with experts; {len(outcome.failed)} never got an answer that fits"
        )
        return True

    @cached_property
    def _sources(self) -> dict[str, tuple[SourceImage, ...]]:
        """What the pictures of each image were made of."""
        names = kinds.named(self.kind).source_names
        return {one.id: sources_of(names, one) if names else () for one in subjects_of(self.kind)}

    def _review(self, rest: pd.DataFrame, count: int) -> bool:
        """Experts review what the model said of the first `count` pictures that it rated."""
        given = {rating.item: rating for rating in _first(self.store, self.name) if rating.kind == "llm"}
        chosen = rest[rest.sha256.isin(given)][:count]
        if chosen.empty:
            return True
        batch = self._asked(chosen, self.settings.source, 1, "reviews")
        if self.settings.source == "simulated":
            done = {one.reviews for one in self.store.ratings(self.name, effective=False)}
            expert = panel(self.settings)[0]
            self.store.add_ratings(
                [
                    _reviewed(expert, given[row.sha256], row, self.name, self.store.picture_size(row.sha256))
                    for row in tables.rows(chosen)
                    if given[row.sha256].id not in done
                ]
            )
        return self._complete(batch, "reviews", "ratings of the language model are reviewed")

    def rows(self) -> list[dict[str, Any]]:
        """The ratings table: all that was said of the round's pictures, each with what it weighs."""
        return weighed(self.items, self.store.ratings(self.name, effective=False), self.wanted.weight, self.round)


def panel(settings: Labels) -> list[SimulatedRater]:
    """The simulated experts. Their names carry a hash of the settings: another panel's ratings are other ratings."""
    assert settings.ratings is not None
    told = settings.ratings.simulated.model_dump() | {"seed": settings.simulated.seed}
    tag = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:8]
    experts = settings.ratings.experts
    count = max(1, experts.raters if experts is not None else 1)
    return [SimulatedRater(name=f"expert-{tag}-{number}", **told) for number in range(1, count + 1)]


def weighed(items: pd.DataFrame, said: Sequence[StoredRating], weight: float, round: str) -> list[dict[str, Any]]:
    """Rows of `ratings`. said: every rating and review in the order stored, of which the first of each counts.

    People's (and simulated experts') weigh 1. What a language model said weighs 1 where it was accepted, 0 where it was corrected
    or rejected, or where an expert rated the picture, and else `weight`.
    """
    by_item = {row.sha256: row for row in tables.rows(items)}
    first: dict[tuple[str, str], StoredRating] = {}
    reviews: dict[str, StoredRating] = {}
    for one in said:
        if one.item in by_item and one.reviews is None:
            first.setdefault((one.item, one.observer), one)
        elif one.reviews is not None:
            reviews.setdefault(one.reviews, one)
    own = {one.item for one in first.values() if one.kind != "llm"}
    rows = []
    for one in first.values():
        review = reviews.get(one.id)
        row = by_item[one.item]
        if one.kind != "llm":
            counts = 1.0
        elif one.item in own or (review is not None and review.verdict != "accepted"):
            counts = 0.0
        else:
            counts = weight if review is None else 1.0
        rows.append(_row(one, row, round, "", "", counts))
        if review is not None:
            corrects = bool(review.scores) and review.verdict != "accepted" and one.item not in own
            rows.append(_row(review, row, round, one.observer, review.verdict or "", float(corrects)))
    return rows


def _row(one: StoredRating, item: Any, round: str, reviews: str, verdict: str, weight: float) -> dict[str, Any]:
    criteria = sorted(one.scores)
    return {
        "round": round,
        "image": item.image,
        "model": item.model,
        "item": one.item,
        "path": item.path,
        "observer": one.observer,
        "kind": one.kind,
        "reviews": reviews,
        "verdict": verdict,
        "criteria": criteria,
        "scores": [float(one.scores[name]) for name in criteria],
        "circles": [float(value) for c in one.circles for value in (c.x, c.y, c.radius)],
        "weight": weight,
    }


def _first(store: Store, name: str) -> list[StoredRating]:
    """The first rating of each picture by each observer."""
    found: dict[tuple[str, str], StoredRating] = {}
    for one in store.ratings(name, effective=False):
        if one.reviews is None:
            found.setdefault((one.item, one.observer), one)
    return list(found.values())


def _rated_by(store: Store, name: str, observer: str) -> set[str]:
    """The pictures that an observer has rated."""
    return {one.item for one in _first(store, name) if one.observer == observer}


def _drawn(rater: SimulatedRater, row: Any, size: tuple[int, int]) -> tuple[dict[str, int], tuple[Circle, ...]]:
    truth = dict(zip(row.criteria, map(float, row.truth), strict=True))
    scores, disks = rater.rate(row.sha256, truth, disks_of(row.disks), size)
    return scores, tuple(Circle(x=disk.x, y=disk.y, radius=disk.radius) for disk in disks)


def _rating(rater: SimulatedRater, row: Any, name: str, size: tuple[int, int]) -> Rating:
    """One simulated rating. Its id follows from expert, picture and what is said: rating again is rating once."""
    scores, circles = _drawn(rater, row, size)
    told = json.dumps([name, rater.name, row.sha256, scores], sort_keys=True)
    return Rating(
        id=str(uuid.uuid5(_NAMESPACE, told)), item=row.sha256, observer=rater.name, kind="simulated", scores=scores,
        circles=circles, round=name,
    )  # fmt: skip


def _reviewed(expert: SimulatedRater, given: StoredRating, row: Any, name: str, size: tuple[int, int]) -> Rating:
    """A simulated review: accepted where no score is off by more than a point, else corrected."""
    scores, circles = _drawn(expert, row, size)
    near = all(abs(scores[criterion] - given.scores[criterion]) <= _NEAR for criterion in scores)
    return Rating(
        id=str(uuid.uuid5(_NAMESPACE, f"{name}/{expert.name}/{given.id}")), item=row.sha256, observer=expert.name,
        kind="simulated", scores={} if near else scores, circles=() if near else circles, round=name, reviews=given.id,
        verdict="accepted" if near else "corrected",
    )  # fmt: skip


def run(params: View, round: str) -> bool:
    """Write ratings.parquet and summary.json to data/KIND/labels/ROUND; False, which is said, where some are missing."""
    with Store.open() as store:
        phases = Phases(store, params, round)
        if not phases.run():
            return False
        rows = phases.rows()
    with fresh_folder(Places(params.kind).labels(round)) as folder:
        placed = [row | {"path": tables.relative(row["path"], Places(params.kind).labels(round))} for row in rows]
        tables.write("ratings", placed, folder / "ratings.parquet")
        counted = sum(row["weight"] > 0 for row in rows)
        write_json(folder / "summary.json", phases.summary | {"ratings": len(rows), "counted": counted})
    return True
