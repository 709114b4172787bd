"""An open database of the label store: its connections, transactions and set-up, and what every part of it asks."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Self

from sqlalchemy import URL, Connection, Engine, Row, Select, bindparam, func, select
from sqlalchemy.exc import SQLAlchemyError

from labelling.store.checks import findable
from labelling.store.database import engine, files, schema
from labelling.store.database.connection import describe, hider, locate
from labelling.store.database.errors import StoreUnavailable, StoreVersionError, UnknownRound, unavailable
from labelling.store.records import Batch, Options

_batches, _rounds = schema.batches, schema.rounds


class Database:
    """Connections to one store; every method that uses them raises StoreUnavailable where it cannot be used."""

    def __init__(self, url: URL, busy_timeout: float) -> None:
        self.place = describe(url)
        self._hide = hider(url)
        self._engine: Engine = engine.connect(url, busy_timeout)
        self._reader: Engine = engine.for_reading(self._engine)
        self._writer: Engine = engine.for_writing(self._engine)
        self._questions: set[str] = set()  # ids seen in the store, from which none is ever taken
        self._process = os.getpid()
        self._busy_timeout = busy_timeout
        # Threads of one process queue here: SQLite lets a waiting connection sleep longer and longer instead.
        self._turn = threading.Lock()

    @classmethod
    def open(cls, url: str | Path | None = None, busy_timeout: float = 30.0) -> Self:
        """Open the store, and create it where it is not there yet; bring it to this version where it is older.

        `url` is a path or a URL; None: the environment's LOUPE_LABELS, else `default_path()`. `busy_timeout` is how
        many seconds to wait for another writer. Raises StoreUnavailable, or StoreVersionError for a store that another
        version or another program wrote.
        """
        store = cls(locate(url), busy_timeout)
        try:
            store._set_up()
        except BaseException:
            store.close()
            raise
        return store

    def close(self) -> None:
        """Close every connection; the store can be opened again."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _set_up(self) -> None:
        deadline = time.monotonic() + self._busy_timeout
        while self._engine.dialect.name == "sqlite":
            try:  # the first connection changes the journal mode, which does not honour the busy timeout
                with self._guarded(), self._engine.connect():
                    break
            except StoreUnavailable as error:
                if "is locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        try:
            with self._reading() as db:
                current = schema.is_current(db)
            if not current:
                with self._writing() as db:
                    schema.migrate(db)
        except StoreVersionError as error:
            raise StoreVersionError(f"{self.place}: {error}") from None

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        self._check_process()
        try:
            yield
        except SQLAlchemyError as error:
            raise unavailable(error, self.place, self._hide) from None

    def _check_process(self) -> None:
        if os.getpid() != self._process:  # a forked child must not use its parent's connections, nor wait for its locks
            self._engine.dispose(close=False)
            self._process = os.getpid()
            self._forked()

    def _forked(self) -> None:
        self._turn = threading.Lock()

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._guarded(), self._reader.begin() as db:
            yield db

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self._guarded(), self._in_turn():
            with self._writer.begin() as db:
                held = engine.files_of(db)
                yield db
            files.check_in_place(held)  # what is committed to a file that went away is lost

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        turn = self._turn
        if not turn.acquire(timeout=self._busy_timeout):
            raise StoreUnavailable(f"the label store {self.place} is locked by other writers; retry in a moment")
        try:
            yield
        finally:
            turn.release()

    def _batch(self, db: Connection, round: str, batch: str | None = None) -> Batch:
        """The round's current batch, or the one with that id. Raises UnknownRound."""
        row = db.execute(_batch_query(batch is None), {"round": findable(round), "batch": batch}).first()
        if row is None:
            known = ", ".join(sorted(db.execute(select(_rounds.c.round)).scalars())) or "none"
            raise UnknownRound(
                f"no pairs of round {round!r} are registered in the label store {self.place} (rounds there: {known}); "
                "run `dvc repro` up to its labels stage first"
            )
        return self._batch_of(db, row)

    def _current(self, db: Connection, rounds: Collection[str]) -> dict[str, Batch]:
        """Round -> its current batch, for those of `rounds` that are registered."""
        found = ((round, db.execute(_batch_query(True), {"round": round}).first()) for round in sorted(rounds))
        return {round: self._batch_of(db, row) for round, row in found if row is not None}

    def _batch_of(self, db: Connection, row: Row[Any]) -> Batch:
        values = row._asdict()
        size, options = values.pop("size"), Options.from_json(values.pop("options"))
        if size is None:  # registered by a Loupe of version 1 after the migration
            column = schema.batch_pairs.c.batch
            size = db.execute(select(func.count()).where(column == row.id)).scalar_one()
        return Batch(pairs=size, options=options, **values)


@cache
def _batch_query(current: bool) -> Select[Any]:
    query = select(_batches, _rounds.c.options).join(_rounds, _rounds.c.round == _batches.c.round)
    wanted = _rounds.c.batch if current else bindparam("batch")
    return query.where(_batches.c.round == bindparam("round"), _batches.c.id == wanted)


def now() -> str:
    """The time as it is stored: UTC, ISO 8601, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
