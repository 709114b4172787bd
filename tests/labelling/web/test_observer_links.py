"""Observers with personal links, and the secret that signs them."""

from __future__ import annotations

import threading
from datetime import datetime

import pytest

from labelling.store import Store, UnknownObserver


def test_the_secret_is_made_once_and_stays(place: str) -> None:
    with Store.open(place) as store, Store.open(place) as other:
        found: list[bytes] = []
        threads = [threading.Thread(target=lambda s=s: found.append(s.secret())) for s in (store, other, store, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(found[0]) == 32
    assert len(set(found)) == 1
    with Store.open(place) as store:
        assert store.secret() == found[0]


def test_stores_have_secrets_of_their_own(store: Store, tmp_path: object) -> None:
    with Store.open(f"{tmp_path}/other.sqlite") as other:
        assert other.secret() != store.secret()


def test_adding_the_same_name_again_is_the_same_observer(place: str) -> None:
    with Store.open(place) as store:
        anna = store.add_observer("anna")
        assert (anna.name, anna.role, anna.serial, anna.revoked_at) == ("anna", "observer", 1, None)
        assert len(anna.id) == 32
        assert datetime.fromisoformat(anna.added_at).tzinfo is not None
        assert store.add_observer("anna") == anna
        berta = store.add_observer("Berta Müller", "expert")
        assert berta.id != anna.id
    with Store.open(place) as store:
        assert store.observers() == sorted([anna, berta], key=lambda o: o.name)
        assert store.observer(anna.id) == anna


def test_a_role_is_taken_over_and_never_lost_by_adding_again(store: Store) -> None:
    anna = store.add_observer("anna")
    raised = store.add_observer("anna", "expert")
    assert (raised.id, raised.role, raised.serial) == (anna.id, "expert", 1)
    assert store.add_observer("anna") == raised
    store.revoke_observer("anna")
    assert store.add_observer("anna").role == "observer"


def test_a_revoked_observer_comes_back_under_a_new_serial(store: Store) -> None:
    anna = store.add_observer("anna")
    revoked = store.revoke_observer("anna")
    assert revoked.revoked_at is not None
    assert store.revoke_observer("anna") == revoked == store.observer(anna.id)
    assert store.observers() == [revoked]
    back = store.add_observer("anna")
    assert (back.id, back.serial, back.revoked_at) == (anna.id, 2, None)
    assert store.observer(anna.id) == back


@pytest.mark.parametrize(
    ("name", "role"),
    [("", "observer"), (" \u200b", "observer"), ("a\nb", "observer"), ("a\ud800", "observer"), ("a", "boss")],
)
def test_bad_names_and_roles_are_refused(store: Store, name: str, role: str) -> None:
    with pytest.raises(ValueError):
        store.add_observer(name, role)
    assert store.observers() == []


def test_unknown_observers(store: Store) -> None:
    with pytest.raises(UnknownObserver, match="loupe observers list"):
        store.observer("f" * 32)
    with pytest.raises(UnknownObserver, match="nobody"):
        store.revoke_observer("nobody")


def test_two_that_add_the_same_name_at_once_get_the_same(place: str) -> None:
    found = []

    def add() -> None:
        with Store.open(place) as store:
            found.append(store.add_observer("anna"))

    Store.open(place).close()
    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1
