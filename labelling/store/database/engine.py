"""An engine that connects to the label store durably, and knows if the store's files are still in their places."""

from __future__ import annotations

import os
import sqlite3
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.exc import ArgumentError

from labelling.store.database import files
from labelling.store.database.connection import describe, hider
from labelling.store.database.errors import StoreUnavailable

_WRITE = "loupe_write"
_FILES = "loupe_files"
_MODE = "rw"  # of SQLite's files: they are there already
_POSTGRES_LOCK = 5_498_613_172  # any constant; only writers of this store take it


def connect(url: URL, timeout: float) -> Engine:
    """Engine whose connections wait up to `timeout` seconds for a lock and acknowledge only durable commits.

    Makes an SQLite file with its folder. Raises StoreUnavailable where that is impossible.
    """
    if url.drivername != "sqlite":
        options = f"-c lock_timeout={int(timeout * 1000)} -c synchronous_commit=on"
        settings = {"options": options, "connect_timeout": max(2, int(timeout))}
        try:
            engine = create_engine(url, pool_pre_ping=True, connect_args=settings, hide_parameters=True)
        except (ArgumentError, ValueError) as error:
            said = hider(url)(str(error))
            raise StoreUnavailable(f"the label store {describe(url)} cannot be reached: {said}") from None
        event.listen(engine, "begin", _begin_postgres)
        return engine
    path = Path(str(url.database))
    files.prepare(path)
    known = files.held(path)[0]
    engine = create_engine(url, connect_args={"timeout": timeout, "uri": True}, hide_parameters=True)
    event.listen(engine, "do_connect", partial(_open_existing, path))
    event.listen(engine, "connect", partial(_prepare_sqlite, path, known))
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def for_reading(engine: Engine) -> Engine:
    """The same engine, each statement seeing the newest state by itself.

    SQLite reads within a transaction, which costs next to nothing. In PostgreSQL each statement has a view of its own
    anyway (read committed), and a transaction around it two journeys to the server.
    """
    return engine if engine.dialect.name == "sqlite" else engine.execution_options(isolation_level="AUTOCOMMIT")


def for_writing(engine: Engine) -> Engine:
    """The same engine, whose transactions take the write lock at their start."""
    return engine.execution_options(**{_WRITE: True})


def files_of(db: Connection) -> list[files.Held]:
    """The files that a connection has open, for `files.check_in_place`; none where the store is on a server."""
    found: list[files.Held] = db.connection.info.get(_FILES, [])
    return found


def _open_existing(path: Path, _dialect: Any, _record: Any, arguments: list[Any], _settings: Any) -> None:
    # A file that went away must not come back empty.
    arguments[0] = f"file:{quote(os.fsencode(path))}?mode={_MODE}"


def _prepare_sqlite(path: Path, known: files.Held, connection: sqlite3.Connection, record: Any) -> None:
    files.check_in_place([known])
    connection.isolation_level = None  # transactions are begun by _begin_sqlite, not by the driver
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("SELECT count(*) FROM sqlite_master").fetchall()  # opens the log
    record.info[_FILES] = [known, *(each for each in files.held(path) if each.path != path)]


def _begin_sqlite(connection: Connection) -> None:
    # Taking the lock first: a transaction that reads and then writes could otherwise fail without waiting.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get(_WRITE) else "BEGIN")


def _begin_postgres(connection: Connection) -> None:
    # One writer at a time, as in SQLite, so that the order of `seq` is the order of commits.
    if connection.get_execution_options().get(_WRITE):
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _POSTGRES_LOCK})
