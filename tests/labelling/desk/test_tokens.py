"""Sealed tokens and personal links."""

from __future__ import annotations

import string
from dataclasses import replace

import pytest

from labelling.desk.tokens import BadToken, Doorkeeper, NoAccess, Sealer, observer_link
from labelling.store import Store
from labelling.store.database.errors import UnknownObserver

SECRET = bytes(range(32))
PAYLOADS = [["a" * 32, 1], {"x": None}, "ä 中", [], 0]


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("fresh", [True, False])
def test_what_is_sealed_opens_again_in_another_process(payload: object, fresh: bool) -> None:
    token = Sealer(SECRET).seal("showing", payload, fresh=fresh)
    assert set(token) <= set(string.ascii_letters + string.digits + "-_")
    assert Sealer(SECRET).open("showing", token) == payload


def test_a_token_says_nothing_and_is_never_the_same_twice() -> None:
    sealer = Sealer(SECRET)
    tokens = {sealer.seal("picture", ["observer", "f" * 64]) for _ in range(50)}
    assert len(tokens) == 50
    assert len({token[:6] for token in tokens}) == 50
    lengths = {len(sealer.seal("picture", ["observer", "f" * 20, word])) for word in ("vote", "repeat", "training")}
    assert len(lengths) == 1


def test_a_token_that_shall_stay_the_same_does() -> None:
    sealer = Sealer(SECRET)
    assert sealer.seal("set", [1], fresh=False) == Sealer(SECRET).seal("set", [1], fresh=False)
    assert sealer.seal("set", [1], fresh=False) != sealer.seal("set", [2], fresh=False)
    assert sealer.seal("set", [1], fresh=False) != sealer.seal("link", [1], fresh=False)


def test_another_purpose_or_secret_or_text_does_not_open() -> None:
    sealer = Sealer(SECRET)
    token = sealer.seal("showing", [1, 2])
    for purpose, opener in (("picture", sealer), ("showing", Sealer(bytes(32)))):
        with pytest.raises(BadToken):
            opener.open(purpose, token)
    foreign = ["", "x", "é", "a" * 5000, token + "A", token[:-1], token + "=", f" {token}", "../../etc/passwd", "\x00"]
    changed = [token[:i] + ("A" if token[i] != "A" else "B") + token[i + 1 :] for i in range(len(token))]
    for wrong in foreign + changed:
        with pytest.raises(BadToken):
            sealer.open("showing", wrong)


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Sealer(b"secret")


def test_signed_codes() -> None:
    sealer = Sealer(SECRET)
    code = sealer.sign("session", "cookie")
    assert sealer.is_signed("session", "cookie", code)
    for purpose, text, given in (
        ("session", "cookie2", code), ("link", "cookie", code), ("session", "cookie", code[:-1]),
        ("session", "cookie", ""), ("session", "cookie", "é\ud800"),
    ):  # fmt: skip
        assert not sealer.is_signed(purpose, text, given)


def test_a_personal_link_opens_until_it_is_revoked(sqlite_store: Store) -> None:
    anna = sqlite_store.add_observer("anna")
    link = observer_link(sqlite_store, "anna", "http://127.0.0.1:4201/")
    assert link == observer_link(sqlite_store, "anna", "http://127.0.0.1:4201")
    token = link.removeprefix("http://127.0.0.1:4201/o/")
    door = Doorkeeper(sqlite_store, Sealer(sqlite_store.secret()))
    session = door.admit(token)
    assert (session.observer, session.cookie) == (anna, token)
    assert door.is_code(session, session.code)
    sqlite_store.revoke_observer("anna")
    with pytest.raises(NoAccess):
        door.admit(token)
    with pytest.raises(UnknownObserver):
        observer_link(sqlite_store, "anna", "http://127.0.0.1:4201")
    again = sqlite_store.add_observer("anna")
    with pytest.raises(NoAccess):
        door.admit(token)
    assert door.admit(door.token(again)).observer.name == "anna"


def test_links_of_nobody(sqlite_store: Store) -> None:
    door = Doorkeeper(sqlite_store, Sealer(sqlite_store.secret()))
    anna = sqlite_store.add_observer("anna")
    forged = [
        "", "x", door.token(replace(anna, id="f" * 32)), door.token(replace(anna, serial=2)),
        Doorkeeper(sqlite_store, Sealer(SECRET)).token(anna),
        Sealer(sqlite_store.secret()).seal("set", [anna.id, anna.serial], fresh=False),
    ]  # fmt: skip
    for token in forged:
        with pytest.raises(NoAccess):
            door.admit(token)
    with pytest.raises(UnknownObserver, match="loupe observers add"):
        observer_link(sqlite_store, "berta", "http://127.0.0.1:1")


def test_the_codes_of_two_sessions_differ(sqlite_store: Store) -> None:
    door = Doorkeeper(sqlite_store, Sealer(sqlite_store.secret()))
    anna, berta = (door.admit(door.token(sqlite_store.add_observer(name))) for name in ("anna", "berta"))
    assert anna.code != berta.code
    assert not door.is_code(anna, berta.code)


def test_pictures_are_refused_a_moment_after_the_link_was_revoked(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = Doorkeeper(sqlite_store, Sealer(sqlite_store.secret()))
    token = door.token(sqlite_store.add_observer("anna"))
    now = 100.0
    monkeypatch.setattr("labelling.desk.tokens.time.monotonic", lambda: now)
    assert door.admit_again(token).observer.name == "anna"
    sqlite_store.revoke_observer("anna")
    assert door.admit_again(token).observer.name == "anna"
    with pytest.raises(NoAccess):
        door.admit(token)
    now += 1.1
    with pytest.raises(NoAccess):
        door.admit_again(token)
    with pytest.raises(NoAccess):
        door.admit_again(token[:-1])
