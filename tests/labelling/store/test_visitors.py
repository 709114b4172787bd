"""Visitors by an open link: nobody is let in twice or above the limits, and nothing of the person is kept unasked."""

from __future__ import annotations

import threading
import uuid
from pathlib import Path

import pytest
from label_helpers import make_pairs, vote

from labelling.store import Limits, LinkClosed, Store, StudyFull, UnknownObserver, UnknownRound
from labelling.store.database import schema

PAIRS = make_pairs(3)


def opened(store: Store, **limits: object) -> str:
    """The token of a study that was opened."""
    store.register("llie", "people", PAIRS, 9, "Which?")
    return store.open_link("llie", Limits(**limits), "{}").token  # type: ignore[arg-type]


def browser() -> str:
    return str(uuid.uuid4())


def test_a_browser_is_one_visitor_however_often_it_comes(store: Store) -> None:
    token, mine = opened(store), browser()
    assert store.visitor_in(token, mine) is None
    first, new = store.join(token, mine)
    again, not_new = store.join(token, mine)
    assert (first, new, not_new) == (again, True, False)
    assert store.visitor_in(token, mine) == first == store.observer(first.id)
    assert (first.role, first.name[:2], len(first.name)) == ("visitor", "v-", 8)
    other, _ = store.join(token, browser())
    codes = {each.code for each in store.visitors("llie")}
    assert other.name != first.name
    assert len(codes) == 2


def test_of_many_at_once_for_the_last_place_one_gets_it(place: str) -> None:
    with Store.open(place) as store:
        token = opened(store, people=2)
        store.join(token, browser())
    came: list[str] = []

    def come() -> None:
        with Store.open(place) as store:
            try:
                came.append(store.join(token, browser())[0].name)
            except StudyFull:
                came.append("full")

    threads = [threading.Thread(target=come) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(came)[:3] == ["full"] * 3
    with Store.open(place) as store:
        assert len(store.visitors("llie")) == 2


def test_a_place_is_free_again_after_an_exclusion_or_a_long_absence(sqlite_store: Store) -> None:
    store = sqlite_store
    token = opened(store, people=1, hold=1e-9)
    away, _ = store.join(token, browser())
    assert store.keep_place(away.id).held_until > "2000"  # nobody came meanwhile: the place is held anew
    store.open_link("llie", Limits(people=1), "{}")
    there, _ = store.join(token, browser())
    with pytest.raises(StudyFull):
        store.keep_place(away.id)
    assert store.add_page(there.id, "colour", {"passed": False}, excluded="colour")
    assert store.keep_place(away.id).name == away.name
    with pytest.raises(StudyFull):
        store.join(token, browser())
    assert store.finish_visit(there.id).finished_at is None
    done = store.finish_visit(away.id)
    assert done.finished_at is not None
    assert store.finish_visit(away.id) == done


def test_votes_close_the_door(store: Store) -> None:
    token = opened(store, votes=2)
    anna, _ = store.join(token, browser())
    cast = [vote(pair, anna.name, round="llie") for pair in PAIRS[:2]]
    store.add_votes([*cast[:1], vote(PAIRS[0], "somebody else", round="llie")])
    store.check_room(token)
    store.add_votes(cast[1:])
    with pytest.raises(StudyFull):
        store.check_room(token)
    store.retract(cast[0].id, anna.name)
    assert store.visitor(anna.id).votes == 1
    store.join(token, browser())


def test_links_close_open_again_and_are_replaced(store: Store) -> None:
    with pytest.raises(UnknownRound):
        store.open_link("nothing", Limits(), "{}")
    assert store.close_link("llie") is None
    assert store.link_of("llie") is None
    token, mine = opened(store), browser()
    anna, _ = store.join(token, mine)
    closed = store.close_link("llie")
    assert closed is not None
    assert store.close_link("llie") == closed
    with pytest.raises(LinkClosed, match="closed"):
        store.join(token, browser())
    assert store.join(token, mine) == (anna, False)  # who has begun may finish
    again = store.open_link("llie", Limits(quota=2), '{"a": 1}')
    assert (again.token, again.closed_at, again.limits.quota, again.pages) == (token, None, 2, '{"a": 1}')
    anew = store.open_link("llie", Limits(), "{}", anew=True)
    assert anew.token != token
    for void in (token, "", "\x00", "'; --"):
        with pytest.raises(LinkClosed, match="not valid"):
            store.join(void, mine)
    assert store.join(anew.token, mine) == (anna, False)


def test_a_page_is_answered_once(store: Store) -> None:
    anna, _ = store.join(opened(store), browser())
    assert store.add_page(anna.id, "before", {"age": 33, "why": "é\n="})
    assert not store.add_page(anna.id, "before", {"age": 44})
    found = store.visitor(anna.id)
    assert found.pages["before"].content == {"age": 33, "why": "é\n="}
    assert found.pages["before"].at >= found.began_at
    with pytest.raises(UnknownObserver):
        store.visitor("f" * 32)


def test_a_store_of_version_4_gets_the_tables_and_keeps_the_rest(place: str) -> None:
    with Store.open(place) as store:
        store.register("llie", "people", PAIRS, 9, "Which?")
        store.add_votes([vote(PAIRS[0], round="llie")])
        with store._writing() as db:
            for table in ("loupe_visitor_pages", "loupe_visitors", "loupe_links"):
                db.exec_driver_sql(f"DROP TABLE {table}")
            db.exec_driver_sql("UPDATE loupe_schema SET version = 4")
    with Store.open(place) as store:
        with store._reading() as db:
            assert schema.is_current(db)
        assert store.status("llie").have == 1
        anna, _ = store.join(opened(store), browser())
        assert store.add_page(anna.id, "consent", True)


def test_nothing_of_the_browser_is_in_the_store(sqlite_store: Store, tmp_path: Path) -> None:
    mine = browser()
    sqlite_store.join(opened(sqlite_store), mine)
    sqlite_store.close()
    assert all(mine.encode() not in path.read_bytes() for path in tmp_path.glob("labels.sqlite*"))
