"""Where the store is, and what is said when it cannot be opened."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from label_helpers import make_pairs, vote
from sqlalchemy import text

from labelling.store import Store, StoreUnavailable, StoreVersionError
from labelling.store.database import engine
from labelling.store.database.connection import default_path, describe, hider, locate


def test_default_path_is_in_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOUPE_LABELS", raising=False)
    (tmp_path / "dvc.yaml").touch()
    (tmp_path / "data" / "deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "data" / "deep")
    assert default_path() == tmp_path / ".loupe" / "labels.sqlite"
    assert locate().database == str(default_path())


def test_an_experiment_finds_the_store_of_the_outer_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = tmp_path / ".dvc" / "tmp" / "exps" / "tmpab12" / "data"
    workspace.mkdir(parents=True)
    (workspace.parent / "dvc.yaml").touch()
    (workspace.parent / ".dvc").mkdir()
    monkeypatch.chdir(workspace)
    assert default_path() == tmp_path / ".loupe" / "labels.sqlite"
    monkeypatch.setenv("LOUPE_LABELS", "votes/mine.sqlite")  # must not land in a workspace that DVC deletes
    assert locate().database == str(tmp_path / "votes" / "mine.sqlite")


def test_urls() -> None:
    assert locate("postgres://u:secret@h/db").drivername == "postgresql+psycopg"
    assert locate("sqlite:////x/y.sqlite").database == "/x/y.sqlite"
    for bad in ("mysql://h/db", "sqlite://", "http:///x", "://"):
        with pytest.raises(StoreUnavailable):
            locate(bad)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:S3CRET@h/db", "postgresql://u@h/db"),
        ("postgresql://h:5433/db?user=u&password=S3CRET", "postgresql://h:5433/db"),
        ("postgresql://h/db?sslpassword=S3CRET&sslkey=/k", "postgresql://h/db"),
        ("postgresql://h/db?options=-csearch_path%3DS3CRET", "postgresql://h/db"),
        ("postgresql:///db?host=/run/S3CRET", "postgresql:///db"),
        ("postgresql://u:S3CR/ET?x@h/db", "postgresql://u@h/db"),
    ],
)
def test_a_place_is_named_without_password_and_query(url: str, shown: str) -> None:
    located = locate(url)
    assert describe(located) == shown
    assert "S3CR" in str(located.render_as_string(hide_password=False))  # it is still connected with
    with pytest.raises(StoreUnavailable) as caught:
        Store.open(url.replace("@h", "@127.0.0.1:1").replace("//h/", "//127.0.0.1:1/"), busy_timeout=1)
    assert "S3CR" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "typo",
    [
        "postgres//u:S3CRET@h/db", "postgresql//h/db", "postgres:/u:S3CRET@h/db", "postgresql:u:S3CRET@h/db",
        "psql;//u:S3CRET@h/db", "u:S3CRET@h/db", "x//u:S3CRET@h/db", "host=h user=u password=S3CRET", "sqlite:labels.sqlite",
        "postgresql://u:S3CRET@h:5x/db", "postgresql://u:S3CRET@h:99999/db", "postgresql://u:S3@CRET@h/db",
        "postgresql://h/db;password=S3CRET", "postgresql://h/db&password=S3CRET", "postgrsql://u:S3CRET@h/db",
    ],
)  # fmt: skip
def test_a_url_with_a_fault_is_refused_in_one_line_that_shows_nothing(
    typo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOUPE_LABELS", typo)
    with pytest.raises(StoreUnavailable) as caught:
        Store.open(busy_timeout=1)
    said = str(caught.value)
    assert "S3" not in "".join(traceback.format_exception(caught.value))
    assert "\n" not in said
    assert "postgresql://" in said or "%40" in said or "question mark" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "path",
    ["labels.sqlite", "postgres/labels.sqlite", "my@mail/labels.sqlite", "./u:x@h/db", "a b/c=d.sqlite", "/x:y@z/db"],
)
def test_paths_are_still_paths(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert locate(path).database == str(tmp_path / path)


def test_what_a_driver_says_is_shown_without_secrets() -> None:
    hide = hider(locate("postgresql://u:p+w@h/db?password=S3CRET&x=u"))
    assert hide('invalid "S3CRET" and p+w, used by u in unusual') == 'invalid "***" and ***, used by *** in unusual'


def test_no_traceback_shows_what_is_stored(sqlite_store: Store) -> None:
    with pytest.raises(StoreUnavailable) as caught, sqlite_store._writing() as db:
        db.execute(text("INSERT INTO nowhere VALUES (:secret)"), {"secret": "S3CRET"})
    assert "S3CRET" not in "".join(traceback.format_exception(caught.value))


def test_durable_settings(sqlite_store: Store) -> None:
    with sqlite_store._reading() as db:
        found = [
            db.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert found == ["wal", 2, 1]


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database at all, but long enough to look like one\n" * 50)
    before = path.read_bytes()
    with pytest.raises(StoreUnavailable, match=r"notes\.txt is not an SQLite database; move"):
        Store.open(path)
    assert path.read_bytes() == before


def test_anothers_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE invoices (x)")
    with pytest.raises(StoreVersionError, match=r"other\.sqlite.*not a Loupe label store.*invoices"):
        Store.open(path)
    with sqlite3.connect(path) as db:
        assert [row[0] for row in db.execute("SELECT name FROM sqlite_master")] == ["invoices"]


def test_a_locked_store_says_so_and_works_again_afterwards(tmp_path: Path) -> None:
    pairs = make_pairs(1)
    path = tmp_path / "labels.sqlite"
    with Store.open(path, busy_timeout=0.2) as store:
        store.register("r01", "people", pairs, 1, "Better?")
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match=r"labels\.sqlite is locked by another program; close it"):
            store.add_votes([vote(pairs[0])])
        assert store.status("r01").have == 0  # reading goes on meanwhile
        other.execute("ROLLBACK")
        other.close()
        assert store.add_votes([vote(pairs[0])]) == 1


def test_a_thread_that_waits_too_long_for_another_says_so(place: str) -> None:
    pairs = make_pairs(1)
    with Store.open(place, busy_timeout=0.2) as store:
        store.register("r01", "people", pairs, 1, "Better?")
        with store._writing(), ThreadPoolExecutor(1) as pool:
            begun = time.monotonic()
            with pytest.raises(StoreUnavailable, match="locked by other writers; retry"):
                pool.submit(store.add_votes, [vote(pairs[0])]).result()
            assert time.monotonic() - begun < 5
        assert store.add_votes([vote(pairs[0])]) == 1


def test_opening_a_locked_file_says_so(tmp_path: Path) -> None:
    path = tmp_path / "labels.sqlite"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("CREATE TABLE loupe_schema (version INTEGER)")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreUnavailable, match="is locked"):
        Store.open(path, busy_timeout=0.2)
    other.close()


def test_a_folder_or_a_file_in_the_way(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="is a folder"):
        Store.open(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailable, match="cannot be made"):
        Store.open(tmp_path / "file" / "labels.sqlite")


def test_a_read_only_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is opened read-only, as root may write anywhere whatever the mode says."""
    path = tmp_path / "labels.sqlite"
    pairs = make_pairs(1)
    with Store.open(path) as store:
        store.register("r01", "people", pairs, 1, "Better?")
    monkeypatch.setattr(engine, "_MODE", "ro")
    with Store.open(path) as store, pytest.raises(StoreUnavailable, match="is read-only; make the file"):
        store.add_votes([vote(pairs[0])])
    with pytest.raises(StoreUnavailable, match="is read-only"):
        Store.open(tmp_path / "new.sqlite")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_store_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "labels.sqlite"
    Store.open(path).close()
    path.chmod(0o000)
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        Store.open(path)


def test_a_full_disk_says_so_and_stores_nothing(tmp_path: Path) -> None:
    pairs = make_pairs(1)
    with Store.open(tmp_path / "labels.sqlite") as store:
        store.register("r01", "people", pairs, 5000, "Better?")
        with store._reading() as db:
            pages = db.exec_driver_sql("PRAGMA page_count").scalar_one()
            db.exec_driver_sql(f"PRAGMA max_page_count = {pages + 1}")
        with pytest.raises(StoreUnavailable, match="disk is full"):
            store.add_votes([vote(pairs[0], f"observer {i}") for i in range(2000)])
        assert store.status("r01").have == 0


def test_an_unreachable_server_is_named_without_its_password() -> None:
    with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1:1/") as caught:
        Store.open("postgresql://loupe:secret@127.0.0.1:1/db", busy_timeout=1)
    assert "secret" not in str(caught.value)


def test_processes_that_open_a_new_store_at_once_all_succeed(tmp_path: Path) -> None:
    code = "import sys; from labelling.store import Store; Store.open(sys.argv[1]).close()"
    root = Path(__file__).parents[3]
    started = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "labels.sqlite")], cwd=root) for _ in range(4)
    ]
    assert [process.wait() for process in started] == [0] * 4
