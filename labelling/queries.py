"""Parts of the label store's queries: answers that stand, how many votes a batch has, long lists of values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Row, Select, Table, bindparam, case, func, select

from labelling import schema
from labelling.records import Batch

_CHUNK = 500  # values in one IN (...)

_votes, _pairs, _batch_pairs, _ratings = schema.votes, schema.pairs, schema.batch_pairs, schema.ratings


def standing(answers: Table) -> ColumnElement[bool]:
    """True for a row of votes, trials or ratings that was not taken back."""
    taken_back = select(schema.retractions.c.vote).where(schema.retractions.c.vote == answers.c.id)
    return ~taken_back.exists()


def have_of(asked: Batch) -> Select[Any]:
    """The sum over a batch of min(votes asked for, distinct observers of its kind with a standing vote or rating)."""
    if asked.task == "ratings":
        table, subject, members = _ratings, _ratings.c.item, schema.batch_items
        on: ColumnElement[bool] = members.c.item == _ratings.c.item
        on = on & (_ratings.c.round == asked.round) & _ratings.c.reviews.is_(None)
    else:
        table, subject, members = _votes, _votes.c.pair, _batch_pairs
        on = members.c.pair == _votes.c.pair
    query = select(func.count(table.c.observer.distinct()).label("count")).select_from(members).join(table, on)
    query = query.where(members.c.batch == asked.id, table.c.kind == asked.kind, standing(table)).group_by(subject)
    counts = query.subquery()
    capped = case((counts.c.count > asked.votes_per_pair, asked.votes_per_pair), else_=counts.c.count)
    return select(func.coalesce(func.sum(capped), 0))


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


def sources_of(db: Connection, subject: str) -> tuple[tuple[str, str], ...]:
    """(name, sha256) of what a pair (its key) or a rated picture was made from, in the order registered."""
    return tuple((name, sha256) for name, sha256 in db.execute(_sources(), {"subject": subject}))


@cache
def _sources() -> Select[Any]:
    table = schema.sources
    query = select(table.c.name, table.c.picture).where(table.c.subject == bindparam("subject"))
    return query.order_by(table.c.position)


def chunks(values: Sequence[str]) -> Iterator[Sequence[str]]:
    """`values` in pieces short enough for one IN (...)."""
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]
