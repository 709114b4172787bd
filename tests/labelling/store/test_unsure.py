""" "Can't tell" is no vote: it is counted apart, asked once of everybody, and too much of it ends a pair."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from exchange_helpers import write_outputs
from label_helpers import make_pairs, vote
from web_helpers import Browser, make_app

from labelling.desk.overview import overview
from labelling.desk.queue import Queue
from labelling.exchange import study
from labelling.exchange.answers import paper_rows
from labelling.exchange.manifest import StudyError
from labelling.exchange.results import results as study_results
from labelling.store import Options, Store, Vote
from labelling.store.undecidable import is_undecidable, undecidable_pairs

QUESTION = "Which looks better?"
PAIRS = make_pairs(2)


def unsure(of: int, *observers: str) -> list[Vote]:
    return [vote(PAIRS[of], who, preferred="unsure") for who in observers]


def test_the_rule() -> None:
    """More than half as many as votes are asked for, of a pair that lacks votes."""
    cases = {(0, 1, 1): True, (0, 1, 2): False, (0, 2, 2): True, (1, 2, 3): True, (1, 1, 3): False, (3, 9, 3): False,
             (0, 7, 15): False, (14, 8, 15): True, (15, 8, 15): False}  # fmt: skip
    for (votes, cannot, asked), expected in cases.items():
        assert bool(is_undecidable(votes, cannot, asked)) is expected, (votes, cannot, asked)
    found = is_undecidable(np.array([0, 2]), np.array([2, 2]), 2)
    assert found.tolist() == [True, False]


def test_it_fills_no_quota_and_is_counted(store: Store) -> None:
    store.register("r01", "people", PAIRS, 3, QUESTION)
    store.add_votes([*unsure(0, "anna"), vote(PAIRS[0], "berta"), vote(PAIRS[1], "anna", preferred="tie")])
    status = store.status("r01")
    assert (status.have, status.need, status.unsure, status.undecidable) == (2, 6, 1, 0)
    assert status.words() == "; 1 can't tell"


def test_who_cannot_tell_is_not_asked_again_and_others_are(store: Store) -> None:
    store.register("r01", "people", PAIRS[:1], 2, QUESTION)
    store.add_votes(unsure(0, "anna"))
    queue = Queue(store, "r01")
    assert (queue.next("anna"), queue.progress("anna").done, queue.complete()) == (None, 1, False)
    shown = queue.next("berta")
    assert shown is not None
    assert shown.key == PAIRS[0].key
    store.add_votes([vote(PAIRS[0], "berta"), vote(PAIRS[0], "carl")])
    assert store.status("r01").complete
    assert queue.complete()


def test_a_pair_with_too_many_is_undecidable_and_ends(store: Store) -> None:
    store.register("r01", "people", PAIRS, 3, QUESTION)
    store.add_votes([vote(PAIRS[1], who) for who in ("anna", "berta", "carl")])
    store.add_votes([*unsure(0, "anna", "berta"), vote(PAIRS[0], "carl")])
    status = store.status("r01")
    assert (status.have, status.need, status.complete) == (3, 3, True)
    assert (status.unsure, status.undecidable) == (2, 1)
    assert status.words() == "; 2 can't tell, 1 pair undecidable"
    queue = Queue(store, "r01")
    assert (queue.complete(), queue.next("dora")) == (True, None)
    found = store.votes([pair.key for pair in PAIRS], "people", QUESTION)
    assert undecidable_pairs(found, 3) == {PAIRS[0].key}
    watched = overview(store)["rounds"][0]
    assert (watched["have"], watched["need"], watched["open"], watched["complete"]) == (3, 3, 0, True)
    assert (watched["unsure"], watched["undecidable"]) == (2, 1)
    rows, left_out = paper_rows(store, ["r01"])
    assert ([row["votes"] for row in rows], left_out) == ([3], 1)


def test_one_that_is_taken_back_opens_the_pair_again(store: Store) -> None:
    store.register("r01", "people", PAIRS[:1], 1, QUESTION)
    (cast,) = unsure(0, "anna")
    queue = Queue(store, "r01")
    store.add_votes([cast])
    assert queue.complete()
    store.retract(cast.id, "anna")
    assert (queue.complete(), store.status("r01").undecidable) == (False, 0)
    assert queue.next("anna") is not None


def test_the_first_answer_counts_also_where_it_is_none(store: Store) -> None:
    """Two windows: first "can't tell", then a vote on the same pair, and the other way round."""
    store.register("r01", "people", PAIRS, 2, QUESTION)
    store.add_votes([*unsure(0, "anna"), vote(PAIRS[0], "anna"), vote(PAIRS[1], "anna"), *unsure(1, "anna")])
    status = store.status("r01")
    assert (status.have, status.unsure) == (1, 1)
    with store.log("r01") as (log, _):
        assert (log.counts.tolist(), log.unsure.tolist()) == ([0, 1], [1, 0])


def test_the_gate_ends_for_somebody_alone(sqlite_store: Store) -> None:
    sqlite_store.register("r01", "people", PAIRS, 1, QUESTION, Options(allow_unsure=True))
    anna = Browser(make_app(sqlite_store), sqlite_store)
    where = anna.set()
    for answer in ("unsure", "left"):
        state = anna.vote(anna.next(where)["showing"]["id"], answer).json()["state"]
    assert (state["complete"], state["left"]) == (True, 0)


def test_a_study_of_nothing_but_these_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sqlite_store: Store
) -> None:
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.chdir(tmp_path)
    made = study.create_pairs(sqlite_store, "llie", write_outputs(tmp_path), {}, votes=3).manifest
    cast = [
        vote(pair, who, preferred="unsure", round="llie", id=f"{who}-{pair.key}")
        for pair in made.pairs
        for who in ("anna", "berta")
    ]
    sqlite_store.add_votes(cast)
    with pytest.raises(StudyError, match='all its 18 answers are "can\'t tell"'):
        study_results(sqlite_store, "llie")
    sqlite_store.add_votes([vote(pair, "carl", round="llie", id=f"carl-{pair.key}") for pair in made.pairs[:1]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = study_results(sqlite_store, "llie")
    assert (found.unsure, found.undecidable, found.have, found.need) == (18, 9, 0, 0)
