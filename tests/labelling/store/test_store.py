"""The label store, the same tests for SQLite and PostgreSQL."""

from __future__ import annotations

import dataclasses
import hashlib
import threading
import uuid

import pytest
from label_helpers import make_pairs, pair, png, sha, vote
from sqlalchemy import text

from labelling.desk.queue import Queue
from labelling.store import (
    InvalidPair,
    InvalidVote,
    PairImages,
    Store,
    StoreVersionError,
    UnknownPicture,
    UnknownRound,
    UnknownVote,
    VoteConflict,
    labels_status,
    pair_key,
)
from labelling.store.database import schema

QUESTION = "Which looks better?"


def test_pair_key_ignores_the_order() -> None:
    a, b = sha(1), sha(2)
    assert pair_key(a, b) == pair_key(b, a) == hashlib.sha256("\n".join(sorted([a, b])).encode()).hexdigest()


def test_register_is_idempotent_and_survives_reopening(place: str) -> None:
    pairs = make_pairs(3)
    with Store.open(place) as store:
        first = store.register("r01", "people", pairs, 2, QUESTION)
        store.add_votes([vote(pairs[0])])
    with Store.open(place) as store:
        again = [dataclasses.replace(p, first_png=_never, second_png=_never) for p in pairs]
        assert store.register("r01", "people", again[::-1], 2, QUESTION) == first
        assert store.rounds() == ["r01"]
        assert store.status("r01").pairs == 3
        assert store.status("r01").have == 1
        assert [key for key, _, _ in store.pairs("r01")] == [p.key for p in pairs]
        assert store.picture(sha(4)) == png(4)


def _never() -> bytes:
    raise AssertionError("a picture that is stored already was read again")


def test_another_registration_becomes_the_current_one(store: Store) -> None:
    pairs = make_pairs(3)
    first = store.register("r01", "people", pairs, 2, QUESTION)
    store.add_votes([vote(pairs[0]), vote(pairs[2])])
    second = store.register("r01", "people", pairs[1:], 1, QUESTION)
    assert second != first
    assert store.batch("r01").id == second
    assert (store.status("r01").have, store.status("r01").need) == (1, 2)
    assert (store.status("r01", first).have, store.status("r01", first).need) == (2, 6)
    assert store.register("r01", "people", pairs, 2, QUESTION) == first
    assert store.batch("r01").id == first


@pytest.mark.parametrize("change", [{"round": "r02"}, {"kind": "llm"}, {"votes": 3}, {"question": "Sharper?"}])
def test_batch_id_depends_on_what_is_asked(sqlite_store: Store, change: dict[str, object]) -> None:
    asked = {"round": "r01", "kind": "people", "pairs": make_pairs(1), "votes": 2, "question": QUESTION}
    before = sqlite_store.register(**asked)  # type: ignore[arg-type]
    assert sqlite_store.register(**(asked | change)) != before  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (dataclasses.replace(pair(0, 1), key="0" * 64), "key of its pictures"),
        (dataclasses.replace(pair(0, 1), first_png=png(9)), "another sha256"),
        (dataclasses.replace(pair(0, 1), second_png=lambda: b""), "another sha256"),
        (pair(1, 1), "one picture twice"),
        (dataclasses.replace(pair(0, 1), first_sha256="../../etc/passwd"), "not a sha256"),
    ],
)
def test_register_refuses_a_bad_pair(store: Store, bad: PairImages, message: str) -> None:
    with pytest.raises(InvalidPair, match=message):
        store.register("r01", "people", [pair(2, 3), bad], 1, QUESTION)
    assert store.rounds() == []


def test_register_refuses_what_is_no_png(sqlite_store: Store) -> None:
    a, b = b"GIF89a one", b"GIF89a two"
    hashes = [hashlib.sha256(x).hexdigest() for x in (a, b)]
    gif = PairImages(
        key=pair_key(*hashes), first_sha256=hashes[0], second_sha256=hashes[1], first_png=a, second_png=b
    )  # fmt: skip
    with pytest.raises(InvalidPair, match="not a PNG"):
        sqlite_store.register("r01", "people", [gif], 1, QUESTION)


@pytest.mark.parametrize(
    "change",
    [
        {"votes": 0},
        {"votes": True},
        {"pairs": []},
        {"kind": "cats"},
        {"round": ""},
        {"round": "a\nb"},
        {"question": " "},
    ],
)
def test_register_refuses_bad_arguments(sqlite_store: Store, change: dict[str, object]) -> None:
    asked = {"round": "r01", "kind": "people", "pairs": make_pairs(1), "votes": 2, "question": QUESTION}
    with pytest.raises(ValueError):
        sqlite_store.register(**(asked | change))  # type: ignore[arg-type]


