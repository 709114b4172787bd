"""Answers belong to the question that they answer: another question about the same pictures begins with none."""

from __future__ import annotations

import dataclasses
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest
from exchange_helpers import write_outputs
from label_helpers import make_pairs, png, sha, vote
from web_helpers import Browser, make_app

from labelling.desk.queue import Queue
from labelling.desk.tokens import Sealer
from labelling.exchange import study
from labelling.exchange.criteria import FUSION_CRITERIA
from labelling.exchange.import_report import Report
from labelling.exchange.importing import Answer, take
from labelling.exchange.manifest import StudyError
from labelling.exchange.results import results as study_results
from labelling.store import (
    Criterion,
    InvalidVote,
    Options,
    Rating,
    RatingItem,
    SourceImage,
    Store,
    StoredVote,
    Trial,
)
from labelling.store.questions import question_id, same_question

BETTER, NOISE = "Which looks better overall?", "Which has more noise?"
PAIRS = make_pairs(3)
KEYS = [pair.key for pair in PAIRS]


@pytest.fixture
def two(store: Store) -> Store:
    """Round r01 and, about the same pairs, round noise; anna has answered all of r01."""
    store.register("r01", "people", PAIRS, 1, BETTER)
    store.add_votes([vote(pair) for pair in PAIRS])
    store.register("noise", "people", PAIRS, 1, NOISE)
    return store


def ids(votes: list[StoredVote]) -> set[str]:
    return {vote.id for vote in votes}


def test_when_two_questions_are_the_same() -> None:
    assert same_question("  Which\u00a0is\n better? ") == "Which is better?"
    composed, parts = "Welches ist schöner?", "Welches ist scho\u0308ner?"
    assert composed != parts
    assert question_id(composed) == question_id(parts)
    assert len({question_id(text) for text in (BETTER, NOISE, BETTER.lower(), BETTER[:-1])}) == 4
    assert len({question_id(BETTER, criteria) for criteria in ((), (("a", "A"),), (("a", "B"),))}) == 3


def test_votes_do_not_count_for_another_question(two: Store) -> None:
    assert two.status("r01").complete
    assert (two.status("noise").have, two.status("noise").need) == (0, 3)
    queue = Queue(two, "noise")
    assert (queue.complete(), queue.progress("anna").left, len(two.tally("noise").seq)) == (False, 3, 0)
    assert two.votes(KEYS, "people", NOISE) == []
    cast = vote(PAIRS[0], round="noise", preferred=PAIRS[0].second_sha256)
    assert two.add_votes([cast]) == 1
    assert ids(two.votes(KEYS, "people", NOISE)) == {cast.id}
    assert cast.id not in ids(two.votes(KEYS, "people", BETTER))
    assert (two.status("noise").have, two.status("r01").have) == (1, 3)


def test_votes_count_in_every_round_that_asks_the_same(two: Store) -> None:
    two.register("r02", "people", PAIRS[:2], 2, f" {BETTER.replace(' ', '  ')}")
    assert two.status("r02").have == 2
    assert Queue(two, "r02").progress("berta").left == 2
    two.add_votes([vote(PAIRS[0], "berta", round="r02")])
    assert len(two.votes(KEYS[:1], "people", BETTER)) == 2


def test_a_round_that_asks_something_else_asks_anew_and_back_again_has_its_answers(two: Store) -> None:
    two.register("r01", "people", PAIRS, 1, NOISE)
    assert two.status("r01").have == 0
    assert two.last_answer("r01", "anna") is None  # what was asked before is not to be undone here
    two.add_votes([vote(PAIRS[0])])
    assert (two.status("r01").have, two.status("noise").have) == (1, 1)
    two.register("r01", "people", PAIRS, 2, BETTER)  # other votes per pair: what is there is taken in
    assert (two.status("r01").have, two.status("r01").need) == (3, 6)


def test_trials_belong_to_a_question_too(two: Store) -> None:
    def trial(round: str) -> Trial:
        return Trial(purpose="training", **dataclasses.asdict(vote(PAIRS[0], "berta", round=round)))

    two.register("r01", "people", PAIRS, 2, BETTER, Options(training=1))
    two.add_trials([trial("r01")])
    assert (two.tally("r01").purpose == 2).sum() == 1
    two.register("r01", "people", PAIRS, 2, NOISE, Options(training=1))
    assert (two.tally("r01").purpose == 2).sum() == 0
    assert Queue(two, "r01").next("berta").purpose == "training"  # type: ignore[union-attr]


