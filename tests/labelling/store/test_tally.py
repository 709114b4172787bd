"""Trials, and all answers of a round as arrays that follow what any process stores."""

from __future__ import annotations

import dataclasses
import random
import uuid

import numpy as np
import pytest
from label_helpers import make_pairs, pair, sha, vote

from labelling.store import InvalidVote, PairImages, Store, Tally, Trial, UnknownRound, UnknownVote, VoteConflict

QUESTION = "Which looks better?"


def trial(of: PairImages, observer: str = "anna", purpose: str = "repeat", **changes: object) -> Trial:
    return Trial(purpose=purpose, **vote(of, observer, **changes).__dict__)  # type: ignore[arg-type]


def rows(tally: Tally) -> set[tuple[object, ...]]:
    """(position, observer, choice, left_low, seconds, purpose) of every row."""
    names = [tally.names[i] for i in tally.observer]
    columns = (tally.position, names, tally.choice, tally.left_low, tally.seconds, tally.purpose)
    found = [tuple(v.item() if hasattr(v, "item") else v for v in row) for row in zip(*columns, strict=True)]
    assert len(set(found)) == len(found)
    return set(found)


def test_what_a_tally_says(store: Store) -> None:
    pairs = make_pairs(3)
    low = [min(p.first_sha256, p.second_sha256) for p in pairs]
    high = [max(p.first_sha256, p.second_sha256) for p in pairs]
    store.register("r01", "people", pairs, 2, QUESTION)
    assert len(store.tally("r01").seq) == 0
    store.add_votes([
        vote(pairs[0], preferred=low[0], left=high[0], seconds=1.5),
        vote(pairs[1], preferred=high[1], left=low[1], seconds=2.0),
        vote(pairs[2], "berta", preferred="tie", left=low[2], seconds=3.0),
        vote(pairs[0], "berta", preferred="unsure", left=high[0], seconds=4.0),
        vote(pairs[0], "berta", preferred="tie", left=high[0], seconds=4.0),  # a second one does not count
        vote(pairs[0], "model", kind="llm", preferred=low[0], left=high[0]),  # another kind
    ])  # fmt: skip
    store.add_trials([
        trial(pairs[1], preferred=low[1], left=high[1], seconds=2.5),
        trial(pairs[2], "carl", "training", preferred=high[2], left=low[2], seconds=9.0),
        trial(pairs[2], "carl", "training", round="r02"),  # another round's
    ])  # fmt: skip
    tally = store.tally("r01")
    assert rows(tally) == {
        (0, "anna", 0, False, 1.5, 0), (1, "anna", 1, True, 2.0, 0), (2, "berta", 2, True, 3.0, 0),
        (0, "berta", 3, False, 4.0, 0), (1, "anna", 0, False, 2.5, 1), (2, "carl", 1, True, 9.0, 2),
    }  # fmt: skip
    assert (tally.pairs, tally.votes_per_pair) == (3, 2)
    types = [
        getattr(tally, name).dtype.name
        for name in ("position", "observer", "choice", "left_low", "seconds", "purpose", "seq")
    ]
    assert types == ["int32", "int16", "int8", "bool", "float32", "int8", "int64"]
    assert sorted(tally.seq) == [1, 2, 3, 4, 6, 6]
    assert (store.status("r01").have, store.status("r01").unsure) == (3, 1)


def test_a_vote_without_seconds_is_nan(store: Store) -> None:
    pairs = make_pairs(1)
    store.register("r01", "people", pairs, 1, QUESTION)
    store.add_votes([vote(pairs[0], seconds=None)])
    assert np.isnan(store.tally("r01").seconds).all()