def test_a_pair_twice_is_refused(sqlite_store: Store) -> None:
    with pytest.raises(InvalidPair, match="twice"):
        sqlite_store.register("r01", "people", [pair(0, 1), pair(1, 0)], 1, QUESTION)


def test_identical_retry_is_fine_and_stores_nothing(store: Store) -> None:
    pairs = make_pairs(1)
    store.register("r01", "people", pairs, 2, QUESTION)
    cast = vote(pairs[0], seconds=0.1 + 0.2)
    assert store.add_votes([cast]) == 1
    assert store.add_votes([cast]) == 0
    assert store.add_votes([cast, cast]) == 0
    assert len(store.votes([pairs[0].key], "people", QUESTION)) == 1


@pytest.mark.parametrize("field", ["preferred", "left", "observer", "seconds", "round", "kind"])
def test_the_same_id_with_other_content_is_an_error(store: Store, field: str) -> None:
    pairs = make_pairs(2)
    store.register("r01", "people", pairs, 2, QUESTION)
    cast = vote(pairs[0])
    store.add_votes([cast])
    other = {"preferred": "tie", "left": pairs[0].second_sha256, "observer": "berta", "seconds": 9.0, "round": "r02"}
    changed = dataclasses.replace(cast, **{field: (other | {"kind": "llm"})[field]})  # type: ignore[arg-type]
    fresh = vote(pairs[1])
    with pytest.raises(VoteConflict, match=cast.id):
        store.add_votes([fresh, changed])
    assert [v.id for v in store.votes([p.key for p in pairs], "people", QUESTION)] == [cast.id]
    with pytest.raises(VoteConflict, match=fresh.id):
        store.add_votes([fresh, dataclasses.replace(fresh, preferred="tie")])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"key": "f" * 64}, "no pair"),
        ({"preferred": sha(2)}, "preferred picture"),
        ({"preferred": "better"}, "preferred picture"),
        ({"left": sha(2)}, "left picture"),
        ({"left": "tie"}, "left picture"),
        ({"seconds": float("nan")}, "seconds"),
        ({"seconds": -1.0}, "seconds"),
        ({"kind": "cats"}, "kind"),
        ({"observer": ""}, "observer"),
        ({"observer": "a\x00b"}, "observer"),
        ({"id": ""}, "id"),
    ],
)
def test_a_bad_vote_is_refused_with_all_others(store: Store, changes: dict[str, object], message: str) -> None:
    pairs = make_pairs(2)
    store.register("r01", "people", pairs, 2, QUESTION)
    with pytest.raises(InvalidVote, match=message):
        store.add_votes([vote(pairs[1]), vote(pairs[0], **changes)])
    assert store.status("r01").have == 0


def test_status_counts_observers_not_votes(store: Store) -> None:
    pairs = make_pairs(3)
    store.register("r01", "people", pairs, 2, QUESTION)
    store.add_votes([vote(pairs[0]), vote(pairs[0]), vote(pairs[0], preferred="tie")])  # one observer, three times
    assert store.status("r01").have == 1
    store.add_votes([vote(pairs[0], who) for who in ("berta", "carl", "dora")])  # more than asked for
    store.add_votes([vote(pairs[1], "machine", kind="simulated")])  # another kind
    status = store.status("r01")
    assert (status.have, status.need, status.complete) == (2, 6, False)
    store.add_votes([vote(p, who, preferred="tie") for p in pairs[1:] for who in ("anna", "berta")])
    status = labels_status("r01", store)
    assert (status.have, status.need, status.complete, status.kind) == (6, 6, True, "people")


def test_votes_count_in_every_round_that_asks_for_the_pair(store: Store) -> None:
    pairs = make_pairs(2)
    store.register("r01", "people", pairs, 1, QUESTION)
    store.add_votes([vote(p) for p in pairs])
    store.register("r02", "people", [*pairs, pair(8, 9)], 1, QUESTION)
    assert (store.status("r02").have, store.status("r02").need) == (2, 3)
    assert store.rounds() == ["r01", "r02"]


def test_the_first_vote_not_taken_back_counts(store: Store) -> None:
    pairs = make_pairs(1)
    key = pairs[0].key
    store.register("r01", "people", pairs, 1, QUESTION)
    first, second = vote(pairs[0]), vote(pairs[0], preferred="tie")
    store.add_votes([first])
    store.add_votes([second])
    assert [v.id for v in store.votes([key], "people", QUESTION)] == [first.id]
    assert store.retract(first.id, "anna") is True
    assert store.retract(first.id, "anna") is False
    assert [v.id for v in store.votes([key], "people", QUESTION)] == [second.id]
    assert store.add_votes([first]) == 0  # a late retry does not bring it back
    assert [v.id for v in store.votes([key], "people", QUESTION)] == [second.id]
    store.retract(second.id, "anna")
    assert store.votes([key], "people", QUESTION) == []
    assert store.status("r01").have == 0
    assert Queue(store, "r01").next("anna") is not None
    assert store.last_vote("anna") is None


