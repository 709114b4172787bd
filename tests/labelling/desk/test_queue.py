"""What each observer is asked next: orders, training, repeats, skips, several observers and processes at once."""

from __future__ import annotations

import threading
import uuid

import numpy as np
import pytest
from label_helpers import make_pairs, vote

from labelling.desk.queue import REPEAT_AFTER, Queue
from labelling.exchange.criteria import FUSION_CRITERIA
from labelling.store import (
    OpenPair,
    Options,
    PairImages,
    Store,
    StoreError,
    Trial,
    UnknownRound,
    Vote,
)
from labelling.store.order import chosen, scatter, shuffled
from labelling.store.records import RatingItem

QUESTION = "Which looks better?"


def register(store: Store, pairs: list[PairImages], votes: int = 1, **options: object) -> Queue:
    store.register("r01", "people", pairs, votes, QUESTION, Options(**options))  # type: ignore[arg-type]
    return Queue(store, "r01")


def answer(store: Store, pair: OpenPair, observer: str, round: str = "r01") -> str:
    """Answer what is shown: left is better; returns the answer's id."""
    left = pair.left or pair.pictures[0]
    values = {
        "id": str(uuid.uuid4()), "key": pair.key, "observer": observer, "kind": "people", "preferred": left, "left": left,
        "round": round, "seconds": 2.0,
    }  # fmt: skip
    if pair.purpose == "vote":
        store.add_votes([Vote(**values)])  # type: ignore[arg-type]
    else:
        store.add_trials([Trial(purpose=pair.purpose, **values)])  # type: ignore[arg-type]
    return str(values["id"])


def walk(store: Store, queue: Queue, observer: str, most: int = 1000) -> list[tuple[str, str]]:
    """Answer everything; (key, purpose) of what was shown."""
    seen = []
    while len(seen) < most and (pair := queue.next(observer)) is not None:
        seen.append((pair.key, pair.purpose))
        answer(store, pair, observer)
    return seen


def test_everybody_has_an_own_order_that_stays(place: str) -> None:
    pairs = make_pairs(12)
    with Store.open(place) as store, Store.open(place) as other:
        queue = register(store, pairs, 3)
        first = [queue.next("anna")]
        for _ in range(11):
            first.append(queue.next("anna", skip=[p.key for p in first if p]))
        assert queue.next("anna", skip=[p.key for p in first if p]) is None
        asked = [p.key for p in first if p]
        assert sorted(asked) == sorted(p.key for p in pairs)
        assert [key for key, _ in walk(other, Queue(other, "r01"), "anna")] == asked
        assert [key for key, _ in walk(store, queue, "berta")] != asked
        assert asked != [p.key for p in pairs]


def test_a_pair_goes_to_as_many_observers_as_asked(store: Store) -> None:
    queue = register(store, make_pairs(4), 2)
    assert not queue.complete()
    assert len(walk(store, queue, "anna")) == 4
    assert len(walk(store, queue, "berta", most=3)) == 3
    assert not queue.complete()
    assert len(walk(store, queue, "carl")) == 1
    assert queue.complete()
    assert queue.next("dora") is None
    assert queue.next("berta") is None


def test_a_vote_that_comes_late_is_stored_all_the_same(store: Store) -> None:
    queue = register(store, make_pairs(1), 1)
    held = {who: queue.next(who) for who in ("anna", "berta")}
    for who, pair in held.items():
        assert pair is not None
        answer(store, pair, who)
    assert len(store.votes([make_pairs(1)[0].key], "people", QUESTION)) == 2
    assert queue.progress("berta").done == 1


def test_votes_of_other_processes_are_seen_at_once(place: str) -> None:
    with Store.open(place) as store, Store.open(place) as other:
        pairs = make_pairs(2)
        queue = register(store, pairs, 1)
        assert queue.next("anna") is not None
        cast = [vote(pair, "berta") for pair in pairs]
        other.add_votes(cast)
        assert queue.next("anna") is None
        other.retract(cast[0].id, "berta")
        assert queue.next("anna").key == pairs[0].key  # type: ignore[union-attr]
        other.skip_pair("r01", "anna", pairs[0].key)
        assert queue.next("anna").key == pairs[0].key  # type: ignore[union-attr]
        other.register("r01", "people", make_pairs(4), 2, QUESTION)
        assert (queue.progress("berta").done, queue.progress("berta").left) == (1, 3)
        assert queue.batch.votes_per_pair == 2


