"""The steps that bring an older label store to the next version, each inside the caller's transaction.

A step is written out, and does not use the tables of database.schema, which go on changing after it. Whatever fails
undoes the whole step, so that the store stays what it was.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Sequence

from sqlalchemy import Connection, text

from labelling.store.database.errors import StoreVersionError
from labelling.store.questions import question_id, same_question

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


# SQLite adds no column that must not be null, so there the tables of answers are made anew, with the rows as they are.
_ANSWERS = """
    seq {serial}, id VARCHAR(200) NOT NULL, pair VARCHAR(64) NOT NULL REFERENCES loupe_pairs ("key"),
    observer VARCHAR(200) NOT NULL, kind VARCHAR(40) NOT NULL, preferred VARCHAR(64) NOT NULL,
    "left" VARCHAR(64) NOT NULL REFERENCES loupe_pictures (sha256), round VARCHAR(200) NOT NULL, seconds {float},
    made_at VARCHAR(40) NOT NULL, batch VARCHAR(64) REFERENCES loupe_batches (id),
    question VARCHAR(64) NOT NULL REFERENCES loupe_questions (id)"""
_ANSWER_COLUMNS = 'seq, id, pair, observer, kind, preferred, "left", round, seconds, made_at, batch'
_TABLES_3 = {
    "loupe_votes": (f"{_ANSWERS}, UNIQUE (id)", _ANSWER_COLUMNS),
    "loupe_trials": (
        f"{_ANSWERS}, purpose VARCHAR(20) NOT NULL, after INTEGER NOT NULL, UNIQUE (id)",
        f"{_ANSWER_COLUMNS}, purpose, after",
    ),
    "loupe_ratings": (
        """
    seq {serial}, id VARCHAR(200) NOT NULL, item VARCHAR(64) NOT NULL REFERENCES loupe_pictures (sha256),
    observer VARCHAR(200) NOT NULL, kind VARCHAR(40) NOT NULL, content TEXT NOT NULL, round VARCHAR(200) NOT NULL,
    seconds {float}, reviews VARCHAR(200), verdict VARCHAR(20), made_at VARCHAR(40) NOT NULL,
    batch VARCHAR(64) REFERENCES loupe_batches (id), question VARCHAR(64) NOT NULL REFERENCES loupe_questions (id),
    UNIQUE (id)""",
        "seq, id, item, observer, kind, content, round, seconds, reviews, verdict, made_at, batch",
    ),
}
_INDEXES_3 = {
    "loupe_votes": (
        "CREATE INDEX loupe_votes_by_pair ON loupe_votes (pair, kind, observer)",
        "CREATE INDEX loupe_votes_by_observer ON loupe_votes (observer, seq)",
    ),
    "loupe_trials": ("CREATE INDEX loupe_trials_by_observer ON loupe_trials (round, observer, seq)",),
    "loupe_ratings": ("CREATE INDEX loupe_ratings_by_round ON loupe_ratings (round, seq)",),
}
_NEW_3 = """
CREATE TABLE loupe_questions (id VARCHAR(64) NOT NULL PRIMARY KEY, text TEXT NOT NULL, criteria TEXT NOT NULL);
CREATE TABLE loupe_batch_sources (
    batch VARCHAR(64) NOT NULL REFERENCES loupe_batches (id), subject VARCHAR(64) NOT NULL, position INTEGER NOT NULL,
    name VARCHAR(200) NOT NULL, picture VARCHAR(64) NOT NULL REFERENCES loupe_pictures (sha256),
    PRIMARY KEY (batch, subject, position)
);
INSERT INTO loupe_batch_sources (batch, subject, position, name, picture)
    SELECT members.batch, subject, loupe_sources.position, name, picture FROM loupe_sources JOIN (
        SELECT batch, pair AS member FROM loupe_batch_pairs UNION SELECT batch, item FROM loupe_batch_items
    ) AS members ON member = subject;