def test_nobody_takes_back_anothers_vote(store: Store) -> None:
    pairs = make_pairs(1)
    store.register("r01", "people", pairs, 1, QUESTION)
    cast = vote(pairs[0])
    store.add_votes([cast])
    for id, who in ((cast.id, "berta"), (str(uuid.uuid4()), "anna")):
        with pytest.raises(UnknownVote):
            store.retract(id, who)
    assert store.status("r01").complete


def test_votes_come_sorted_and_whole(store: Store) -> None:
    pairs = make_pairs(3)
    store.register("r01", "people", pairs, 3, QUESTION)
    cast = [vote(p, who, seconds=None) for who in ("Zoë", "anna", "Émile") for p in pairs]
    store.add_votes(cast)
    found = store.votes([p.key for p in pairs] + ["0" * 64], "people", QUESTION)
    assert [(v.key, v.observer) for v in found] == sorted((v.key, v.observer) for v in cast)
    assert {v.id for v in found} == {v.id for v in cast}
    assert all(v.made_at.endswith("+00:00") and v.seconds is None for v in found)
    assert store.votes([], "people", QUESTION) == [] == store.votes([pairs[0].key], "llm", QUESTION)


def test_many_keys_fit_into_one_question(store: Store) -> None:
    pairs = make_pairs(1)
    store.register("r01", "people", pairs, 1, QUESTION)
    store.add_votes([vote(pairs[0], f"observer {i}") for i in range(1200)])
    keys = [hashlib.sha256(str(i).encode()).hexdigest() for i in range(2500)]
    assert len(store.votes([*keys, pairs[0].key], "people", QUESTION)) == 1200


def test_last_vote(store: Store) -> None:
    pairs = make_pairs(2)
    store.register("r01", "people", pairs, 2, QUESTION)
    a, b, c = vote(pairs[0]), vote(pairs[1]), vote(pairs[1], round="r02")
    for cast in (a, b, c, vote(pairs[0], "berta")):
        store.add_votes([cast])
    assert store.last_vote("anna").id == c.id  # type: ignore[union-attr]
    assert store.last_vote("anna", "r01").id == b.id  # type: ignore[union-attr]
    store.retract(b.id, "anna")
    assert store.last_vote("anna", "r01").id == a.id  # type: ignore[union-attr]
    assert store.last_vote("nobody") is None


def test_unknown_round_and_picture(store: Store) -> None:
    store.register("r01", "people", make_pairs(1), 1, QUESTION)
    for ask in (store.status, store.batch, store.options, store.pairs, store.tally, store.log_position):
        with pytest.raises(UnknownRound, match=r"r07.*rounds there: r01"):
            ask("r07")
        with pytest.raises(UnknownRound):
            ask("\x00\ud800")
    for name in ("../labels.sqlite", "a\x00", "\ud800"):
        for look in (store.picture, store.picture_size):
            with pytest.raises(UnknownPicture):
                look(name)
    with pytest.raises(UnknownVote):
        store.retract("\x00", "anna")


def test_labels_status_opens_the_store_of_the_environment(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store.open(place) as store:
        store.register("r01", "simulated", make_pairs(2), 3, QUESTION)
    monkeypatch.setenv("LOUPE_LABELS", place)
    assert labels_status("r01").need == 6


def test_threads_share_a_store(store: Store) -> None:
    pairs = make_pairs(4)
    store.register("r01", "people", pairs, 8, QUESTION)
    errors: list[BaseException] = []

    def cast(who: str) -> None:
        try:
            for p in pairs:
                store.add_votes([vote(p, who)])
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=cast, args=(f"observer {i}",)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert store.status("r01").complete


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE loupe_schema SET version = 99", "update Loupe"),
        ("DELETE FROM loupe_schema", "no readable schema version"),
    ],
)
def test_a_newer_or_unknown_version_is_refused(place: str, statement: str, message: str) -> None:
    with Store.open(place) as store, store._writing() as db:
        db.execute(text(statement))
    with pytest.raises(StoreVersionError, match=message):
        Store.open(place)


def test_an_older_store_is_migrated_once(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = make_pairs(1)
    with Store.open(place) as store:
        store.register("r01", "people", pairs, 1, QUESTION)
    ran = []

    def step(db: object) -> None:
        ran.append(schema.VERSION)
        db.execute(text("CREATE TABLE loupe_new (x INTEGER)"))  # type: ignore[attr-defined]

    monkeypatch.setattr(schema, "VERSION", schema.VERSION + 1)
    monkeypatch.setitem(schema.MIGRATIONS, schema.VERSION, step)
    for _ in range(2):
        with Store.open(place) as store:
            assert store.status("r01").need == 1
    assert len(ran) == 1
