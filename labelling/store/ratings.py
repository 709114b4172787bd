"""Ratings of single pictures, and experts' reviews of them. Part of the Store."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, Select, func, insert, select

from labelling.store.checks import check_rating, check_scores
from labelling.store.database import schema
from labelling.store.database.base import now
from labelling.store.database.errors import InvalidRating
from labelling.store.order import shuffled
from labelling.store.queries import chunks, present, put_question, rows_with, sources_of, standing
from labelling.store.records import Batch, Circle, OpenItem, OpenReview, Progress, Rating, StoredRating
from labelling.store.rounds import Rounds
from labelling.store.votes import is_stored, once, refuse_taken

_ratings, _items, _skips = schema.ratings, schema.batch_items, schema.skips
_FIELDS = ("id", "item", "observer", "kind", "round", "seconds", "reviews", "verdict")


class Ratings(Rounds):
    """The part of the Store that keeps ratings and reviews."""

    def add_ratings(self, ratings: Sequence[Rating]) -> int:
        """Store ratings and reviews, all or none, and return how many were new.

        They belong to the question and the criteria that their round has now.
        One that is stored already (the same id, the same content) is fine and counts 0. Raises VoteConflict for an id
        with other content, UnknownRound, InvalidRating for what does not fit the round, the picture, or the rating
        under review.
        """
        plain = [replace(rating, scores=dict(rating.scores), circles=tuple(rating.circles)) for rating in ratings]
        unique = once(plain)
        for rating in unique.values():
            check_rating(rating)
        if not unique:
            return 0
        with self._writing() as db:
            wanted = {*unique, *(rating.reviews for rating in unique.values() if rating.reviews is not None)}
            there = list(rows_with(db, _ratings.c.id, sorted(wanted)))
            stored = {row.id: _rating(row) for row in there}
            filled = [_filled(rating, stored | unique) for rating in unique.values()]
            fresh = [rating for rating in filled if not is_stored(rating, stored.get(rating.id))]
            refuse_taken(db, [rating.id for rating in fresh], _ratings)
            asked = {name: self._batch(db, name) for name in sorted({rating.round for rating in fresh})}
            self._check(db, fresh, asked, stored | unique)
            if fresh:
                for batch in asked.values():
                    put_question(db, batch)
                reviewed = {row.id: row.question for row in there}  # a review is about what the rating is about
                rows = [
                    _row(rating)
                    | {"made_at": now(), "batch": asked[rating.round].id}
                    | {"question": reviewed.get(rating.reviews or "", asked[rating.round].question_id)}
                    for rating in fresh
                ]
                db.execute(insert(_ratings), rows)
        return len(fresh)

    def ratings(self, round: str, effective: bool = True, unreviewed: bool = False) -> list[StoredRating]:
        """The ratings of a round, under its question and criteria of now, that were not taken back.

        `effective`: one for each picture and observer, the first, sorted by them; where it was reviewed (the first
        review counts): itself if accepted, the expert's in its place if corrected, the expert's (if there are scores)
        or none if rejected. What a language model rated counts only where it was reviewed, unless `unreviewed` takes it
        as it is. Not `effective`: every rating and review, in the order stored. Raises UnknownRound.
        """
        with self._reading() as db:
            found = [_stored(row) for row in db.execute(_standing(self._batch(db, round)))]
        if not effective:
            return found
        reviews: dict[str, StoredRating] = {}
        for rating in found:
            if rating.reviews is not None:
                reviews.setdefault(rating.reviews, rating)
        kept = []
        for rating in _first(found):
            review = reviews.get(rating.id)
            if review is None:
                if unreviewed or rating.kind != "llm":
                    kept.append(rating)
            elif review.verdict == "accepted":
                kept.append(rating)
            elif review.scores:
                kept.append(review)
        return sorted(kept, key=lambda rating: (rating.item, rating.observer))

    def counts_instead(self, id: str) -> StoredRating | None:
        """What counts instead of a rating or review that was stored: the same observer's first one of the picture, or
        the first review of the same rating; None where it is the one that counts, or was taken back.
        """
        with self._reading() as db:
            asked = db.execute(select(_ratings).where(_ratings.c.id == id, standing(_ratings))).one_or_none()
            if asked is None:
                return None
            query = select(_ratings).where(
                _ratings.c.round == asked.round, _ratings.c.question == asked.question, _ratings.c.seq < asked.seq,
                _ratings.c.item == asked.item, standing(_ratings),
            ).order_by(_ratings.c.seq).limit(1)  # fmt: skip
            if asked.reviews is None:
                query = query.where(_ratings.c.observer == asked.observer, _ratings.c.reviews.is_(None))
            else:
                query = query.where(_ratings.c.reviews == asked.reviews)
            found = db.execute(query).one_or_none()
        return None if found is None else _stored(found)

    def next_item(self, round: str, observer: str, skip: Collection[str] = ()) -> OpenItem | None:
        """The next picture that still owes ratings and that `observer` has not rated, in this observer's own order.

        `skip` names pictures to pass over; those that were skipped before come last. Raises UnknownRound.
        """
        with self._reading() as db:
            asked = self._batch(db, round)
            _, open = self._open_items(db, asked, observer)
            order = shuffled(asked.pairs, asked.id, observer)
            later = _skipped(db, round, observer)
            waiting: list[tuple[int, str]] = []
            for position in order[open[order]]:
                query = select(_items.c.item).where(_items.c.batch == asked.id, _items.c.position == int(position))
                item = db.execute(query).scalar_one()
                if item in skip:
                    continue
                if item not in later:
                    return OpenItem(item=item, sources=sources_of(db, asked.id, item))
                waiting.append((later[item], item))
            if not waiting:
                return None
            item = min(waiting)[1]
            return OpenItem(item=item, sources=sources_of(db, asked.id, item))

    def item_progress(self, round: str, observer: str) -> Progress:
        """Pictures that `observer` has rated, and those that are left to rate. Raises UnknownRound."""
        with self._reading() as db:
            asked = self._batch(db, round)
            mine, open = self._open_items(db, asked, observer)
            seconds = _seconds(db, round, observer, reviews=False)
        return Progress(done=int(mine.sum()), left=int(open.sum()), seconds=seconds)

    def next_review(self, round: str, observer: str, skip: Collection[str] = ()) -> OpenReview | None:
        """The next rating of somebody else that nobody reviewed yet, with what others said about the same picture.

        `skip` names ratings to pass over; those that were skipped before come last. Raises UnknownRound.
        """
        with self._reading() as db:
            asked = self._batch(db, round)
            later = _skipped(db, round, observer)
            open = [id for id in _open_reviews(db, asked, observer) if id not in skip]
            if not open:
                return None
            chosen = min(open, key=lambda id: later.get(id, 0))
            item = db.execute(select(_ratings.c.item).where(_ratings.c.id == chosen)).scalar_one()
            found = [_stored(row) for row in db.execute(_standing(asked).where(_ratings.c.item == item))]
            of_item = {rating.id: rating for rating in _first(found)}
            rating = of_item.pop(chosen)
            return OpenReview(rating=rating, others=tuple(of_item.values()), sources=sources_of(db, asked.id, item))

    def review_progress(self, round: str, observer: str) -> Progress:
        """Reviews that `observer` made, and ratings that are left to review. Raises UnknownRound."""
        with self._reading() as db:
            asked = self._batch(db, round)
            left = len(_open_reviews(db, asked, observer))
            done = sum(row.observer == observer and row.reviews is not None for row in db.execute(_standing(asked)))
            return Progress(done=done, left=left, seconds=_seconds(db, round, observer, reviews=True))

    def _open_items(self, db: Connection, asked: Batch, observer: str) -> tuple[np.ndarray, np.ndarray]:
        """(items,) bool each: rated by `observer`, and still to rate for `observer`."""
        query = select(_items.c.position, _ratings.c.observer).join(_ratings, _ratings.c.item == _items.c.item)
        query = query.where(
            _items.c.batch == asked.id, _ratings.c.round == asked.round, _ratings.c.question == asked.question_id,
            _ratings.c.kind == asked.kind, _ratings.c.reviews.is_(None), standing(_ratings),
        )  # fmt: skip
        mine, counts = np.zeros(asked.pairs, bool), np.zeros(asked.pairs, np.int32)
        for position, who in db.execute(query.distinct()):
            counts[position] += 1
            mine[position] |= who == observer
        return mine, (counts < asked.votes_per_pair) & ~mine

    def _check(
        self, db: Connection, fresh: Sequence[Rating], asked: Mapping[str, Batch], known: Mapping[str, Rating]
    ) -> None:
        reviewed = [rating.reviews for rating in fresh if rating.reviews is not None]
        taken_back = present(db, schema.retractions.c.vote, reviewed)
        for name, batch in asked.items():
            if batch.task == "pairs":
                raise InvalidRating(f"round {name} asks about pairs, not for ratings; nothing was stored")
            mine = [rating for rating in fresh if rating.round == name]
            there = _of_round(db, name, sorted({rating.item for rating in mine}))
            criteria = [criterion.name for criterion in batch.options.criteria]
            for rating in mine:
                if rating.item not in there:
                    raise InvalidRating(f"rating {rating.id}: round {name} has no picture {rating.item}")
                if rating.reviews is not None:
                    _check_review(rating, known.get(rating.reviews), rating.reviews in taken_back)
                check_scores(rating, criteria, self._size(db, rating.item), batch.options.classes)


def _check_review(review: Rating, reviewed: Rating | None, taken_back: bool) -> None:
    wrong = ""
    if reviewed is None or (reviewed.round, reviewed.item) != (review.round, review.item):
        wrong = f"round {review.round} has no rating {review.reviews!r:.80} of that picture"
    elif reviewed.reviews is not None:
        wrong = "a review cannot be reviewed; review the rating"
    elif reviewed.observer == review.observer:
        wrong = "nobody reviews a rating of their own"
    elif taken_back:
        wrong = "the rating was taken back meanwhile"
    elif review.verdict == "accepted" and (dict(review.scores), tuple(review.circles)) != (
        dict(reviewed.scores),
        tuple(reviewed.circles),
    ):
        wrong = "what is accepted has the scores and circles of the rating; other ones make it corrected"
    if wrong:
        raise InvalidRating(f"review {review.id}: {wrong}; nothing was stored")


def _filled(rating: Rating, known: Mapping[str, Rating]) -> Rating:
    """An accepting review without scores and circles gets those of the rating."""
    reviewed = known.get(rating.reviews or "")
    if rating.verdict != "accepted" or rating.scores or rating.circles or reviewed is None:
        return rating
    return replace(rating, scores=reviewed.scores, circles=reviewed.circles)


def _of_round(db: Connection, round: str, items: Sequence[str]) -> set[str]:
    """Those of `items` that the round asks or asked about."""
    found: set[str] = set()
    for chunk in chunks(items):
        query = select(_items.c.item).join(schema.batches, schema.batches.c.id == _items.c.batch)
        found.update(db.execute(query.where(schema.batches.c.round == round, _items.c.item.in_(chunk))).scalars())
    return found


def _standing(asked: Batch) -> Select[Any]:
    mine = (_ratings.c.round == asked.round, _ratings.c.question == asked.question_id)
    return select(_ratings).where(*mine, standing(_ratings)).order_by(_ratings.c.seq)


def _first(ratings: Sequence[Any]) -> list[Any]:
    """The first rating of each picture by each observer, reviews left out; `ratings` in the order stored."""
    first: dict[tuple[str, str], Any] = {}
    for rating in ratings:
        if rating.reviews is None:
            first.setdefault((rating.item, rating.observer), rating)
    return list(first.values())


def _open_reviews(db: Connection, asked: Batch, observer: str) -> list[str]:
    """Ids of the ratings that `observer` could review, in the order stored."""
    columns = (_ratings.c.id, _ratings.c.item, _ratings.c.observer, _ratings.c.reviews, _ratings.c.kind)
    rows = db.execute(_standing(asked).with_only_columns(*columns)).all()
    reviewed = {row.reviews for row in rows}
    open = [row for row in _first(rows) if row.observer != observer and row.id not in reviewed]
    if asked.task == "reviews":
        members = set(db.execute(select(_items.c.item).where(_items.c.batch == asked.id)).scalars())
        open = [row for row in open if row.kind == "llm" and row.item in members]
    return [row.id for row in open]


def _skipped(db: Connection, round: str, observer: str) -> dict[str, int]:
    """What `observer` skipped in the round -> when (the newest time counts)."""
    query = select(_skips.c.subject, func.max(_skips.c.seq)).group_by(_skips.c.subject)
    query = query.where(_skips.c.round == round, _skips.c.observer == observer)
    return {row[0]: row[1] for row in db.execute(query)}


def _seconds(db: Connection, round: str, observer: str, *, reviews: bool) -> float:
    of_kind = _ratings.c.reviews.is_not(None) if reviews else _ratings.c.reviews.is_(None)
    query = select(func.coalesce(func.sum(_ratings.c.seconds), 0.0)).where(of_kind, standing(_ratings))
    query = query.where(_ratings.c.round == round, _ratings.c.observer == observer)
    return float(db.execute(query).scalar_one())


def _rating(row: Row[Any]) -> Rating:
    return Rating(**_fields(row))


def _stored(row: Row[Any]) -> StoredRating:
    return StoredRating(made_at=row.made_at, **_fields(row))


def _fields(row: Row[Any]) -> dict[str, Any]:
    content = json.loads(row.content)
    circles = tuple(
        Circle(x=x, y=y, radius=radius, artifact=artifact[0] if artifact else "")
        for x, y, radius, *artifact in content["circles"]
    )
    told = {"scores": content["scores"], "circles": circles, "note": content["note"]}
    return {name: row._mapping[name] for name in _FIELDS} | told


def _row(rating: Rating) -> dict[str, Any]:
    # ASCII JSON keeps what a text column does not: NUL, and halves of surrogate pairs.
    content = {
        "scores": dict(rating.scores),
        "circles": [[c.x, c.y, c.radius, *([c.artifact] if c.artifact else [])] for c in rating.circles],
        "note": rating.note,
    }
    seconds = None if rating.seconds is None else float(rating.seconds)
    values = {name: getattr(rating, name) for name in _FIELDS}
    return values | {"content": json.dumps(content, ensure_ascii=True), "seconds": seconds}