def test_a_vote_of_a_round_that_is_not_registered_needs_a_pair_with_one_question(two: Store) -> None:
    other = make_pairs(5)[4]
    two.register("dark", "people", [other], 1, "Which is darker?")
    assert two.add_votes([vote(other, round="elsewhere")]) == 1
    assert two.status("dark").complete
    with pytest.raises(InvalidVote, match="several questions; name a registered round"):
        two.add_votes([vote(PAIRS[0], "berta", round="elsewhere")])
    with pytest.raises(InvalidVote, match="no question"):
        two.add_votes([vote(PAIRS[0], "berta")], "0" * 64)


def test_sources_of_one_study_do_not_change_the_pages_of_another(store: Store) -> None:
    def asked(value: int) -> list[object]:
        source = SourceImage(name="visible", sha256=sha(value), png=partial(png, value))
        return [dataclasses.replace(PAIRS[0], sources=(source,))]

    store.register("one", "people", asked(50), 1, BETTER)  # type: ignore[arg-type]
    store.register("two", "people", asked(60), 1, BETTER)  # type: ignore[arg-type]
    store.register("none", "people", PAIRS[:1], 1, BETTER)
    shown = {round: Queue(store, round).next("anna") for round in ("one", "two", "none")}
    assert {round: pair.sources for round, pair in shown.items() if pair} == {
        "one": (("visible", sha(50)),), "two": (("visible", sha(60)),), "none": (),
    }  # fmt: skip


def test_sources_of_a_picture_to_rate_belong_to_its_round(store: Store) -> None:
    for round, value in (("one", 50), ("two", 60)):
        source = SourceImage(name="visible", sha256=sha(value), png=png(value))
        item = RatingItem(sha256=sha(0), png=png(0), sources=(source,))
        store.register_ratings(round, "people", [item], 1, "How good?", Options(criteria=FUSION_CRITERIA))
    for round, value in (("one", 50), ("two", 60)):
        item_shown = store.next_item(round, "anna")
        assert item_shown is not None
        assert item_shown.sources == (("visible", sha(value)),)


def test_ratings_belong_to_the_question_and_the_criteria(store: Store) -> None:
    def register(question: str, title: str) -> None:
        criterion = Criterion(name="noise", title=title, scale=("1", "2", "3", "4", "5"))
        item = RatingItem(sha256=sha(0), png=png(0))
        store.register_ratings("q01", "people", [item], 1, question, Options(criteria=(criterion,)))

    register("How good?", "Noise")
    rating = Rating(id="one", item=sha(0), observer="anna", kind="people", scores={"noise": 3}, round="q01")
    store.add_ratings([rating])
    review = Rating(
        id="review",
        item=sha(0),
        observer="eva",
        kind="people",
        scores={},
        round="q01",
        reviews="one",
        verdict="accepted",
    )
    for question, title in (("How bad?", "Noise"), ("How good?", "Grain")):
        register(question, title)
        assert (store.status("q01").have, store.ratings("q01"), store.next_review("q01", "eva")) == (0, [], None)
        assert store.next_item("q01", "anna") is not None
    store.add_ratings([review])  # of a page that was opened before: it stays with the rating
    register(" How good? ", "Noise")
    assert store.status("q01").complete
    assert [each.id for each in store.ratings("q01", effective=False)] == ["one", "review"]


def test_a_vote_answers_what_was_on_screen(sqlite_store: Store) -> None:
    """The round asks something else while somebody looks at the pair; the next one comes with its own question."""
    sqlite_store.register("r01", "people", PAIRS, 1, BETTER)
    anna = Browser(make_app(sqlite_store), sqlite_store)
    where = anna.set()
    shown = anna.next(where)["showing"]
    assert shown["question"] == BETTER
    sqlite_store.register("r01", "people", PAIRS, 1, NOISE)
    assert anna.next(where)["showing"]["question"] == NOISE
    assert anna.vote(shown["id"]).status_code == 200
    assert len(sqlite_store.votes(KEYS, "people", BETTER)) == 1
    assert sqlite_store.votes(KEYS, "people", NOISE) == []


