"""A store written by version 1 (its own SQL, kept in version_1_*.sql) goes on in this version with everything kept."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest
from label_helpers import make_pairs, png, sha, vote
from old_stores import RawStore
from sqlalchemy import Inspector, inspect

from labelling.desk.queue import Queue
from labelling.store import Options, Store, StoreUnavailable, UnknownPicture
from labelling.store.database import migrations, schema
from labelling.store.database.migrations import png_size
from labelling.store.records import batch_id

PAIRS = make_pairs(3)
BATCH = batch_id("r01", "people", 2, "Better?", [pair.key for pair in PAIRS])
ROUND = "low_light-r01"  # what the round is called since version 4
BROKEN = "0" * 64  # a picture whose header cannot be read: version 1 asked for the signature only
TABLES = {
    "loupe_pictures": "sha256, png",
    "loupe_pairs": "key, low, high",
    "loupe_batches": "id, round, kind, votes_per_pair, question",
    "loupe_batch_pairs": "batch, position, pair",
    "loupe_rounds": "round, batch",
    "loupe_votes": 'seq, id, pair, observer, kind, preferred, "left", round, seconds, made_at, batch',
    "loupe_retractions": "vote, at",
}


class Version1(RawStore):
    """The database as a program of version 1 uses it."""

    def create(self) -> None:
        for statement in self.script(1).split(";\n"):
            if statement.strip():
                self.run(statement)
        self.run("INSERT INTO loupe_schema (version) VALUES (1)")

    def insert(self, table: str, *rows: Sequence[object]) -> None:
        marks = ", ".join("?" for _ in TABLES[table].split(", "))
        for row in rows:
            self.run(f"INSERT INTO {table} ({TABLES[table]}) VALUES ({marks})", *row)

    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        return {name: sorted(self.run(f"SELECT {columns} FROM {name}"), key=repr) for name, columns in TABLES.items()}

    def vote(self, id: str, pair: int, observer: str, preferred: str, *more: object) -> None:
        of = PAIRS[pair]
        self.run(
            'INSERT INTO loupe_votes (id, pair, observer, kind, preferred, "left", round, seconds, made_at, batch) '
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            id, of.key, observer, "people", preferred, of.first_sha256, "r01", 1.5, "2025-01-01T00:00:00.000+00:00", BATCH,
        )  # fmt: skip

    def retract(self, id: str, at: str) -> None:
        self.run("INSERT INTO loupe_retractions (vote, at) VALUES (?, ?)", id, at)


def renamed(rows: dict[str, list[tuple[Any, ...]]]) -> dict[str, list[tuple[Any, ...]]]:
    """The rows as they are now: the same but for what the round is called."""
    return {table: [tuple(ROUND if v == "r01" else v for v in row) for row in found] for table, found in rows.items()}


@pytest.fixture
def old(place: str) -> Iterator[Version1]:
    """A store of version 1: three pairs of which two were voted on, by two observers; two votes were taken back."""
    made = Version1(place)
    made.create()
    made.insert("loupe_pictures", *((sha(i), png(i)) for i in range(6)), (BROKEN, b"\x89PNG\r\n\x1a\nno header"))
    made.insert("loupe_pairs", *((pair.key, *sorted((pair.first_sha256, pair.second_sha256))) for pair in PAIRS))
    made.insert("loupe_batches", (BATCH, "r01", "people", 2, "Better?"))
    made.insert("loupe_batch_pairs", *((BATCH, i, pair.key) for i, pair in enumerate(PAIRS)))
    made.insert("loupe_rounds", ("r01", BATCH))
    for id, pair, observer, preferred in (
        ("one", 0, "anna", PAIRS[0].first_sha256),
        ("two", 1, "anna", "tie"),
        ("three", 0, "berta", PAIRS[0].second_sha256),
        ("four", 1, "berta", "unsure"),
        ("five", 2, "berta", "tie"),
    ):
        made.vote(id, pair, observer, preferred)
    made.retract("five", "2025-01-02")  # taken back in another order than cast
    made.retract("two", "2025-01-03")
    yield made
    made.db.close()


def test_everything_of_an_old_store_is_kept(place: str, old: Version1) -> None:
    before = old.rows()
    with Store.open(place) as store:
        assert old.rows() == renamed(before)
        assert store.rounds() == [ROUND]
        batch = store.batch(ROUND)
        assert (batch.id, batch.pairs, batch.votes_per_pair, batch.task, batch.options) == (
            BATCH,
            3,
            2,
            "pairs",
            Options(),
        )
        found = store.votes([pair.key for pair in PAIRS], "people", "Better?")
        assert {(v.id, v.observer, v.preferred, v.seconds) for v in found} == {
            ("one", "anna", PAIRS[0].first_sha256, 1.5),
            ("three", "berta", PAIRS[0].second_sha256, 1.5),
            ("four", "berta", "unsure", 1.5),
        }
        assert (store.status(ROUND).have, store.status(ROUND).unsure) == (2, 1)
        assert store.picture(sha(4)) == png(4)
    with Store.open(place) as store:  # once is enough
        assert store.status(ROUND).have == 2
    assert old.rows() == renamed(before)
    assert old.version() == schema.VERSION == 5


def test_an_old_store_can_do_everything_new(place: str, old: Version1) -> None:
    with Store.open(place) as store:
        assert store.picture_size(sha(3)) == (12, 8)
        with pytest.raises(UnknownPicture, match="size"):
            store.picture_size(BROKEN)
        assert store.retract("two", "anna") is False
        assert store.retract("four", "berta") is True
        queue = Queue(store, ROUND)
        assert queue.progress("anna").done == 1
        assert queue.progress("berta").left == 2
        now = store.register(ROUND, "people", PAIRS, 2, "Better?", Options(repeats=0.5))
        assert now == batch_id(ROUND, "people", 2, "Better?", [pair.key for pair in PAIRS])
        assert store.add_votes([vote(PAIRS[1], round=ROUND)]) == 1
        assert sorted(store.tally(ROUND).seq) == [1, 3, 6]
        store.skip_pair(ROUND, "anna", PAIRS[2].key)
        assert len(store.secret()) == 32
        assert store.add_observer("anna").serial == 1
    assert old.run("SELECT vote FROM loupe_retractions ORDER BY seq") == [("five",), ("two",), ("four",)]


def test_a_program_of_version_1_that_has_the_store_open_stores_nothing_and_is_told(place: str, old: Version1) -> None:
    """It would count answers to one question as answers to another; nothing that it acknowledged is touched."""
    with Store.open(place) as store:
        before = store.votes([pair.key for pair in PAIRS], "people", "Better?")
        with pytest.raises((sqlite3.IntegrityError, psycopg.errors.NotNullViolation), match="question"):
            old.vote("late", 2, "anna", "tie")
        assert store.votes([pair.key for pair in PAIRS], "people", "Better?") == before
        assert store.add_votes([vote(PAIRS[2], round=ROUND)]) == 1
        assert old.run("SELECT count(*) FROM loupe_votes WHERE id = 'late'") == [(0,)]


def test_a_migration_that_fails_changes_nothing(place: str, old: Version1, monkeypatch: pytest.MonkeyPatch) -> None:
    before = old.rows()
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "_VERSION_2", migrations._VERSION_2 + ";\nINSERT INTO loupe_nowhere VALUES (1)")
        with pytest.raises(StoreUnavailable):
            Store.open(place)
    assert old.rows() == before
    assert old.run("SELECT version FROM loupe_schema") == [(1,)]
    with Store.open(place) as store:
        assert store.status(ROUND).have == 2


def test_opening_an_old_store_at_once_migrates_it_once(place: str, old: Version1) -> None:
    errors: list[BaseException] = []

    def open_it() -> None:
        try:
            with Store.open(place) as store:
                assert store.status(ROUND).have == 2
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(old.run("SELECT seq FROM loupe_retractions")) == 2


def test_a_migrated_store_has_the_tables_of_a_new_one(
    place: str, old: Version1, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    postgres = place.startswith("postgresql")
    other = request.getfixturevalue("postgres").new_database() if postgres else str(tmp_path / "new.sqlite")
    found = []
    for each in (place, other):
        with Store.open(each) as store, store._reading() as db:
            found.append({name: described(inspect(db), name) for name in inspect(db).get_table_names()})
    assert found[0] == found[1]
    assert set(found[1]) == set(schema.metadata.tables)


def described(found: Inspector, table: str) -> dict[str, Any]:
    columns = [(c["name"], str(c["type"]), c["nullable"], c["default"]) for c in found.get_columns(table)]
    foreign = [(key["constrained_columns"], key["referred_table"]) for key in found.get_foreign_keys(table)]
    unique = [tuple(sorted(each["column_names"])) for each in found.get_unique_constraints(table)]
    indexes = [tuple(str(name) for name in each["column_names"]) for each in found.get_indexes(table)]
    return {
        "columns": sorted(columns), "key": found.get_pk_constraint(table)["constrained_columns"],
        "foreign": sorted(foreign), "unique": sorted(unique), "indexes": sorted(indexes),
    }  # fmt: skip


@pytest.mark.parametrize(
    "head",
    [b"", b"\x89PNG\r\n\x1a\n", png(1)[:23], b"GIF89a" + png(1)[6:], png(1)[:16] + bytes(8), png(1)[:16] + b"\xff" * 8],
)
def test_a_header_that_is_none_has_no_size(head: bytes) -> None:
    assert png_size(png(1)[:24]) == (12, 8)
    assert png_size(head) is None
