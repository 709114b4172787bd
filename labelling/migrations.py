"""The steps that bring an older label store to the next version, each inside the caller's transaction.

A step is written out, and does not use the tables of labelling.schema, which go on changing after it. Whatever fails
undoes the whole step, so that the store stays what it was.
"""

from __future__ import annotations

import struct

from sqlalchemy import Connection, text

from labelling.errors import StoreVersionError

# Where the dialects differ: the words between braces below.
_WORDS = {
    "sqlite": {"serial": "INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT", "bytes": "BLOB", "float": "FLOAT"},
    "postgresql": {"serial": "SERIAL NOT NULL PRIMARY KEY", "bytes": "BYTEA", "float": "FLOAT(53)"},
}

_VERSION_2 = """
ALTER TABLE loupe_batches ADD COLUMN task VARCHAR(20) DEFAULT 'pairs' NOT NULL;
ALTER TABLE loupe_batches ADD COLUMN size INTEGER;
UPDATE loupe_batches SET size = (SELECT count(*) FROM loupe_batch_pairs WHERE batch = loupe_batches.id);
ALTER TABLE loupe_rounds ADD COLUMN options TEXT DEFAULT '{{}}' NOT NULL;
CREATE TABLE loupe_sizes (
    picture VARCHAR(64) NOT NULL PRIMARY KEY REFERENCES loupe_pictures (sha256),
    width INTEGER NOT NULL, height INTEGER NOT NULL
);
CREATE TABLE loupe_sources (
    subject VARCHAR(64) NOT NULL, position INTEGER NOT NULL, name VARCHAR(200) NOT NULL,
    picture VARCHAR(64) NOT NULL REFERENCES loupe_pictures (sha256), PRIMARY KEY (subject, position)
);
CREATE TABLE loupe_batch_items (
    batch VARCHAR(64) NOT NULL REFERENCES loupe_batches (id), position INTEGER NOT NULL,
    item VARCHAR(64) NOT NULL REFERENCES loupe_pictures (sha256), PRIMARY KEY (batch, position), UNIQUE (batch, item)
);
CREATE TABLE loupe_trials (
    seq {serial}, id VARCHAR(200) NOT NULL, pair VARCHAR(64) NOT NULL REFERENCES loupe_pairs ("key"),
    observer VARCHAR(200) NOT NULL, kind VARCHAR(40) NOT NULL, preferred VARCHAR(64) NOT NULL,
    "left" VARCHAR(64) NOT NULL REFERENCES loupe_pictures (sha256), round VARCHAR(200) NOT NULL, seconds {float},
    made_at VARCHAR(40) NOT NULL, batch VARCHAR(64) REFERENCES loupe_batches (id), purpose VARCHAR(20) NOT NULL,
    after INTEGER NOT NULL, UNIQUE (id)
);
CREATE INDEX loupe_trials_by_observer ON loupe_trials (round, observer, seq);
CREATE TABLE loupe_ratings (
    seq {serial}, id VARCHAR(200) NOT NULL, item VARCHAR(64) NOT NULL REFERENCES loupe_pictures (sha256),
    observer VARCHAR(200) NOT NULL, kind VARCHAR(40) NOT NULL, content TEXT NOT NULL, round VARCHAR(200) NOT NULL,
    seconds {float}, reviews VARCHAR(200), verdict VARCHAR(20), made_at VARCHAR(40) NOT NULL,
    batch VARCHAR(64) REFERENCES loupe_batches (id), UNIQUE (id)
);
CREATE INDEX loupe_ratings_by_round ON loupe_ratings (round, seq);
CREATE TABLE loupe_skips (
    seq {serial}, round VARCHAR(200) NOT NULL, observer VARCHAR(200) NOT NULL, subject VARCHAR(200) NOT NULL,
    at VARCHAR(40) NOT NULL
);
CREATE INDEX loupe_skips_by_observer ON loupe_skips (round, observer, seq);
CREATE TABLE loupe_observers (
    id VARCHAR(64) NOT NULL PRIMARY KEY, name VARCHAR(200) NOT NULL, role VARCHAR(20) NOT NULL,
    serial INTEGER NOT NULL, added_at VARCHAR(40) NOT NULL, revoked_at VARCHAR(40), UNIQUE (name)
);
CREATE TABLE loupe_secrets (name VARCHAR(40) NOT NULL PRIMARY KEY, value {bytes} NOT NULL);
ALTER TABLE loupe_retractions RENAME TO loupe_retractions_1;
CREATE TABLE loupe_retractions (seq {serial}, vote VARCHAR(200) NOT NULL, at VARCHAR(40) NOT NULL, UNIQUE (vote));
INSERT INTO loupe_retractions (vote, at) SELECT vote, at FROM loupe_retractions_1 ORDER BY at, vote
"""


def to_version_2(db: Connection) -> None:
    """Tasks, options, sources, trials, ratings, skips, observers; retractions get an order and may name any of them.

    Votes, pairs and pictures stay untouched: a Loupe of version 1 that has the store open meanwhile goes on voting.
    """
    for statement in _VERSION_2.format(**_WORDS[db.dialect.name]).split(";\n"):
        db.execute(text(statement))
    kept, had = (
        db.execute(text(f"SELECT count(*) FROM {name}")).scalar_one()
        for name in ("loupe_retractions", "loupe_retractions_1")
    )
    if kept != had:
        raise StoreVersionError(f"the label store was not migrated: {had} votes were taken back, {kept} were copied")
    db.execute(text("DROP TABLE loupe_retractions_1"))
    measure_pictures(db)


def measure_pictures(db: Connection) -> None:
    """Store the sizes of all pictures, from their PNG headers; one without a readable header gets none."""
    rows = []
    for sha256, head in db.execute(text("SELECT sha256, substr(png, 1, 24) FROM loupe_pictures")):
        size = png_size(bytes(head))
        if size is not None:
            rows.append({"it": sha256, "width": size[0], "height": size[1]})
    if rows:
        db.execute(text("INSERT INTO loupe_sizes (picture, width, height) VALUES (:it, :width, :height)"), rows)


def png_size(head: bytes) -> tuple[int, int] | None:
    """(width, height) by the first 24 bytes of a PNG, else None."""
    if len(head) < 24 or head[:8] != b"\x89PNG\r\n\x1a\n" or head[12:16] != b"IHDR":
        return None
    width, height = struct.unpack(">II", head[16:24])
    return (width, height) if 0 < width < 2**31 and 0 < height < 2**31 else None
