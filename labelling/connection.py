"""Where the label store is, and an engine that connects to it durably."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError

from labelling.errors import StoreUnavailable

_WRITE = "loupe_write"
_POSTGRES_LOCK = 5_498_613_172  # any constant; only writers of this store take it


def project_root(start: Path | None = None) -> Path:
    """Folder of the project that `start` (default: the working folder) lies in.

    Inside a workspace of a DVC experiment (`.dvc/tmp/exps/...`), which DVC deletes afterwards, it is the project around
    it. Else the nearest folder upwards with a dvc.yaml or a .dvc; else `start` itself.
    """
    start = (start or Path.cwd()).resolve()
    parts = start.parts
    for i in range(len(parts) - 3):
        if parts[i : i + 3] == (".dvc", "tmp", "exps"):
            return Path(*parts[:i])
    for folder in (start, *start.parents):
        if (folder / "dvc.yaml").is_file() or (folder / ".dvc").is_dir():
            return folder
    return start


def default_path(start: Path | None = None) -> Path:
    """The store's file where LOUPE_LABELS is not set: `.loupe/labels.sqlite` in the project's folder."""
    return project_root(start) / ".loupe" / "labels.sqlite"


def locate(place: str | Path | None = None) -> URL:
    """URL of the store: `place`, else the environment's LOUPE_LABELS, else `default_path()`.

    `place` is a path (a relative one counts from the project's folder, so that an experiment's workspace finds the same
    store), `sqlite:///PATH`, or `postgresql://USER@HOST/DATABASE`. Raises StoreUnavailable for any other URL.
    """
    given = str(place) if place is not None else os.environ.get("LOUPE_LABELS", "").strip()
    if not given:
        return _sqlite(default_path())
    if "://" not in given:
        return _sqlite(Path(given))
    try:
        url = make_url(given)
    except ArgumentError as error:
        raise StoreUnavailable(f"LOUPE_LABELS is not a readable URL: {error}") from error
    backend = url.drivername.split("+")[0]
    if backend == "sqlite":
        if not url.database or url.database == ":memory:":
            raise StoreUnavailable("the label store must be a file, not an in-memory database: sqlite:///PATH")
        return _sqlite(Path(url.database))
    if backend in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    raise StoreUnavailable(f"the label store cannot be a {backend} database: use a path, sqlite:/// or postgresql://")


def describe(url: URL) -> str:
    """The store's file, or its URL without the password."""
    return str(url.database) if url.drivername == "sqlite" else url.render_as_string(hide_password=True)


def connect(url: URL, timeout: float) -> Engine:
    """Engine whose connections wait up to `timeout` seconds for a lock and acknowledge only durable commits.

    Makes the folder of an SQLite file. Raises StoreUnavailable where that is impossible.
    """
    if url.drivername != "sqlite":
        options = f"-c lock_timeout={int(timeout * 1000)} -c synchronous_commit=on"
        engine = create_engine(
            url, pool_pre_ping=True, connect_args={"options": options, "connect_timeout": max(2, int(timeout))}
        )
        event.listen(engine, "begin", _begin_postgres)
        return engine
    path = Path(str(url.database))
    if path.is_dir():
        raise StoreUnavailable(f"the label store {path} is a folder; point LOUPE_LABELS to a file in it")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreUnavailable(
            f"the label store {path} cannot be made: {error.strerror}; point LOUPE_LABELS to a place you may write"
        ) from error
    engine = create_engine(url, connect_args={"timeout": timeout})
    event.listen(engine, "connect", _prepare_sqlite)
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


def _sqlite(path: Path) -> URL:
    path = path.expanduser()
    return URL.create("sqlite", database=str(path if path.is_absolute() else project_root() / path))


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun by _begin_sqlite, not by the driver
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")


def _begin_sqlite(connection: Connection) -> None:
    # Taking the lock first: a transaction that reads and then writes could otherwise fail without waiting.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get(_WRITE) else "BEGIN")


def _begin_postgres(connection: Connection) -> None:
    # One writer at a time, as in SQLite, so that the order of `seq` is the order of commits.
    if connection.get_execution_options().get(_WRITE):
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _POSTGRES_LOCK})