DROP TABLE loupe_sources;
CREATE TABLE loupe_asked (batch VARCHAR(64) NOT NULL PRIMARY KEY, question VARCHAR(64) NOT NULL);
CREATE TABLE loupe_only (pair VARCHAR(64) NOT NULL PRIMARY KEY, question VARCHAR(64) NOT NULL);
CREATE TABLE loupe_answered (rating INTEGER NOT NULL PRIMARY KEY, question VARCHAR(64) NOT NULL)
"""
# The batch that the answer came in for; else what its round asks now; else the only question about the pair.
_QUESTION_OF_ANSWER = """coalesce(
    (SELECT question FROM loupe_asked WHERE loupe_asked.batch = {table}.batch),
    (SELECT question FROM loupe_asked JOIN loupe_rounds ON loupe_rounds.batch = loupe_asked.batch
        WHERE loupe_rounds.round = {table}.round),
    (SELECT question FROM loupe_only WHERE loupe_only.pair = {table}.pair),
    :unknown)"""
_QUESTION_OF_RATING = "(SELECT question FROM loupe_answered WHERE rating = {table}.seq)"
_DEFAULT_QUESTION = "Which picture looks better overall?"  # of params.yaml and of studies, when version 2 was current


def to_version_3(db: Connection) -> None:
    """Every answer belongs to a question, every source picture to a batch.

    A program of an older version that has the store open can store no answer any more, and says so: it would count
    answers to one question as answers to another.
    """
    for statement in _NEW_3.split(";\n"):
        db.execute(text(statement))
    unknown = _put_question(db, _DEFAULT_QUESTION, [])
    _note_questions(db)
    for table, (columns, kept) in _TABLES_3.items():
        had = db.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
        question = _QUESTION_OF_RATING if table == "loupe_ratings" else _QUESTION_OF_ANSWER
        values = {} if table == "loupe_ratings" else {"unknown": unknown}
        if db.dialect.name == "sqlite":
            db.execute(text(f"CREATE TABLE {table}_3 ({columns.format(**_WORDS['sqlite'])})"))
            copied = f"SELECT {kept}, {question.format(table=table)} FROM {table} ORDER BY seq"
            db.execute(text(f"INSERT INTO {table}_3 ({kept}, question) {copied}"), values)
            db.execute(text(f"DROP TABLE {table}"))
            db.execute(text(f"ALTER TABLE {table}_3 RENAME TO {table}"))
            for index in _INDEXES_3[table]:
                db.execute(text(index))
        else:
            db.execute(text(f"ALTER TABLE {table} ADD COLUMN question VARCHAR(64)"))
            db.execute(text(f"UPDATE {table} SET question = {question.format(table=table)}"), values)
            db.execute(text(f"ALTER TABLE {table} ALTER COLUMN question SET NOT NULL"))
            db.execute(text(f"ALTER TABLE {table} ADD FOREIGN KEY (question) REFERENCES loupe_questions (id)"))
        has = db.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
        if has != had:
            raise StoreVersionError(f"the label store was not migrated: {table} had {had} rows, {has} were copied")
    for table in ("loupe_asked", "loupe_only", "loupe_answered"):
        db.execute(text(f"DROP TABLE {table}"))


# Of the pipeline, as its rounds were called before each kind of pictures had its own.
_PIPELINE_3 = re.compile(r"r\d{2,}|validation")


def to_version_4(db: Connection) -> None:
    """Version 3 called the rounds of every kind of pictures r01, r02, ... and validation; they become KIND-r01, ...

    What a batch was about says the kind: pictures made from a shorter and a longer exposure are of brackets, all others are
    of low_light. Answers go with their batch, those without one and the skips with what the round asked last.
    """
    shown = "SELECT DISTINCT batch FROM loupe_batch_sources WHERE name IN ('under', 'over')"
    fused = set(db.execute(text(shown)).scalars())

    def now(round: str, batch: str) -> str:
        return f"{'brackets' if batch in fused else 'low_light'}-{round}"

    batches = [
        (id, round)
        for id, round in db.execute(text("SELECT id, round FROM loupe_batches ORDER BY id"))
        if _PIPELINE_3.fullmatch(round)
    ]
    rounds = {
        round: (batch, options)
        for round, batch, options in db.execute(text("SELECT round, batch, options FROM loupe_rounds"))
        if _PIPELINE_3.fullmatch(round)
    }
    answers = ("loupe_votes", "loupe_trials", "loupe_ratings")
    for id, round in batches:
        values = {"new": now(round, id), "batch": id}
        db.execute(text("UPDATE loupe_batches SET round = :new WHERE id = :batch"), values)
        for table in answers:
            db.execute(text(f"UPDATE {table} SET round = :new WHERE batch = :batch"), values)
        if round in rounds and now(round, rounds[round][0]) != values["new"]:  # the round was of another kind last
            known = text("SELECT count(*) FROM loupe_rounds WHERE round = :new")
            if not db.execute(known, values).scalar_one():
                again = text("INSERT INTO loupe_rounds (round, batch, options) VALUES (:new, :batch, :options)")
                db.execute(again, values | {"options": rounds[round][1]})
    named: set[str] = set()
    for table in (*answers, "loupe_skips"):
        named |= set(db.execute(text(f"SELECT DISTINCT round FROM {table}")).scalars())
    for round in sorted(name for name in named | set(rounds) if _PIPELINE_3.fullmatch(name)):
        last = rounds[round][0] if round in rounds else ""
        values = {"new": now(round, last), "old": round}
        for table in (*answers, "loupe_skips", "loupe_rounds"):
            db.execute(text(f"UPDATE {table} SET round = :new WHERE round = :old"), values)


_VERSION_5 = """
CREATE TABLE loupe_links (
    round VARCHAR(200) NOT NULL PRIMARY KEY, token VARCHAR(64) NOT NULL, limits TEXT NOT NULL, pages TEXT NOT NULL,
    opened_at VARCHAR(40) NOT NULL, closed_at VARCHAR(40), UNIQUE (token)
);
CREATE TABLE loupe_visitors (
    observer VARCHAR(64) NOT NULL PRIMARY KEY REFERENCES loupe_observers (id), round VARCHAR(200) NOT NULL,
    browser VARCHAR(64) NOT NULL, code VARCHAR(40) NOT NULL, held_until VARCHAR(40) NOT NULL, excluded VARCHAR(40),
    finished_at VARCHAR(40), UNIQUE (round, browser), UNIQUE (code)
);
CREATE TABLE loupe_visitor_pages (
    seq {serial}, observer VARCHAR(64) NOT NULL REFERENCES loupe_visitors (observer), page VARCHAR(40) NOT NULL,
    content TEXT NOT NULL, at VARCHAR(40) NOT NULL, UNIQUE (observer, page)
)
"""


def to_version_5(db: Connection) -> None:
    """Open links of studies, and the visitors who come by them; nothing that is there is touched."""
    for statement in _VERSION_5.format(**_WORDS[db.dialect.name]).split(";\n"):
        db.execute(text(statement))


def _note_questions(db: Connection) -> None:
    """Fill loupe_questions, and note the question of each batch of pairs and of each rating."""
    options = dict(db.execute(text("SELECT round, options FROM loupe_rounds")).tuples().all())
    asked: dict[str, str] = {}
    for batch, question, task in db.execute(text("SELECT id, question, task FROM loupe_batches")).all():
        asked[batch] = question
        if task == "pairs":
            values = {"batch": batch, "question": _put_question(db, question, [])}
            db.execute(text("INSERT INTO loupe_asked (batch, question) VALUES (:batch, :question)"), values)
    only = "SELECT pair, min(question) FROM loupe_batch_pairs JOIN loupe_asked ON loupe_asked.batch = loupe_batch_pairs.batch"
    db.execute(text(f"INSERT INTO loupe_only {only} GROUP BY pair HAVING count(DISTINCT question) = 1"))
    answered: dict[str, str] = {}  # by the rating's id: a review is about what the rating is about
    rows = db.execute(text("SELECT seq, id, round, batch, content, reviews FROM loupe_ratings ORDER BY seq")).all()
    for seq, id, round, batch, content, reviews in rows:
        found = answered.get(reviews)
        if found is None:
            given = json.loads(options.get(round) or "{}").get("criteria", [])
            criteria = [[each["name"], each["title"], *each["scale"]] for each in given]
            names = sorted(json.loads(content)["scores"])
            if names != sorted(each[0] for each in criteria):  # rated by others than the round has now
                criteria = [[name] for name in names]
            found = _put_question(db, asked.get(batch, ""), criteria)
        answered[id] = found
        db.execute(
            text("INSERT INTO loupe_answered (rating, question) VALUES (:seq, :found)"), {"seq": seq, "found": found}
        )


def _put_question(db: Connection, question: str, criteria: Sequence[Sequence[str]]) -> str:
    """Store what is asked where it is new; returns its id."""
    values = {"id": question_id(question, criteria), "text": same_question(question)}
    if db.execute(text("SELECT id FROM loupe_questions WHERE id = :id"), values).first() is None:
        said = {"criteria": json.dumps(criteria, ensure_ascii=True)}
        db.execute(
            text("INSERT INTO loupe_questions (id, text, criteria) VALUES (:id, :text, :criteria)"), values | said
        )
    return values["id"]


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