def test_votes_from_another_round_count_and_are_not_repeated(store: Store) -> None:
    pairs = make_pairs(4)
    store.register("r00", "people", pairs[:2], 1, QUESTION)
    store.add_votes([vote(pair, round="r00") for pair in pairs[:2]])
    queue = register(store, pairs, 1, repeats=0.5)
    progress = queue.progress("anna")
    assert (progress.done, progress.seconds) == (2, 0.0)
    assert {key for key, _ in walk(store, queue, "anna")} == {pair.key for pair in pairs[2:]}


def test_training_comes_first_and_is_asked_for_real_last(store: Store) -> None:
    pairs = make_pairs(8)
    queue = register(store, pairs, 2, training=3)
    assert (queue.progress("anna").done, queue.progress("anna").left) == (0, 11)
    seen = walk(store, queue, "anna")
    training = {pair.key for pair in pairs[:3]}
    assert [purpose for _, purpose in seen] == ["training"] * 3 + ["vote"] * 8
    assert {key for key, _ in seen[:3]} == training == {key for key, _ in seen[-3:]}
    assert store.status("r01").have == 8
    progress = queue.progress("anna")
    assert (progress.done, progress.left, progress.seconds) == (11, 0, 22.0)


def test_nobody_trains_where_nothing_is_left_to_do(store: Store) -> None:
    queue = register(store, make_pairs(2), 1, training=9)
    assert queue.progress("anna").left == 4
    walk(store, queue, "anna")
    assert queue.next("berta") is None
    assert queue.progress("berta").left == 0


def test_repeats_swap_the_sides_and_keep_their_distance(store: Store) -> None:
    pairs = make_pairs(60)
    queue = register(store, pairs, 1, repeats=0.3)
    whole = queue.progress("anna").left
    seen: list[OpenPair] = []
    while (pair := queue.next("anna")) is not None:
        progress = queue.progress("anna")
        assert (progress.done, progress.done + progress.left) == (len(seen), whole)
        seen.append(pair)
        answer(store, pair, "anna")
    votes = [pair.key for pair in seen if pair.purpose == "vote"]
    repeats = {pair.key: pair for pair in seen if pair.purpose == "repeat"}
    assert len(votes) == 60
    assert len(seen) == whole == 60 + len(repeats)
    assert 8 <= len(repeats) <= 30
    first = {pair.key: i for i, pair in reversed(list(enumerate(seen)))}
    for i, pair in enumerate(seen):
        if pair.purpose == "repeat":
            between = sum(p.purpose == "vote" for p in seen[first[pair.key] + 1 : i])
            assert between >= REPEAT_AFTER or sum(p.purpose == "vote" for p in seen[i:]) == 0
            assert pair.left == seen[first[pair.key]].pictures[1]  # the first time the other one was left
            assert i - first[pair.key] > 1 or i == len(seen) - 1
    assert store.status("r01").complete
    tally = store.tally("r01")
    assert int((tally.purpose == 1).sum()) == len(repeats)


def test_a_repeat_taken_back_is_asked_again(store: Store) -> None:
    queue = register(store, make_pairs(4), 1, repeats=0.5)
    seen = walk(store, queue, "anna")
    assert seen[-1][1] == "repeat"
    last = store.last_answer("r01", "anna")
    assert last is not None
    assert queue.next("anna") is None
    store.retract(last, "anna")
    again = queue.next("anna")
    assert again is not None
    assert (again.key, again.purpose) == seen[-1]


def test_the_last_pair_is_not_repeated_at_once_if_anything_else_is_left(store: Store) -> None:
    """Anna skipped a pair, and what she voted on last comes twice: the skipped one comes between."""
    pairs = make_pairs(12)
    queue = register(store, pairs, 1, repeats=0.5)
    batch = queue.batch
    twice = {pairs[i].key for i in np.flatnonzero(chosen(12, 0.5, batch.id, "anna"))}
    once = next(pair.key for pair in pairs if pair.key not in twice)
    last = sorted(twice)[0]
    store.add_votes([vote(pair) for pair in pairs if pair.key not in (once, last)])
    store.add_trials([trial(pair, "repeat") for pair in pairs if pair.key in twice and pair.key != last])
    store.skip_pair("r01", "anna", once)
    shown = queue.next("anna")
    assert (shown.key, shown.purpose) == (last, "vote")  # type: ignore[union-attr]
    answer(store, shown, "anna")  # type: ignore[arg-type]
    assert [(key, purpose) for key, purpose in walk(store, queue, "anna")] == [(once, "vote"), (last, "repeat")]


