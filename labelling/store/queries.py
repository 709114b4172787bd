"""Parts of the label store's queries: answers that stand, how far a batch is, long lists of values."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Row,
    Select,
    Table,
    and_,
    bindparam,
    case,
    func,
    insert,
    literal,
    select,
)
from sqlalchemy.sql.selectable import NamedFromClause

from labelling.store.database import schema
from labelling.store.questions import same_question
from labelling.store.records import UNSURE, Batch
from labelling.store.undecidable import is_undecidable

_T = TypeVar("_T")
_CHUNK = 500  # values in one IN (...)

_votes, _pairs, _batch_pairs, _ratings = schema.votes, schema.pairs, schema.batch_pairs, schema.ratings


_NOTHING = (literal(0).label("unsure"), literal(0).label("undecidable"))


def standing(answers: Table | NamedFromClause) -> ColumnElement[bool]:
    """True for a row of votes, trials or ratings that was not taken back."""
    taken_back = select(schema.retractions.c.vote).where(schema.retractions.c.vote == answers.c.id)
    return ~taken_back.exists()


def counted_of(asked: Batch) -> Select[Any]:
    """One row about a batch: `have` (as in LabelsStatus), how many answers are "can't tell", how many pairs undecidable."""
    if asked.task == "reviews":
        return _counted_reviews(asked)
    return _counted_ratings(asked) if asked.task == "ratings" else _counted_votes(asked)


def _counted_votes(asked: Batch) -> Select[Any]:
    first = select(_votes.c.pair, func.min(_votes.c.seq).label("seq")).select_from(_batch_pairs)
    first = first.join(_votes, _batch_pairs.c.pair == _votes.c.pair).group_by(_votes.c.pair, _votes.c.observer)
    effective = first.where(
        _batch_pairs.c.batch == asked.id, _votes.c.kind == asked.kind, _votes.c.question == asked.question_id,
        standing(_votes),
    ).subquery()  # fmt: skip
    unsure = func.sum(case((_votes.c.preferred == UNSURE, 1), else_=0))
    of_pair = select((func.count() - unsure).label("votes"), unsure.label("unsure")).select_from(effective)
    counts = of_pair.join(_votes, _votes.c.seq == effective.c.seq).group_by(effective.c.pair).subquery()
    lost = is_undecidable(counts.c.votes, counts.c.unsure, asked.votes_per_pair)
    capped = case((counts.c.votes > asked.votes_per_pair, asked.votes_per_pair), else_=counts.c.votes)
    return select(
        func.coalesce(func.sum(case((lost, 0), else_=capped)), 0).label("have"),
        func.coalesce(func.sum(counts.c.unsure), 0).label("unsure"),
        func.coalesce(func.sum(case((lost, 1), else_=0)), 0).label("undecidable"),
    )


def _counted_ratings(asked: Batch) -> Select[Any]:
    members = schema.batch_items
    on = and_(
        members.c.item == _ratings.c.item, _ratings.c.round == asked.round, _ratings.c.question == asked.question_id,
        _ratings.c.reviews.is_(None),
    )  # fmt: skip
    query = select(func.count(_ratings.c.observer.distinct()).label("count")).select_from(members).join(_ratings, on)
    query = query.where(members.c.batch == asked.id, _ratings.c.kind == asked.kind, standing(_ratings))
    counts = query.group_by(_ratings.c.item).subquery()
    capped = case((counts.c.count > asked.votes_per_pair, asked.votes_per_pair), else_=counts.c.count)
    return select(func.coalesce(func.sum(capped), 0).label("have"), *_NOTHING)


def _counted_reviews(asked: Batch) -> Select[Any]:
    members, rated = schema.batch_items, _ratings.alias()
    query = select(func.count(rated.c.item.distinct()).label("have"), *_NOTHING).select_from(members)
    query = query.join(rated, rated.c.item == members.c.item).join(_ratings, _ratings.c.reviews == rated.c.id)
    return query.where(
        members.c.batch == asked.id, rated.c.round == asked.round, rated.c.question == asked.question_id,
        rated.c.kind == "llm", standing(rated), standing(_ratings),
    )  # fmt: skip


def put_question(db: Connection, asked: Batch) -> None:
    """Store what a batch asks, where it is not known yet."""
    if not present(db, schema.questions.c.id, [asked.question_id]):
        values = {"text": same_question(asked.question), "criteria": json.dumps(asked.asked, ensure_ascii=True)}
        db.execute(insert(schema.questions), values | {"id": asked.question_id})


def rows_with(db: Connection, column: Column[Any], values: Sequence[str]) -> Iterator[Row[Any]]:
    """Rows of the column's table in which it has one of `values`."""
    for chunk in chunks(values):
        yield from db.execute(_rows_with(column), {"values": chunk})


@cache
def _rows_with(column: Column[Any]) -> Select[Any]:
    return select(column.table).where(column.in_(bindparam("values", expanding=True)))


def present(db: Connection, column: Column[Any], values: Sequence[str]) -> set[str]:
    """Those of `values` that occur in `column`."""
    found: set[str] = set()
    for chunk in chunks(values):
        found.update(db.execute(_present(column), {"values": chunk}).scalars())
    return found


@cache
def _present(column: Column[Any]) -> Select[Any]:
    return select(column).where(column.in_(bindparam("values", expanding=True)))


def sources_of(db: Connection, batch: str, subject: str) -> tuple[tuple[str, str], ...]:
    """(name, sha256) of what a batch shows beside a pair (its key) or a picture to rate, in the order registered."""
    return tuple((name, sha256) for name, sha256 in db.execute(_sources(), {"batch": batch, "subject": subject}))


@cache
def _sources() -> Select[Any]:
    table = schema.sources
    query = select(table.c.name, table.c.picture).where(
        table.c.batch == bindparam("batch"), table.c.subject == bindparam("subject")
    )
    return query.order_by(table.c.position)


def chunks(values: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """`values` in pieces short enough for one IN (...)."""
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]