def test_a_tally_follows_another_process_and_is_kept_while_nothing_is_new(place: str) -> None:
    pairs = make_pairs(6)
    with Store.open(place) as store, Store.open(place) as other:
        store.register("r01", "people", pairs[:4], 2, QUESTION)
        at = store.log_position("r01")
        assert store.tally("r01").at == at == store.log_position("r01")
        assert store.tally("r01") is store.tally("r01")
        first, second = vote(pairs[0]), vote(pairs[0], preferred="tie")
        again = trial(pairs[0])
        for act in (
            lambda: other.add_votes([first, second]),
            lambda: other.add_trials([again]),
            lambda: other.retract(first.id, "anna"),
            lambda: other.retract(again.id, "anna"),
            lambda: other.skip_pair("r01", "anna", pairs[1].key),
            lambda: other.register("r01", "people", pairs, 2, QUESTION),
        ):
            act()
            assert store.log_position("r01") != at
            at = store.log_position("r01")
            assert store.tally("r01").at == at
            with Store.open(place) as fresh:
                assert rows(store.tally("r01")) == rows(fresh.tally("r01"))
        assert {row[:3] for row in rows(store.tally("r01"))} == {(0, "anna", 2)}
        assert store.tally("r01").pairs == 6


def test_a_tally_read_in_pieces_is_the_same_as_read_at_once(place: str) -> None:
    """Votes, trials and what is taken back, at random; against a plain count."""
    pairs = make_pairs(7)
    dice = random.Random(5)
    with Store.open(place) as store:
        store.register("r01", "people", pairs, 2, QUESTION)
        standing: list[tuple[int, str, str, str]] = []  # position, observer, preferred, id
        for _ in range(120):
            if standing and dice.random() < 0.3:
                taken = standing.pop(dice.randrange(len(standing)))
                store.retract(taken[3], taken[1])
            else:
                place_, who = dice.randrange(7), dice.choice(["anna", "berta", "carl"])
                of = pairs[place_]
                cast = vote(of, who, preferred=dice.choice(["tie", "unsure"]))
                store.add_votes([cast])
                standing.append((place_, who, cast.preferred, cast.id))
            if dice.random() < 0.5:
                first: dict[tuple[int, str], str] = {}
                for position, who, preferred, _ in standing:
                    first.setdefault((position, who), preferred)
                expected = {(*key, 2 if preferred == "tie" else 3) for key, preferred in first.items()}
                assert {row[:3] for row in rows(store.tally("r01"))} == expected
                with store.log("r01") as (log, _):
                    ties, unsure = (
                        [sum(of == i and said == word for (of, _), said in first.items()) for i in range(7)]
                        for word in ("tie", "unsure")
                    )
                    assert (log.counts.tolist(), log.unsure.tolist()) == (ties, unsure)
                    lost = [tie < 2 <= no for tie, no in zip(ties, unsure, strict=True)]
                    assert log.settled().tolist() == [tie >= 2 or gone for tie, gone in zip(ties, lost, strict=True)]
                status = store.status("r01")
                assert status.have == sum(min(2, tie) for tie, gone in zip(ties, lost, strict=True) if not gone)
                assert (status.unsure, status.undecidable) == (sum(unsure), sum(lost))
                assert status.need == 2 * (7 - sum(lost))


