"""Whether the label store can be reached, without making or changing it."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from labelling.store.database.connection import describe, hider, locate
from labelling.store.database.engine import connect

_PATIENCE = 5.0


def fault_of_store(place: str | Path | None = None) -> str | None:
    """Why the store cannot be used, in a line; None where it answers, or can be made. Raises StoreUnavailable for a wrong URL.

    place: as in `locate`. Of an SQLite file it is read that it is a database and that it may be written.
    """
    url = locate(place)
    if url.drivername == "sqlite":
        return _fault_of_file(Path(str(url.database)))
    engine = connect(url, _PATIENCE)
    try:
        with engine.connect():
            return None
    except SQLAlchemyError as error:
        first = (hider(url)(str(getattr(error, "orig", error))).splitlines() or [""])[0]
        return f"the label store {describe(url)} does not answer ({first})"
    finally:
        engine.dispose()


def _fault_of_file(path: Path) -> str | None:
    if path.is_dir():
        return f"the label store {path} is a folder; point LOUPE_LABELS to a file in it"
    if not path.exists():
        near = next(folder for folder in path.parents if folder.exists())
        if near.is_dir() and os.access(near, os.W_OK | os.X_OK):
            return None
        return f"the label store {path} cannot be made in {near}; point LOUPE_LABELS to a place you may write"
    if not path.is_file():
        return f"the label store {path} is no regular file; point LOUPE_LABELS to another place"
    if not os.access(path, os.R_OK | os.W_OK):
        return f"the label store {path} cannot be read and written; check its permissions"
    try:
        store = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_PATIENCE)
        try:
            store.execute("SELECT count(*) FROM sqlite_master").fetchone()
        finally:
            store.close()
    except sqlite3.Error as error:
        return f"the label store {path} is not readable ({error}); point LOUPE_LABELS to another file, or bring it back"
    return None
