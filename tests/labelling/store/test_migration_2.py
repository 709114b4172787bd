"""A store written by version 2 goes on in this version: every row kept, every answer with the question it answers.

In it are four people, a simulated one and a model; rounds r01, r02 and noise that share pairs (the first two ask the
same question, but for white space), `twice`, which asked something else before, votes of a round that was never
registered, and ratings by criteria that were changed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from label_helpers import make_pairs, pair, sha, vote
from old_stores import TABLES_2, RawStore, open_killed, quoted
from sqlalchemy import inspect
from test_migration import described

from labelling.desk.queue import Queue
from labelling.store import Criterion, Options, RatingItem, Store, StoreUnavailable
from labelling.store.database import migrations
from labelling.store.questions import question_id

PAIRS = make_pairs(4)
R01 = "low_light-r01"  # what round r01 is called since version 4
BETTER, NOISE, SHARPER = "Which picture looks better overall?", "Which has more noise?", "Which is sharper?"


@pytest.fixture
def old(place: str) -> Iterator[RawStore]:
    made = RawStore(place)
    made.load(2)
    assert made.version() == 2
    yield made
    made.db.close()


def test_every_row_is_kept(place: str, old: RawStore) -> None:
    columns = {table: quoted(old.columns(f"loupe_{table}")) for table in TABLES_2}
    before = old.rows(columns)
    assert {table: len(rows) for table, rows in before.items()} == {
        "batch_items": 2, "batch_pairs": 14, "batches": 7, "observers": 5, "pairs": 5, "pictures": 13, "ratings": 7,
        "retractions": 2, "rounds": 6, "secrets": 1, "sizes": 13, "skips": 2, "trials": 3, "votes": 16,
    }  # fmt: skip
    Store.open(place).close()
    assert old.version() == 5
    now = {f"r{number:02}": f"low_light-r{number:02}" for number in range(100)}
    renamed = {
        table: sorted((tuple(now.get(v, v) for v in row) for row in rows), key=repr) for table, rows in before.items()
    }
    assert old.rows(columns) == renamed
    Store.open(place).close()
    assert old.rows(columns) == renamed


def test_every_answer_has_the_question_that_it_answers(place: str, old: RawStore) -> None:
    Store.open(place).close()
    texts = dict(old.run("SELECT id, text FROM loupe_questions"))
    found = {id: texts[question] for id, question in old.run("SELECT id, question FROM loupe_votes")}
    expected = dict.fromkeys((1, 2, 3, 4, 5, 8, 9, 17, 18, 19), BETTER)  # 17: of no round, the default question
    expected |= {10: NOISE, 11: NOISE, 13: SHARPER, 14: NOISE, 15: NOISE, 16: "Which is darker?"}
    assert found == {f"vote-{number:02}": text for number, text in expected.items()}
    trials = {id: texts[question] for id, question in old.run("SELECT id, question FROM loupe_trials")}
    assert trials == {"trial-06": BETTER, "trial-07": BETTER, "trial-12": NOISE}
    of_ratings = dict(old.run("SELECT id, question FROM loupe_ratings"))
    assert len({of_ratings[id] for id in of_ratings if id != "rating-1"}) == 1
    assert of_ratings["rating-1"] != of_ratings["rating-2"]
    assert question_id(BETTER) in texts


def test_votes_count_for_their_question_alone(place: str, old: RawStore) -> None:
    with Store.open(place) as store:
        statuses = {round: store.status(round) for round in (R01, "low_light-r02", "noise", "twice", "only")}
        found = {round: (s.have, s.need, s.unsure, s.undecidable) for round, s in statuses.items()}
        assert found == {
            R01: (5, 8, 1, 0), "low_light-r02": (3, 3, 1, 0),
            "noise": (1, 2, 0, 0), "twice": (2, 2, 0, 0), "only": (1, 1, 0, 0),
        }  # fmt: skip
        for round, status in statuses.items():
            with store.log(round) as (log, _):
                assert (log.counts >= status.votes_per_pair).all() == status.complete
        keys = [each.key for each in PAIRS]
        assert [v.id for v in store.votes(keys, "people", SHARPER)] == ["vote-13"]
        assert {v.id for v in store.votes(keys, "people", f" {BETTER.replace(' ', '  ')}")} == {
            f"vote-{number:02}" for number in (1, 3, 4, 5, 8, 9, 17)
        }  # fmt: skip
        store.register("twice", "people", PAIRS[2:], 1, SHARPER)  # asked again, the answer is there again
        assert store.status("twice").have == 1


def test_ratings_count_for_their_criteria_alone(place: str, old: RawStore) -> None:
    """Version 2 did not keep what the criteria were before they were changed: such a rating stays, and counts no more."""
    with Store.open(place) as store:
        assert {rating.id for rating in store.ratings("fusion")} == {"rating-2", "rating-3", "review-3"}
        assert len(store.ratings("fusion", effective=False)) == 5
        assert (store.status("fusion").have, store.status("fusion").need) == (2, 4)
        scale = ("1", "2", "3", "4", "5")
        now = store.options("fusion")
        options = Options(criteria=(Criterion(name="thermal", title="Heat", scale=scale), now.criteria[1]))
        items = [RatingItem(sha256=sha(i), png=b"") for i in (0, 2)]
        store.register_ratings("fusion", "people", items, 2, "How good?", options)
        assert (store.ratings("fusion"), store.status("fusion").have) == ([], 0)
        store.register_ratings("fusion", "people", items, 2, "How  good?", now)  # asked again, they are there again
        assert {rating.id for rating in store.ratings("fusion")} == {"rating-2", "rating-3", "review-3"}


def test_every_round_shows_the_sources_that_its_pairs_had(place: str, old: RawStore) -> None:
    both = (("infrared", sha(50)), ("visible", sha(51)))
    with Store.open(place) as store:
        assert [store.sources(round, PAIRS[0].key) for round in (R01, "low_light-r02", "noise")] == [both] * 3
        assert store.sources(R01, PAIRS[1].key) == ()
        assert store.sources("fusion", sha(0)) == (("infrared", sha(52)),)


def test_work_goes_on(place: str, old: RawStore) -> None:
    with Store.open(place) as store:
        assert store.secret() == bytes(range(32))
        assert [o.name for o in store.observers()] == ["Anna", "anna", "berta", "eva", "manager"]
        assert store.add_observer("Anna").role == "expert"
        assert store.observer_named("berta").revoked_at is not None
        queue = Queue(store, "noise")
        assert [queue.progress(who).left for who in ("anna", "berta")] == [1, 1]
        shown = queue.next("berta")
        assert shown is not None
        assert (shown.key, shown.question) == (PAIRS[1].key, NOISE)
        assert store.last_answer("twice", "eva") == "vote-15"
        assert store.add_votes([vote(PAIRS[1], "berta", round="noise")]) == 1
        assert store.status("noise").complete
        assert [seq for (seq,) in old.run("SELECT max(seq) FROM loupe_votes")] == [17]
        assert store.add_votes([vote(pair(90, 91), "anna", round="only")]) == 1


def test_a_migrated_store_has_the_tables_of_a_new_one(
    place: str, old: RawStore, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    postgres = place.startswith("postgresql")
    other = request.getfixturevalue("postgres").new_database() if postgres else str(tmp_path / "new.sqlite")
    found = []
    for each in (place, other):
        with Store.open(each) as store, store._reading() as db:
            found.append({name: described(inspect(db), name) for name in inspect(db).get_table_names()})
    assert found[0] == found[1]


def test_a_program_of_version_2_that_has_the_store_open_is_refused(place: str, old: RawStore) -> None:
    columns = quoted(old.columns("loupe_votes")[1:])
    Store.open(place).close()
    copied = f"SELECT 'late', {', '.join(columns[1:])} FROM loupe_votes WHERE id = 'vote-01'"
    with pytest.raises((sqlite3.IntegrityError, psycopg.errors.NotNullViolation), match="question"):
        old.run(f"INSERT INTO loupe_votes ({', '.join(columns)}) {copied}")


def test_a_migration_that_fails_changes_nothing(place: str, old: RawStore, monkeypatch: pytest.MonkeyPatch) -> None:
    columns = {table: quoted(old.columns(f"loupe_{table}")) for table in (*TABLES_2, "sources")}
    before = old.rows(columns)
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "_INDEXES_3", migrations._INDEXES_3 | {"loupe_ratings": ("SELECT * FROM nowhere",)})
        patch.setattr(migrations, "_QUESTION_OF_RATING", "(SELECT question FROM nowhere WHERE rating = {table}.seq)")
        with pytest.raises(StoreUnavailable, match="nowhere"):
            Store.open(place)
    assert old.version() == 2
    assert {table: quoted(old.columns(f"loupe_{table}")) for table in columns} == columns
    assert old.rows(columns) == before


@pytest.mark.parametrize("statement", [8, 20, 40, 60])
def test_a_migration_that_is_killed_leaves_the_old_store_whole(place: str, old: RawStore, statement: int) -> None:
    columns = {table: quoted(old.columns(f"loupe_{table}")) for table in (*TABLES_2, "sources")}
    before = old.rows(columns)
    open_killed(place, statement)
    assert old.version() == 2
    assert {table: quoted(old.columns(f"loupe_{table}")) for table in columns} == columns
    assert old.rows(columns) == before
    with Store.open(place) as store:
        assert store.status(R01).have == 5