def test_a_failed_read_is_made_good(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = make_pairs(2)
    store.register("r01", "people", pairs, 1, QUESTION)
    store.add_votes([vote(pairs[0])])
    store.tally("r01")
    store.add_votes([vote(pairs[1])])
    with monkeypatch.context() as patch:
        patch.setattr("labelling.store.tally.Log._read_skips", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            store.tally("r01")
    assert len(store.tally("r01").seq) == 2
    with store.log("r01") as (log, _):
        assert log.counts.tolist() == [1, 1]


def test_many_votes_are_read_in_parts(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labelling.store.tally._ROWS", 50)
    pairs = make_pairs(40)
    store.register("r01", "people", pairs, 5, QUESTION)
    store.add_votes([vote(p, f"observer {i}") for i in range(5) for p in pairs])
    tally = store.tally("r01")
    assert len(tally.seq) == 200
    assert len(tally.names) == 5
    assert np.bincount(tally.position).tolist() == [5] * 40


def test_trials_never_count_and_obey_the_rules_of_votes(store: Store) -> None:
    pairs = make_pairs(2)
    store.register("r01", "people", pairs, 1, QUESTION)
    cast = trial(pairs[0])
    assert store.add_trials([cast, cast]) == 1
    assert store.add_trials([cast]) == 0
    assert store.votes([p.key for p in pairs], "people", QUESTION) == []
    assert store.status("r01").have == 0
    assert store.last_vote("anna") is None
    for changes in ({"preferred": "tie"}, {"purpose": "training"}, {"observer": "berta"}):
        with pytest.raises(VoteConflict, match=cast.id):
            store.add_trials([trial(pairs[1]), dataclasses.replace(cast, **changes)])  # type: ignore[arg-type]
    for changes in ({"purpose": "vote"}, {"key": "f" * 64}, {"key": "a\x00b"}, {"left": sha(5)}, {"seconds": -1.0}):
        with pytest.raises(InvalidVote):
            store.add_trials([dataclasses.replace(trial(pairs[1]), **changes)])  # type: ignore[arg-type]
    with pytest.raises(InvalidVote, match="is a Vote"):
        store.add_trials([vote(pairs[1])])  # type: ignore[list-item]
    with pytest.raises(InvalidVote, match="is a Trial"):
        store.add_votes([trial(pairs[1])])
    assert len(store.tally("r01").seq) == 1


def test_ids_are_not_shared_between_votes_and_trials(store: Store) -> None:
    pairs = make_pairs(1)
    store.register("r01", "people", pairs, 1, QUESTION)
    one, two = vote(pairs[0]), trial(pairs[0])
    store.add_votes([one])
    store.add_trials([two])
    with pytest.raises(VoteConflict):
        store.add_trials([trial(pairs[0], id=one.id)])
    with pytest.raises(VoteConflict):
        store.add_votes([vote(pairs[0], id=two.id)])


def test_the_last_answer_is_the_newest_vote_or_trial(store: Store) -> None:
    pairs = make_pairs(3)
    store.register("r01", "people", pairs, 1, QUESTION)
    cast = [vote(pairs[0]), trial(pairs[0]), vote(pairs[1], "berta"), vote(pairs[1]), trial(pairs[1]), trial(pairs[2])]
    assert store.last_answer("r01", "anna") is None
    for answer in cast:
        (store.add_trials if isinstance(answer, Trial) else store.add_votes)([answer])  # type: ignore[operator]
    store.add_votes([vote(pairs[2], round="r02")])
    for i in (5, 4, 3, 1, 0):
        assert store.last_answer("r01", "anna") == cast[i].id
        assert store.retract(cast[i].id, "anna") is True
        assert store.retract(cast[i].id, "anna") is False
    assert store.last_answer("r01", "anna") is None
    assert store.last_answer("r01", "berta") == cast[2].id


def test_nobody_takes_back_anothers_trial(store: Store) -> None:
    pairs = make_pairs(1)
    store.register("r01", "people", pairs, 1, QUESTION)
    cast = trial(pairs[0])
    store.add_trials([cast])
    for id, who in ((cast.id, "berta"), (str(uuid.uuid4()), "anna")):
        with pytest.raises(UnknownVote):
            store.retract(id, who)
    assert len(store.tally("r01").seq) == 1


def test_only_what_a_round_asks_can_be_skipped(store: Store) -> None:
    store.register("r01", "people", make_pairs(1), 1, QUESTION)
    for key in (pair(8, 9).key, "x", "\ud800"):
        with pytest.raises(InvalidVote, match="does not ask"):
            store.skip_pair("r01", "anna", key)
    with pytest.raises(UnknownRound):
        store.skip_pair("r09", "anna", make_pairs(1)[0].key)
    with pytest.raises(ValueError, match="observer"):
        store.skip_pair("r01", "", make_pairs(1)[0].key)
