"""The files of an SQLite store: nothing is acknowledged that goes into a file that is no longer there, and they are
their owner's alone."""

from __future__ import annotations

import logging
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from label_helpers import make_pairs, vote
from web_helpers import Browser, make_app

from labelling.store import Store, StoreUnavailable

QUESTION = "Which looks better?"
PAIRS = make_pairs(60)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def removed(path: Path) -> None:
    path.unlink()


def moved(path: Path) -> None:
    path.rename(path.with_name("elsewhere.sqlite"))


def renamed_folder(path: Path) -> None:
    path.parent.rename(path.parent.with_name("elsewhere"))


def replaced_by_a_copy(path: Path) -> None:
    shutil.copy(path, path.with_name("copy.sqlite"))
    path.with_name("copy.sqlite").replace(path)


def replaced_by_another_store(path: Path) -> None:
    other = path.with_name("other.sqlite")
    Store.open(other).close()
    other.replace(path)


def without_log(path: Path) -> None:
    path.with_name(f"{path.name}-wal").unlink()


def without_index(path: Path) -> None:
    path.with_name(f"{path.name}-shm").unlink()


def everything_removed(path: Path) -> None:
    for each in path.parent.glob("labels.sqlite*"):
        each.unlink()


LOST = [
    removed, moved, renamed_folder, replaced_by_a_copy, replaced_by_another_store, without_log, without_index,
    everything_removed,
]  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "votes" / "labels.sqlite"


@pytest.fixture
def asked(path: Path) -> Iterator[Store]:
    with Store.open(path) as store:
        store.register("r01", "people", PAIRS, 9, QUESTION)
        yield store


@pytest.mark.parametrize("lose", LOST, ids=lambda lose: lose.__name__)
def test_a_vote_is_not_acknowledged_where_the_store_went_away(
    asked: Store, path: Path, lose: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    anna = Browser(make_app(asked), asked)
    where = anna.set()
    assert anna.vote(anna.next(where)["showing"]["id"]).status_code == 200
    shown = anna.next(where)["showing"]
    lose(path)
    for _ in range(2):
        refused = anna.vote(shown["id"])
        assert refused.status_code == 503
        assert "NOT saved" in refused.json()["detail"]
        assert str(path) not in refused.text
    assert "was moved, deleted or replaced while it is in use" in caplog.text
    assert str(path) in caplog.text
    with pytest.raises(StoreUnavailable, match="counts as NOT saved; put the file back"):
        asked.add_observer("berta")


def test_what_is_put_back_is_used_again_and_the_retry_is_one_vote(asked: Store, path: Path) -> None:
    cast, away = vote(PAIRS[0]), path.with_name("away")
    path.rename(away)
    with pytest.raises(StoreUnavailable):
        asked.add_votes([cast])
    away.rename(path)
    asked.add_votes([cast])  # the page tries again under the same id
    assert asked.add_votes([vote(PAIRS[1])]) == 1
    asked.close()
    with Store.open(path) as again:
        assert [v.id for v in again.votes([PAIRS[0].key], "people", QUESTION)] == [cast.id]
        assert again.status("r01").have == 2


def test_a_store_that_went_away_does_not_come_back_empty(asked: Store, path: Path) -> None:
    asked.add_votes([vote(PAIRS[0])])
    path.unlink()
    asked._engine.dispose()  # as after a fork: every connection is made anew
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            asked.add_votes([vote(PAIRS[1])])
    assert not path.exists()


def test_a_store_that_was_replaced_is_not_written_by_a_new_connection(asked: Store, path: Path) -> None:
    asked._engine.dispose()  # with the last connection, the log goes
    replaced_by_another_store(path)
    with pytest.raises(StoreUnavailable, match="replaced"):
        asked.add_votes([vote(PAIRS[1])])
    with Store.open(path) as other:
        assert other.rounds() == []


def test_a_smaller_file_that_is_written_over_the_open_one_is_noticed(asked: Store, path: Path, tmp_path: Path) -> None:
    """As `cp old.sqlite labels.sqlite` does: device and inode stay the same."""
    with Store.open(tmp_path / "other.sqlite"):
        pass
    with asked._engine.connect() as db:
        db.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    asked.add_votes([vote(PAIRS[0])])
    shutil.copyfile(tmp_path / "other.sqlite", path)
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            asked.add_votes([vote(PAIRS[1])])


def test_looking_after_the_files_costs_no_false_alarm(asked: Store, path: Path) -> None:
    """Checkpoints, other processes that come and go, and connections that are made anew."""
    for number in range(4):
        with Store.open(path) as other:
            assert other.add_votes([vote(PAIRS[number], "berta")]) == 1
            with other._engine.connect() as db:
                db.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            assert asked.add_votes([vote(PAIRS[number], "carl")]) == 1
        asked._engine.dispose()
        assert asked.add_votes([vote(PAIRS[number], "dora")]) == 1
    assert asked.status("r01").have == 12


# Who may read it


def test_a_new_store_and_its_folder_are_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "project" / ".loupe" / "labels.sqlite"
    before = os.umask(0)
    try:
        with Store.open(path) as store:
            store.register("r01", "people", PAIRS[:1], 1, QUESTION)
            found = {each.name: mode(each) for each in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert found == {f"labels.sqlite{end}": 0o600 for end in ("", "-wal", "-shm")}
    assert mode(path.parent) == 0o700


def test_one_that_others_could_read_is_closed_to_them_and_it_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As every store of the versions before."""
    path = tmp_path / ".loupe" / "labels.sqlite"
    with Store.open(path) as store:
        store.register("r01", "people", PAIRS[:1], 1, QUESTION)
        path.parent.chmod(0o755)
        for each in path.parent.iterdir():
            each.chmod(0o644)
        with Store.open(path):
            assert {mode(each) for each in path.parent.iterdir()} == {0o600}
        assert mode(path.parent) == 0o700
        said = [record for record in caplog.records if record.levelno == logging.WARNING]
        assert len(said) == 1
        assert "could read the label store" in said[0].getMessage()
        assert str(path) in said[0].getMessage()
        caplog.clear()
        Store.open(path).close()
        assert caplog.text == ""


@pytest.mark.parametrize("shared", [0o660, 0o666])
def test_one_that_others_may_write_is_left_alone_and_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, shared: int
) -> None:
    path = tmp_path / "labels.sqlite"
    Store.open(path).close()
    path.chmod(shared)
    Store.open(path).close()
    assert mode(path) == shared
    assert f"chmod 600 {path}" in caplog.text


def test_a_folder_in_which_anybody_may_replace_the_store_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o1777)  # as /tmp: sticky, so nobody may
    Store.open(folder / "labels.sqlite").close()
    assert caplog.text == ""
    folder.chmod(0o777)
    Store.open(folder / "labels.sqlite").close()
    assert f"chmod o-w {folder}" in caplog.text
    assert mode(folder) == 0o777


def test_names_with_signs_of_a_url_are_names(tmp_path: Path) -> None:
    for name in ("a?mode=memory.sqlite", "100%41#x.sqlite", "ö ä&b.sqlite"):
        with Store.open(tmp_path / name) as store:
            store.register("r01", "people", PAIRS[:1], 1, QUESTION)
        assert (tmp_path / name).stat().st_size > 1000
