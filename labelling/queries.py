"""Parts of the label store's queries: effective votes, and the pairs that still owe some."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, select

from labelling import schema
from labelling.records import Batch

_CHUNK = 500  # values in one IN (...)

_votes, _pairs, _batch_pairs = schema.votes, schema.pairs, schema.batch_pairs

# A vote that was not taken back.
standing: ColumnElement[bool] = ~(
    select(schema.retractions.c.vote).where(schema.retractions.c.vote == _votes.c.id).exists()
)


def voted(kind: str, observer: str) -> ColumnElement[bool]:
    """True for a row of batch_pairs that `observer` of `kind` has an effective vote on."""
    mine = select(_votes.c.seq).where(_votes.c.pair == _batch_pairs.c.pair, _votes.c.kind == kind)
    return mine.where(_votes.c.observer == observer, standing).exists()


def counts_of(asked: Batch) -> Any:
    """Pair -> number of distinct observers with an effective vote, for the pairs of a batch that have any."""
    on = (_votes.c.pair == _batch_pairs.c.pair) & (_votes.c.kind == asked.kind)
    query = select(_batch_pairs.c.pair, func.count(_votes.c.observer.distinct()).label("count"))
    query = query.join(_votes, on).where(_batch_pairs.c.batch == asked.id, standing)
    return query.group_by(_batch_pairs.c.pair).subquery()


def open_for(asked: Batch, observer: str, columns: Sequence[Any]) -> Select[Any]:
    """`columns` of the pairs of a batch that still owe votes and that `observer` has not voted on."""
    counts = counts_of(asked)
    query = select(*columns).select_from(_batch_pairs).join(_pairs, _pairs.c.key == _batch_pairs.c.pair)
    query = query.outerjoin(counts, counts.c.pair == _batch_pairs.c.pair).where(_batch_pairs.c.batch == asked.id)
    owing = func.coalesce(counts.c.count, 0) < asked.votes_per_pair
    return query.where(owing, ~voted(asked.kind, observer))


def pairs_of(keys: Sequence[str]) -> Select[Any]:
    """Rows of the pairs table for `keys`."""
    return select(_pairs).where(_pairs.c.key.in_(keys))


def present(db: Connection, column: Any, values: Sequence[str]) -> set[str]:
    """Those of `values` that occur in `column`."""
    found: set[str] = set()
    for chunk in chunks(values):
        found.update(db.execute(select(column).where(column.in_(chunk))).scalars())
    return found


def chunks(values: Sequence[str]) -> Iterator[Sequence[str]]:
    """`values` in pieces short enough for one IN (...)."""
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]