def test_a_rating_of_a_page_with_another_question_is_refused(sqlite_store: Store) -> None:
    item, options = RatingItem(sha256=sha(0), png=png(0)), Options(criteria=FUSION_CRITERIA)
    sqlite_store.register_ratings("q01", "people", [item], 1, "How good?", options)
    anna = Browser(make_app(sqlite_store), sqlite_store)
    shown = anna.post("/api/rate/next", {"set": anna.set("rate")}).json()["showing"]
    sqlite_store.register_ratings("q01", "people", [item], 1, "How bad?", options)
    body = {
        "id": "00000000-0000-4000-8000-000000000001", "showing": shown["id"], "seconds": 1.0,
        "scores": {criterion.name: 3 for criterion in FUSION_CRITERIA},
    }  # fmt: skip
    refused = anna.post("/api/rate", body)
    assert (refused.status_code, "reload" in refused.json()["detail"]) == (400, True)


def test_a_showing_of_the_version_before_is_still_taken(sqlite_store: Store) -> None:
    """A page that is open while Loupe is updated sends the answers that wait in it."""
    sqlite_store.register("r01", "people", PAIRS, 1, BETTER)
    app = make_app(sqlite_store)
    anna = Browser(app, sqlite_store)
    pair = PAIRS[0]
    payload = [anna.observer.id, sha256(b"r01").hexdigest()[:32], 0, pair.first_sha256, pair.second_sha256]
    token = Sealer(sqlite_store.secret()).seal("showing", payload)
    assert anna.vote(token).status_code == 200
    assert len(sqlite_store.votes(KEYS, "people", BETTER)) == 1


# Studies and imports


def test_a_study_on_pairs_that_were_voted_on_under_another_question_begins_with_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sqlite_store: Store
) -> None:
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.chdir(tmp_path)
    folders = write_outputs(tmp_path)
    made = study.create_pairs(sqlite_store, "better", folders, {}, votes=1, question=BETTER).manifest
    sqlite_store.add_votes([vote(p, "anna", round="better", id=f"b-{p.key}") for p in made.pairs])
    assert sqlite_store.status("better").complete
    study.create_pairs(sqlite_store, "noise", folders, {}, votes=1, question=NOISE)
    assert sqlite_store.status("noise").have == 0
    with pytest.raises(StudyError, match="no votes yet"):
        study_results(sqlite_store, "noise")
    study.create_pairs(sqlite_store, "again", folders, {}, votes=1, question=BETTER)  # the same question: they count
    assert sqlite_store.status("again").complete


def test_a_study_with_another_question_needs_another_name_and_other_votes_ask_for_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sqlite_store: Store
) -> None:
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.chdir(tmp_path)
    folders = write_outputs(tmp_path)
    made = study.create_pairs(sqlite_store, "llie", folders, {}, votes=1, question=BETTER).manifest
    sqlite_store.add_votes([vote(p, "anna", round="llie", id=f"b-{p.key}") for p in made.pairs])
    with pytest.raises(StudyError, match=r"llie.*asks 'Which looks better overall\?'.*another name"):
        study.create_pairs(sqlite_store, "llie", folders, {}, votes=1, question=NOISE)
    assert study_results(sqlite_store, "llie").have == 9
    study.create_pairs(sqlite_store, "llie", folders, {}, votes=2, question=f"{BETTER} ")
    assert (sqlite_store.status("llie").have, sqlite_store.status("llie").need) == (9, 18)
    study.create_ratings(sqlite_store, "fusion", folders, {}, options=Options(criteria=FUSION_CRITERIA))
    with pytest.raises(StudyError, match="by other criteria"):
        study.create_ratings(sqlite_store, "fusion", folders, {}, options=Options(criteria=FUSION_CRITERIA[:2]))


def test_an_import_is_told_when_it_is_not_clear_which_question_is_meant(two: Store) -> None:
    def answer(observer: str, round: str | None = None) -> Answer:
        first, second = PAIRS[0].first_sha256, PAIRS[0].second_sha256
        return Answer(
            place="row 2", id=f"import-{observer}-{round}", first=first, second=second, left=first, preferred=first,
            observer=observer, round=round,
        )  # fmt: skip

    report = take(two, [answer("carl")], None, Report())
    assert report.taken == 0
    assert "different questions" in report.refused[0][1]
    assert take(two, [answer("carl", "noise"), answer("carl", "r01")], None, Report()).taken == 2
    assert take(two, [answer("dora")], "noise", Report()).taken == 1
    assert len(two.votes(KEYS, "people", NOISE)) == 2
    again = take(two, [answer("carl", "noise"), answer("carl", "r01")], None, Report())
    assert (again.taken, again.known) == (0, 2)
