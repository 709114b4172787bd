"""Where the label store is: reading what LOUPE_LABELS says, and naming the place without anything secret."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from labelling.store.database.errors import StoreUnavailable

_FORMS = "write a path, sqlite:///PATH or postgresql://USER@HOST/DATABASE"
_UNSHOWN = "it is not shown here, as it may hold a password"
# What a path hardly looks like, and a URL or a libpq string with a fault in it does. A path that does is taken where it
# begins with / or ./ or ~.
_FAULTY = re.compile(
    r"[a-z][a-z0-9+.-]+:/?(?!/)"  # postgresql:/h/db, sqlite:labels.sqlite
    r"|(post|pg|psql|sqlite|mysql|maria)[a-z0-9+]*[;,.]?//"  # postgres//u@h/db
    r"|[^/]*:[^/]*@"  # u:PW@h/db
    r"|.*//[^/]*:[^/]*@"  # anything//u:PW@h
    r"|(.*\s)?(host|hostaddr|port|user|dbname|password|passfile|sslpassword)\s*=",  # host=h user=u
    re.IGNORECASE,
)
_PLAIN_PATH = re.compile(r"[/~]|\.{1,2}/|[a-z]:[\\/]", re.IGNORECASE)
_SHOWN_USER = re.compile(r"[\w.-]+")
_HIDDEN = "***"


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
    store), `sqlite:///PATH`, or `postgresql://USER@HOST/DATABASE`. Raises StoreUnavailable for any other URL, and for
    what looks like a URL with a fault; its message shows nothing of what may be a password.
    """
    given = str(place) if place is not None else os.environ.get("LOUPE_LABELS", "").strip()
    if not given:
        return _sqlite(default_path())
    if "://" not in given:
        if not isinstance(place, Path) and not _PLAIN_PATH.match(given) and _FAULTY.match(given):
            raise StoreUnavailable(
                f"LOUPE_LABELS looks like a URL with a fault ({_UNSHOWN}): {_FORMS}, or ./PATH for a path"
            )
        return _sqlite(Path(given))
    url = _parsed(given)
    backend = url.drivername.split("+")[0]
    if backend == "sqlite":
        if not url.database or url.database == ":memory:":
            raise StoreUnavailable("the label store must be a file, not an in-memory database: sqlite:///PATH")
        return _sqlite(Path(url.database))
    if backend in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    raise StoreUnavailable(
        f"the label store cannot be a {backend[:20]} database: use a path, sqlite:/// or postgresql://"
    )


def _parsed(given: str) -> URL:
    try:
        url = make_url(given)
    except ArgumentError:
        raise StoreUnavailable(f"LOUPE_LABELS is not a readable URL ({_UNSHOWN}): {_FORMS}") from None
    except ValueError:
        raise StoreUnavailable(f"the port in LOUPE_LABELS is not a number ({_UNSHOWN}): {_FORMS}") from None
    if url.port is not None and not 0 < url.port < 2**16:
        raise StoreUnavailable(f"the port in LOUPE_LABELS is not one from 1 to 65535: {_FORMS}")
    if "@" in (url.host or "") + (url.username or ""):
        raise StoreUnavailable(f"LOUPE_LABELS has more than one @ ({_UNSHOWN}): write one in a password as %40")
    if url.drivername != "sqlite" and re.search(r"[;&=@]", url.database or ""):
        raise StoreUnavailable(
            f"the database in LOUPE_LABELS is no name ({_UNSHOWN}): parameters follow a question mark"
        )
    return url


def describe(url: URL) -> str:
    """The store's file, or its user, host and database: never a password, and nothing of the query."""
    if url.drivername == "sqlite":
        return str(url.database)
    user = url.username if url.username and _SHOWN_USER.fullmatch(url.username) else None
    shown = URL.create("postgresql", user, None, url.host, url.port, url.database)
    return shown.render_as_string(hide_password=True)


def hider(url: URL) -> Callable[[str], str]:
    """A function that takes the password, and every value of the query, out of what a driver says."""
    values = [
        url.password,
        *(value for each in url.query.values() for value in ([each] if isinstance(each, str) else each)),
    ]
    secret = sorted({str(value) for value in values if value}, key=len, reverse=True)
    found = re.compile(rf"(?<!\w)({'|'.join(map(re.escape, secret))})(?!\w)") if secret else None
    return lambda text: found.sub(_HIDDEN, text) if found else text


def _sqlite(path: Path) -> URL:
    path = path.expanduser()
    return URL.create("sqlite", database=str(path if path.is_absolute() else project_root() / path))
