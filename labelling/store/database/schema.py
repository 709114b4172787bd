"""Tables of the label store, their version, and the steps from one version to the next.

The same definitions serve SQLite and PostgreSQL. Votes, trials, ratings, skips and retractions are only ever added,
never changed, and `seq` is the order in which they were committed. To extend the store: change the tables below, raise
VERSION by one, and add to MIGRATIONS the function that brings a store of the version before to it (migrations.py has
them); a new store is created at VERSION directly.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    insert,
    inspect,
    select,
    update,
)

from labelling.store.database import migrations
from labelling.store.database.errors import StoreVersionError

VERSION = 5
MIGRATIONS: dict[int, Callable[[Connection], None]] = {
    2: migrations.to_version_2,
    3: migrations.to_version_3,
    4: migrations.to_version_4,
    5: migrations.to_version_5,
}

metadata = MetaData()
_sha256 = String(64)

# The prefix keeps apart what is ours where a PostgreSQL database is shared with other programs.
schema_version = Table("loupe_schema", metadata, Column("version", Integer, nullable=False))

pictures = Table(
    "loupe_pictures",
    metadata,
    Column("sha256", _sha256, primary_key=True),
    Column("png", LargeBinary, nullable=False),
)

# Apart from the pictures: behind a large blob in its row, a number is slow to reach.
sizes = Table(
    "loupe_sizes",
    metadata,
    Column("picture", _sha256, ForeignKey(pictures.c.sha256), primary_key=True),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
)

# What is asked: labelling.store.questions.question_id, the question as it is compared, and the criteria as JSON.
questions = Table(
    "loupe_questions",
    metadata,
    Column("id", _sha256, primary_key=True),
    Column("text", Text, nullable=False),
    Column("criteria", Text, nullable=False),
)

# What a batch shows beside a pair or a picture to rate (`subject`: pair key or sha256): what they were fused from.
sources = Table(
    "loupe_batch_sources",
    metadata,
    Column("batch", _sha256, ForeignKey("loupe_batches.id"), primary_key=True),
    Column("subject", _sha256, primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("name", String(200), nullable=False),
    Column("picture", _sha256, ForeignKey(pictures.c.sha256), nullable=False),
)

pairs = Table(
    "loupe_pairs",
    metadata,
    Column("key", _sha256, primary_key=True),
    Column("low", _sha256, ForeignKey(pictures.c.sha256), nullable=False),  # low < high
    Column("high", _sha256, ForeignKey(pictures.c.sha256), nullable=False),
)

batches = Table(
    "loupe_batches",
    metadata,
    Column("id", _sha256, primary_key=True),
    Column("round", String(200), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("votes_per_pair", Integer, nullable=False),
    Column("question", Text, nullable=False),
    Column("task", String(20), nullable=False, server_default="pairs"),  # or "ratings"
    Column("size", Integer),  # pairs or items; counted where a Loupe of version 1 registered
)

batch_pairs = Table(
    "loupe_batch_pairs",
    metadata,
    Column("batch", _sha256, ForeignKey(batches.c.id), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("pair", _sha256, ForeignKey(pairs.c.key), nullable=False),
    UniqueConstraint("batch", "pair"),
)

batch_items = Table(
    "loupe_batch_items",
    metadata,
    Column("batch", _sha256, ForeignKey(batches.c.id), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("item", _sha256, ForeignKey(pictures.c.sha256), nullable=False),
    UniqueConstraint("batch", "item"),
)

rounds = Table(
    "loupe_rounds",
    metadata,
    Column("round", String(200), primary_key=True),
    Column("batch", _sha256, ForeignKey(batches.c.id), nullable=False),  # the current one
    Column("options", Text, nullable=False, server_default="{}"),
)


def _answer_columns() -> list[Column[Any]]:
    return [
        Column("seq", Integer, primary_key=True, autoincrement=True),
        Column("id", String(200), nullable=False, unique=True),
        Column("pair", _sha256, ForeignKey(pairs.c.key), nullable=False),
        Column("observer", String(200), nullable=False),
        Column("kind", String(40), nullable=False),
        Column("preferred", _sha256, nullable=False),
        Column("left", _sha256, ForeignKey(pictures.c.sha256), nullable=False),
        Column("round", String(200), nullable=False),
        Column("seconds", Float(53)),
        Column("made_at", String(40), nullable=False),
        Column("batch", _sha256, ForeignKey(batches.c.id)),  # what the round asked when the answer came in
        Column("question", _sha256, ForeignKey(questions.c.id), nullable=False),  # what the answer is an answer to
    ]


votes = Table(
    "loupe_votes",
    metadata,
    *_answer_columns(),
    Index("loupe_votes_by_pair", "pair", "kind", "observer"),
    Index("loupe_votes_by_observer", "observer", "seq"),
    sqlite_autoincrement=True,
)

# Hidden repeats and training pairs.
trials = Table(
    "loupe_trials",
    metadata,
    *_answer_columns(),
    Column("purpose", String(20), nullable=False),
    Column("after", Integer, nullable=False),  # seq of the newest vote when it came in
    Index("loupe_trials_by_observer", "round", "observer", "seq"),
    sqlite_autoincrement=True,
)

ratings = Table(
    "loupe_ratings",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("id", String(200), nullable=False, unique=True),
    Column("item", _sha256, ForeignKey(pictures.c.sha256), nullable=False),
    Column("observer", String(200), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("content", Text, nullable=False),  # scores, circles and note, as JSON
    Column("round", String(200), nullable=False),
    Column("seconds", Float(53)),
    Column("reviews", String(200)),  # id of the rating under review
    Column("verdict", String(20)),
    Column("made_at", String(40), nullable=False),
    Column("batch", _sha256, ForeignKey(batches.c.id)),
    Column("question", _sha256, ForeignKey(questions.c.id), nullable=False),
    Index("loupe_ratings_by_round", "round", "seq"),
    sqlite_autoincrement=True,
)

skips = Table(
    "loupe_skips",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("round", String(200), nullable=False),
    Column("observer", String(200), nullable=False),
    Column("subject", String(200), nullable=False),  # pair key, sha256 of an item, or id of a rating
    Column("at", String(40), nullable=False),
    Index("loupe_skips_by_observer", "round", "observer", "seq"),
    sqlite_autoincrement=True,
)

retractions = Table(
    "loupe_retractions",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("vote", String(200), nullable=False, unique=True),  # id of a vote, trial or rating
    Column("at", String(40), nullable=False),
    sqlite_autoincrement=True,
)

observers = Table(
    "loupe_observers",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", String(200), nullable=False, unique=True),
    Column("role", String(20), nullable=False),
    Column("serial", Integer, nullable=False),
    Column("added_at", String(40), nullable=False),
    Column("revoked_at", String(40)),
)

# The open link of a study; closing it or asking for a new one changes the row.
links = Table(
    "loupe_links",
    metadata,
    Column("round", String(200), primary_key=True),
    Column("token", String(64), nullable=False, unique=True),
    Column("limits", Text, nullable=False),  # labelling.store.visitors.Limits, as JSON
    Column("pages", Text, nullable=False),  # what whoever shows the pages wrote down, as JSON
    Column("opened_at", String(40), nullable=False),
    Column("closed_at", String(40)),
)

# Who came by an open link: an observer of the role "visitor".
visitors = Table(
    "loupe_visitors",
    metadata,
    Column("observer", String(64), ForeignKey(observers.c.id), primary_key=True),
    Column("round", String(200), nullable=False),
    Column("browser", _sha256, nullable=False),  # of a random key that the browser made for this study
    Column("code", String(40), nullable=False, unique=True),
    Column("held_until", String(40), nullable=False),
    Column("excluded", String(40)),
    Column("finished_at", String(40)),
    UniqueConstraint("round", "browser"),
)

# What visitors answered on the pages before and after; only ever added, a page once.
visitor_pages = Table(
    "loupe_visitor_pages",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("observer", String(64), ForeignKey(visitors.c.observer), nullable=False),
    Column("page", String(40), nullable=False),
    Column("content", Text, nullable=False),
    Column("at", String(40), nullable=False),
    UniqueConstraint("observer", "page"),
    sqlite_autoincrement=True,
)

secrets = Table(
    "loupe_secrets",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("value", LargeBinary, nullable=False),
)


def is_current(connection: Connection) -> bool:
    """True if the store is at VERSION, so that opening it needs no write; errors as `migrate`."""
    return _version(connection) == VERSION


def migrate(connection: Connection) -> None:
    """Create the tables in an empty store, or bring an older store to VERSION, inside the caller's transaction.

    Raises StoreVersionError where the store is newer than this code, has no readable version, or belongs to another
    program.
    """
    version = _version(connection)
    if version is None:
        metadata.create_all(connection)
        connection.execute(insert(schema_version).values(version=VERSION))
        return
    for step in range(version + 1, VERSION + 1):
        MIGRATIONS[step](connection)
        connection.execute(update(schema_version).values(version=step))


def _version(connection: Connection) -> int | None:
    names = set(inspect(connection).get_table_names())
    if schema_version.name not in names:
        # In SQLite the file is ours alone; in PostgreSQL only our own names would be in the way.
        foreign = names if connection.dialect.name == "sqlite" else names & set(metadata.tables)
        if foreign:
            raise StoreVersionError(
                f"this database is not a Loupe label store: it holds the tables {', '.join(sorted(foreign)[:5])}; "
                "point LOUPE_LABELS to another file or database"
            )
        return None
    found = connection.execute(select(schema_version.c.version)).scalars().all()
    if len(found) != 1 or not isinstance(found[0], int) or found[0] < 1:
        raise StoreVersionError(f"the label store has no readable schema version ({found}); restore it from a copy")
    if found[0] > VERSION:
        raise StoreVersionError(
            f"the label store has schema version {found[0]}, and this Loupe reads up to {VERSION}; update Loupe, or "
            "point LOUPE_LABELS to another file or database"
        )
    return found[0]
