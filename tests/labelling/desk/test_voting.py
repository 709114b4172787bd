"""Voting from the browser's side: what is shown, what an answer means, and what is stored."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from label_helpers import make_pairs, pair, png, sha, wait_for
from web_helpers import Browser, make_app

from labelling.desk.queue import Queue
from labelling.store import Store
from labelling.store.records import Options, PairImages, SourceImage

QUESTION = "Which looks better?"


class Finish:
    """Stands for the call that resumes the waiting run."""

    def __init__(self) -> None:
        self.rounds: list[str] = []
        self.go = threading.Event()
        self.go.set()

    def __call__(self, round: str) -> str:
        self.go.wait(20)
        self.rounds.append(round)
        return f"All labels of round {round} are in. The waiting run goes on."


@pytest.fixture
def finish() -> Iterator[Finish]:
    made = Finish()
    yield made
    made.go.set()


@pytest.fixture
def asked(sqlite_store: Store) -> Store:
    sqlite_store.register("r01", "people", make_pairs(3), 1, QUESTION)
    return sqlite_store


@pytest.fixture
def app(asked: Store, finish: Finish) -> FastAPI:
    return make_app(asked, finish=finish)


def _votes(store: Store, count: int = 3) -> list[Any]:
    return store.votes([each.key for each in make_pairs(count)], "people", QUESTION)


def test_voting_to_the_end(asked: Store, app: FastAPI, finish: Finish) -> None:
    anna = Browser(app, asked)
    where = anna.set()
    for done in range(3):
        answer = anna.next(where)
        shown = answer["showing"]
        assert (answer["state"]["done"], answer["state"]["left"], answer["state"]["undo"]) == (done, 3 - done, done > 0)
        left, right = anna.grey(shown["left"]), anna.grey(shown["right"])
        state = anna.vote(shown["id"], "right").json()["state"]
        assert (state["done"], state["left"], state["spent"]) == (done + 1, 2 - done, 1.5 * (done + 1))
        stored = asked.last_vote("anna", "r01")
        assert stored is not None
        assert (stored.left, stored.preferred, stored.seconds) == (sha(left), sha(right), 1.5)
        assert (stored.observer, stored.kind) == ("anna", "people")
    assert anna.next(where)["showing"] is None
    wait_for(lambda: finish.rounds == ["r01"])
    wait_for(lambda: "goes on" in anna.post("/api/state", {"set": where}).json()["state"]["message"])


def test_either_database_serves(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.register("r01", "people", make_pairs(2), 1, QUESTION, Options(training=1))
    monkeypatch.setattr("labelling.desk.pictures._IN_PROCESS", 1)
    anna = Browser(make_app(store), store)
    where = anna.set()
    for _ in range(3):
        shown = anna.next(where)["showing"]
        assert anna.grey(shown["left"]) // 2 == anna.grey(shown["right"]) // 2
        assert anna.vote(shown["id"]).status_code == 200
    assert anna.post("/api/undo", {"set": where}).json()["state"]["left"] == 1
    assert anna.vote(anna.next(where)["showing"]["id"]).json()["state"]["complete"]


def test_what_a_showing_says(asked: Store, app: FastAPI) -> None:
    anna = Browser(app, asked)
    shown = anna.next()["showing"]
    assert set(shown) == {"id", "left", "right", "question", "sources", "training", "feedback"}
    assert {key: value for key, value in shown["left"].items() if key != "id"} == {
        "width": 12,
        "height": 8,
        "levels": 1,
    }
    assert (shown["question"], shown["sources"], shown["training"]) == (QUESTION, [], False)


def test_the_page_is_told_without_the_name_of_the_round(asked: Store, app: FastAPI, finish: Finish) -> None:
    anna = Browser(app, asked)
    where = anna.set()
    for _ in range(3):
        state = anna.vote(anna.next(where)["showing"]["id"]).json()["state"]
    assert state["complete"]
    wait_for(
        lambda: anna.post("/api/state", {"set": where}).json()["state"]["message"].startswith("All labels of this")
    )


def test_the_last_vote_is_told_again_after_an_undo_and_a_late_one_is_not(
    asked: Store, app: FastAPI, finish: Finish
) -> None:
    anna, berta = Browser(app, asked), Browser(app, asked, "berta")
    where = anna.set()
    late = berta.next()["showing"]["id"]
    for _ in range(3):
        anna.vote(anna.next(where)["showing"]["id"])
    wait_for(lambda: finish.rounds == ["r01"])
    assert berta.vote(late).status_code == 200
    undone = anna.post("/api/undo", {"set": where}).json()["state"]
    undone = anna.post("/api/undo", {"set": where}).json()["state"]
    assert (undone["complete"], undone["message"]) == (False, None)
    while shown := anna.next(where)["showing"]:
        anna.vote(shown["id"])
    wait_for(lambda: finish.rounds == ["r01", "r01"])


def test_a_late_vote_starts_nothing_after_a_restart_and_a_retry_of_the_last_does(
    asked: Store, app: FastAPI, finish: Finish
) -> None:
    anna, berta = Browser(app, asked), Browser(app, asked, "berta")
    where = anna.set()
    late, id = berta.next()["showing"]["id"], str(uuid.uuid4())
    for _ in range(3):
        last = anna.next(where)["showing"]["id"]
        anna.vote(last, id=(id := str(uuid.uuid4())))
    wait_for(lambda: finish.rounds == ["r01"])
    again = Finish()
    restarted = make_app(asked, finish=again)
    berta.client, anna.client = (Browser(restarted, asked, name).client for name in ("berta", "anna"))
    assert berta.vote(late).status_code == 200
    assert anna.vote(last, id=id).status_code == 200
    wait_for(lambda: again.rounds == ["r01"])
    assert len(_votes(asked)) == 4


def test_voting_does_not_wait_for_the_resumed_run(asked: Store, app: FastAPI, finish: Finish) -> None:
    finish.go.clear()
    anna = Browser(app, asked)
    where = anna.set()
    for _ in range(3):
        state = anna.vote(anna.next(where)["showing"]["id"]).json()["state"]
    assert state["complete"]
    assert "Telling the run" in state["message"]
    assert finish.rounds == []


def test_a_call_after_the_last_vote_that_fails_leaves_the_votes(asked: Store, caplog: pytest.LogCaptureFixture) -> None:
    def broken(_: str) -> str:
        raise RuntimeError("no such thing")

    anna = Browser(make_app(asked, finish=broken), asked)
    where = anna.set()
    for _ in range(3):
        anna.vote(anna.next(where)["showing"]["id"])
    wait_for(lambda: "dvc repro" in anna.post("/api/state", {"set": where}).json()["state"]["message"])
    assert len(_votes(asked)) == 3


def test_sides_are_random_and_recorded(sqlite_store: Store) -> None:
    sqlite_store.register("r01", "people", make_pairs(1), 1000, QUESTION)
    anna = Browser(make_app(sqlite_store), sqlite_store)
    where = anna.set()
    lefts = [anna.grey(anna.next(where)["showing"]["left"]) for _ in range(60)]
    assert 10 < sum(lefts) < 50


def test_skip_list_loads_the_pair_after_the_one_on_screen(asked: Store, app: FastAPI) -> None:
    anna = Browser(app, asked)
    where, shown = anna.set(), []
    for _ in range(3):
        shown.append(anna.next(where, *(each["id"] for each in shown))["showing"])
    assert anna.next(where, *(each["id"] for each in shown))["showing"] is None
    assert len({anna.grey(each["left"]) // 2 for each in shown}) == 3


def test_skipping_puts_a_pair_last(asked: Store, app: FastAPI) -> None:
    anna = Browser(app, asked)
    where = anna.set()
    first = anna.next(where)["showing"]
    state = anna.post("/api/skip", {"showing": first["id"]}).json()["state"]
    assert (state["done"], state["left"]) == (0, 3)
    order = []
    while shown := anna.next(where)["showing"]:
        order.append(anna.grey(shown["left"]) // 2)
        anna.vote(shown["id"])
    assert order[-1] == anna.grey(first["left"]) // 2


def test_retry_of_a_vote_is_fine_and_another_content_is_not(asked: Store, app: FastAPI) -> None:
    anna, berta = Browser(app, asked), Browser(app, asked, "berta")
    showing, id = anna.next()["showing"]["id"], str(uuid.uuid4())
    for _ in range(3):
        response = anna.vote(showing, id=id)
        assert (response.status_code, response.json()["state"]["done"]) == (200, 1)
    assert asked.status("r01").have == 1
    assert anna.vote(showing, "right", id=id).status_code == 409
    assert berta.vote(berta.next()["showing"]["id"], id=id).status_code == 409
    assert asked.status("r01").have == 1


def test_undo_of_several_votes(asked: Store, app: FastAPI) -> None:
    anna, berta = Browser(app, asked), Browser(app, asked, "berta")
    where = anna.set()
    shown = anna.next(where)["showing"]
    anna.vote(shown["id"])
    anna.vote(anna.next(where)["showing"]["id"])
    states = [anna.post("/api/undo", {"set": where}).json()["state"] for _ in range(3)]
    assert [(state["done"], state["left"], state["undo"]) for state in states] == [
        (1, 2, True), (0, 3, False), (0, 3, False),
    ]  # fmt: skip
    again = anna.next(where)["showing"]
    assert anna.grey(again["left"]) // 2 == anna.grey(shown["left"]) // 2
    anna.vote(again["id"])
    assert berta.post("/api/undo", {"set": berta.set()}).json()["state"]["done"] == 0
    assert asked.status("r01").have == 1


def test_answers_offered_are_answers_taken(asked: Store, app: FastAPI) -> None:
    anna = Browser(app, asked)
    where = anna.set()
    assert 'id="tie"' not in anna.get(f"/compare/{where}").text
    for answer in ("tie", "unsure"):
        assert anna.vote(anna.next(where)["showing"]["id"], answer).status_code == 400
    asked.register("r01", "people", make_pairs(3), 1, QUESTION, Options(allow_tie=True, allow_unsure=True))
    page = anna.get(f"/compare/{where}").text
    assert 'id="tie"' in page
    assert 'id="unsure"' in page
    for answer in ("tie", "unsure"):
        assert anna.vote(anna.next(where)["showing"]["id"], answer).status_code == 200
    assert {vote.preferred for vote in _votes(asked)} == {"tie", "unsure"}


def test_training_first_then_votes_then_swapped_repeats(sqlite_store: Store) -> None:
    options = Options(training=2, repeats=0.5)
    sqlite_store.register("r01", "people", make_pairs(20), 1, QUESTION, options)
    anna = Browser(make_app(sqlite_store), sqlite_store)
    where, seen, training, lengths = anna.set(), [], [], set()
    total = set()
    while shown := (answer := anna.next(where))["showing"]:
        total.add(answer["state"]["done"] + answer["state"]["left"])
        seen.append((anna.grey(shown["left"]), anna.grey(shown["right"])))
        training.append(shown["training"])
        lengths.add((len(shown["id"]), len(shown["left"]["id"]), tuple(sorted(shown))))
        assert anna.vote(shown["id"], "left").status_code == 200
    tally = sqlite_store.tally("r01")
    purposes = [int((tally.purpose == purpose).sum()) for purpose in range(3)]
    assert purposes[0] == 20
    assert purposes[2] == 2
    assert 3 < purposes[1] < 17
    assert training == [True] * 2 + [False] * (len(seen) - 2)
    assert len(lengths) == 1  # nothing tells a repeat from a vote
    real = seen[2:]
    repeated = [pair for i, pair in enumerate(real) if set(pair) in [set(before) for before in real[:i]]]
    assert len(repeated) == purposes[1]
    assert all((right, left) in real for left, right in repeated)
    assert len(total) == 1  # the bar does not jump
    assert sqlite_store.status("r01").have == 20


def test_sources_go_with_the_pair(sqlite_store: Store) -> None:
    plain = pair(0, 1)
    fused = PairImages(
        key=plain.key, first_sha256=plain.first_sha256, second_sha256=plain.second_sha256, first_png=png(0),
        second_png=png(1), sources=(SourceImage(name="infrared", sha256=sha(7), png=png(7)),
                                    SourceImage(name="visible", sha256=sha(8), png=lambda: png(8))),
    )  # fmt: skip
    sqlite_store.register("r01", "people", [fused], 1, QUESTION)
    anna = Browser(make_app(sqlite_store), sqlite_store)
    shown = anna.next()["showing"]
    assert [source["name"] for source in shown["sources"]] == ["infrared", "visible"]
    assert [anna.grey(source) for source in shown["sources"]] == [7, 8]
    assert "source" in anna.get(f"/compare/{anna.set()}").text


def test_two_observers_never_block_each_other(sqlite_store: Store) -> None:
    sqlite_store.register("r01", "people", make_pairs(2), 2, QUESTION)
    app = make_app(sqlite_store)
    anna, berta = Browser(app, sqlite_store), Browser(app, sqlite_store, "berta")
    sets = anna.set(), berta.set()
    assert sets[0] != sets[1]
    for _ in range(2):
        shown = anna.next(sets[0])["showing"], berta.next(sets[1])["showing"]
        assert anna.vote(shown[0]["id"]).status_code == 200
        assert berta.vote(shown[1]["id"]).status_code == 200
    assert sqlite_store.status("r01").complete
    assert len(_votes(sqlite_store, 2)) == 4


def test_a_restarted_server_takes_votes_for_what_it_showed_before(asked: Store, app: FastAPI) -> None:
    anna = Browser(app, asked)
    where = anna.set()
    shown = anna.next(where)["showing"]
    anna.client = Browser(make_app(asked), asked).client
    assert anna.tile(shown["left"]).status_code == 200
    assert anna.vote(shown["id"]).status_code == 200
    assert anna.get(f"/compare/{where}").status_code == 200
    assert anna.next(where)["state"]["done"] == 1


def test_another_browser_goes_on_where_the_first_one_left_off(asked: Store, app: FastAPI) -> None:
    first, second = Browser(app, asked), Browser(app, asked)
    first.vote(first.next()["showing"]["id"])
    assert first.set() == second.set()
    answer = second.next()
    assert answer["state"]["done"] == 1
    assert second.grey(answer["showing"]["left"]) // 2 == second.grey(first.next()["showing"]["left"]) // 2


def test_another_process_is_seen(asked: Store, app: FastAPI) -> None:
    anna = Browser(app, asked)
    where = anna.set()
    anna.next(where)
    with Store.open(asked.place) as elsewhere:
        queue = Queue(elsewhere, "r01")
        browser = Browser(make_app(elsewhere), elsewhere, "berta")
        while shown := browser.next()["showing"]:
            browser.vote(shown["id"])
        assert queue.complete()
    answer = anna.next(where)
    assert answer["showing"] is None
    assert answer["state"]["complete"]


def test_ten_observers_voting_at_once(sqlite_store: Store) -> None:
    sqlite_store.register("r01", "people", make_pairs(8), 10, QUESTION)
    app = make_app(sqlite_store)
    browsers = [Browser(app, sqlite_store, f"observer {i}") for i in range(10)]
    failures: list[str] = []

    def work(browser: Browser) -> None:
        where = browser.set()
        for _ in range(8):
            response = browser.vote(browser.next(where)["showing"]["id"])
            if response.status_code != 200:
                failures.append(response.text)

    threads = [threading.Thread(target=work, args=(browser,)) for browser in browsers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(_votes(sqlite_store, 8)) == 80
    assert sqlite_store.status("r01").complete