def trial(pair: PairImages, purpose: str, **changes: object) -> Trial:
    return Trial(purpose=purpose, **vote(pair, **changes).__dict__)  # type: ignore[arg-type]


def test_skipped_pairs_come_last(store: Store) -> None:
    queue = register(store, make_pairs(5), 1)
    order = [queue.next("anna")]
    for _ in range(2):
        shown = queue.next("anna")
        assert shown is not None
        store.skip_pair("r01", "anna", shown.key)
        order.append(queue.next("anna"))
    skipped = [pair.key for pair in order[:2] if pair]
    assert queue.progress("anna").left == 5
    assert queue.next("berta") is not None
    seen = [key for key, _ in walk(store, queue, "anna")]
    assert seen[-2:] == skipped
    assert len(seen) == 5


def test_a_skipped_pair_skipped_again_goes_behind_the_others(store: Store) -> None:
    pairs = make_pairs(2)
    queue = register(store, pairs, 1)
    for pair in pairs:
        store.skip_pair("r01", "anna", pair.key)
    assert queue.next("anna").key == pairs[0].key  # type: ignore[union-attr]
    store.skip_pair("r01", "anna", pairs[0].key)
    assert queue.next("anna").key == pairs[1].key  # type: ignore[union-attr]
    assert queue.next("anna", skip=[pairs[1].key]).key == pairs[0].key  # type: ignore[union-attr]


def test_skipped_training_and_skipped_repeats_do_not_come_back(store: Store) -> None:
    queue = register(store, make_pairs(6), 1, training=2, repeats=0.5)
    for _ in range(2):
        shown = queue.next("anna")
        assert shown is not None
        assert shown.purpose == "training"
        store.skip_pair("r01", "anna", shown.key)
    seen = []
    while (pair := queue.next("anna")) is not None:
        seen.append(pair.purpose)
        if pair.purpose == "repeat":
            store.skip_pair("r01", "anna", pair.key)
        else:
            answer(store, pair, "anna")
    assert seen.count("vote") == 6
    assert "training" not in seen
    assert seen.count("repeat") >= 1
    assert queue.progress("anna").left == 0


def test_undo_brings_the_pair_back_first_come(store: Store) -> None:
    queue = register(store, make_pairs(6), 1)
    shown = queue.next("anna")
    assert shown is not None
    id = answer(store, shown, "anna")
    assert queue.next("anna").key != shown.key  # type: ignore[union-attr]
    store.retract(id, "anna")
    assert queue.next("anna").key == shown.key  # type: ignore[union-attr]
    assert queue.progress("anna").done == 0


def test_options_can_change_on_the_way(store: Store) -> None:
    pairs = make_pairs(6)
    queue = register(store, pairs, 1)
    assert walk(store, queue, "anna", most=2)[0][1] == "vote"
    register(store, pairs, 1, training=6)
    assert queue.next("anna").purpose == "training"  # type: ignore[union-attr]
    assert queue.progress("anna").left == 8  # four pairs, and training on them


def test_rounds_a_queue_cannot_be_made_of(store: Store) -> None:
    with pytest.raises(UnknownRound):
        Queue(store, "r09")
    pair = make_pairs(1)[0]
    item = RatingItem(sha256=pair.first_sha256, png=pair.first_png)
    store.register_ratings("q01", "people", [item], 1, QUESTION, Options(criteria=FUSION_CRITERIA))
    for ask in (lambda: Queue(store, "q01"), lambda: store.tally("q01")):
        with pytest.raises(StoreError, match="ratings of single pictures"):
            ask()


def test_threads_share_a_queue(store: Store) -> None:
    pairs = make_pairs(12)
    queue = register(store, pairs, 3, repeats=0.2, training=2)
    errors: list[BaseException] = []

    def work(who: str) -> None:
        try:
            walk(store, queue, who)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(f"observer {i}",)) for i in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert queue.complete()
    assert store.status("r01").complete
    assert Queue(store, "r01").complete()


def test_orders_follow_from_the_names_alone() -> None:
    assert list(shuffled(5, "batch", "anna")) == [3, 2, 4, 0, 1]  # golden: any change would reshuffle running rounds
    assert sorted(shuffled(1000, "a")) == list(range(1000))
    assert abs(chosen(100_000, 0.1, "a").mean() - 0.1) < 0.005
    assert not chosen(1000, 0.0, "a").any()
    assert (chosen(1000, 0.5, "a") | ~chosen(1000, 0.1, "a")).all()
    assert len(np.unique(scatter(100_000, "a"))) == 100_000
