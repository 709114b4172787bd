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
from sqlalchemy import Inspector, inspect

from labelling import migrations, schema
from labelling.migrations import png_size
from labelling.queue import Queue
from labelling.records import batch_id
from labelling.store import Options, Store, StoreUnavailable, UnknownPicture

PAIRS = make_pairs(3)
BATCH = batch_id("r01", "people", 2, "Better?", [pair.key for pair in PAIRS])
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


class Version1:
    """The database as a program of version 1 uses it."""

    def __init__(self, place: str) -> None:
        self.postgres = place.startswith("postgresql")
        self.db: Any = psycopg.connect(place, autocommit=True) if self.postgres else sqlite3.connect(place)

    def run(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        found = self.db.execute(statement.replace("?", "%s") if self.postgres else statement, values)
        rows = found.fetchall() if found.description else []
        self.db.commit()
        return [tuple(bytes(v) if isinstance(v, memoryview) else v for v in row) for row in rows]

    def create(self) -> None:
        script = Path(__file__).with_name(f"version_1_{'postgresql' if self.postgres else 'sqlite'}.sql").read_text()
        for statement in script.split(";\n"):
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
        assert old.rows() == before
        assert store.rounds() == ["r01"]
        batch = store.batch("r01")
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
        assert store.status("r01").have == 3
        assert store.picture(sha(4)) == png(4)
    with Store.open(place) as store:  # once is enough
        assert store.status("r01").have == 3
    assert old.run("SELECT version FROM loupe_schema") == [(2,)]


def test_an_old_store_can_do_everything_new(place: str, old: Version1) -> None:
    with Store.open(place) as store:
        assert store.picture_size(sha(3)) == (12, 8)
        with pytest.raises(UnknownPicture, match="size"):
            store.picture_size(BROKEN)
        assert store.retract("two", "anna") is False
        assert store.retract("four", "berta") is True
        queue = Queue(store, "r01")
        assert queue.progress("anna").done == 1
        assert queue.progress("berta").left == 2
        assert store.register("r01", "people", PAIRS, 2, "Better?", Options(repeats=0.5)) == BATCH
        assert store.add_votes([vote(PAIRS[1])]) == 1
        assert sorted(store.tally("r01").seq) == [1, 3, 6]
        store.skip_pair("r01", "anna", PAIRS[2].key)
        assert len(store.secret()) == 32
        assert store.add_observer("anna").serial == 1
    assert old.run("SELECT vote FROM loupe_retractions ORDER BY seq") == [("five",), ("two",), ("four",)]


def test_a_program_of_version_1_goes_on_voting_meanwhile(place: str, old: Version1) -> None:
    with Store.open(place) as store:
        old.vote("late", 2, "anna", "tie")
        old.retract("late", "2025-01-04")
        old.vote("later", 2, "anna", "unsure")
        old.insert("loupe_batches", ("b" * 64, "r02", "people", 1, "Better?"))
        old.insert("loupe_batch_pairs", ("b" * 64, 0, PAIRS[2].key))
        old.insert("loupe_rounds", ("r02", "b" * 64))
        old.insert("loupe_pictures", (sha(77), png(77)))
        assert [v.id for v in store.votes([PAIRS[2].key], "people", "Better?")] == ["later"]
        assert store.batch("r02").pairs == 1
        assert store.status("r02").complete
        assert Queue(store, "r02").complete()
        assert store.picture_size(sha(77)) == (12, 8)


def test_a_migration_that_fails_changes_nothing(place: str, old: Version1, monkeypatch: pytest.MonkeyPatch) -> None:
    before = old.rows()
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "_VERSION_2", migrations._VERSION_2 + ";\nINSERT INTO loupe_nowhere VALUES (1)")
        with pytest.raises(StoreUnavailable):
            Store.open(place)
    assert old.rows() == before
    assert old.run("SELECT version FROM loupe_schema") == [(1,)]
    with Store.open(place) as store:
        assert store.status("r01").have == 3


def test_opening_an_old_store_at_once_migrates_it_once(place: str, old: Version1) -> None:
    errors: list[BaseException] = []

    def open_it() -> None:
        try:
            with Store.open(place) as store:
                assert store.status("r01").have == 3
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
    described = []
    for each in (place, other):
        with Store.open(each) as store, store._reading() as db:
            described.append({name: _describe(inspect(db), name) for name in inspect(db).get_table_names()})
    assert described[0] == described[1]
    assert set(described[1]) == set(schema.metadata.tables)


def _describe(found: Inspector, table: str) -> dict[str, Any]:
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
