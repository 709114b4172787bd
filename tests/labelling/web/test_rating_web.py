"""Rating and reviewing from the browser's side."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from fastapi import FastAPI
from label_helpers import make_pairs, png, sha, wait_for
from web_helpers import Browser, make_app

from labelling.desk.rating import disagreement
from labelling.exchange.criteria import FUSION_CRITERIA
from labelling.store import Store
from labelling.store.records import Circle, Options, Rating, RatingItem, SourceImage

SCORES = {criterion.name: score for criterion, score in zip(FUSION_CRITERIA, (4, 3, 5, 2), strict=True)}
NAMES = list(SCORES)
CIRCLE = {"x": 3.5, "y": 2.0, "radius": 1.25}
SOURCES = (SourceImage(name="infrared", sha256=sha(200), png=png(200)),)


def items(count: int) -> list[RatingItem]:
    return [RatingItem(sha256=sha(i), png=png(i), sources=SOURCES) for i in range(count)]


def register(store: Store, name: str = "fused", kind: str = "people", count: int = 2, raters: int = 1) -> None:
    options = Options(criteria=FUSION_CRITERIA)
    store.register_ratings(name, kind, items(count), raters, "How good is the fusion?", options)


def llm_rating(id: str = "llm-1", **changes: Any) -> Rating:
    values: dict[str, Any] = {
        "id": id, "item": sha(0), "observer": "gpt-secret", "kind": "llm", "scores": SCORES, "round": "fused",
        "circles": (Circle(x=1.0, y=1.0, radius=2.0),), "note": "<img src=x onerror=alert(1)>",
    }  # fmt: skip
    return Rating(**(values | changes))


@pytest.fixture
def asked(sqlite_store: Store) -> Store:
    register(sqlite_store)
    return sqlite_store


@pytest.fixture
def app(asked: Store) -> FastAPI:
    return make_app(asked)


def ask(browser: Browser, task: str = "rate", skip: tuple[str, ...] = ()) -> Any:
    return browser.post(f"/api/{task}/next", {"set": browser.set(task), "skip": list(skip)}).json()


def send(browser: Browser, showing: str, task: str = "rate", /, **changes: Any) -> Any:
    body = {
        "id": str(uuid.uuid4()),
        "showing": showing,
        "scores": SCORES,
        "circles": [CIRCLE],
        "note": "",
        "seconds": 9.5,
    }
    body |= {"verdict": "corrected"} if task == "review" else {}
    return browser.post(f"/api/{task}", body | changes)


def test_rating_to_the_end(asked: Store) -> None:
    told: list[str] = []
    anna = Browser(make_app(asked, finish=lambda name: told.append(name) or "All in."), asked)
    page = anna.get(f"/rate/{anna.set('rate')}").text
    assert all(meaning in page for criterion in FUSION_CRITERIA for meaning in criterion.scale)
    for done in range(2):
        answer = ask(anna)
        shown = answer["showing"]
        assert set(shown) == {"id", "draft", "picture", "sources"}
        assert [anna.grey(source) for source in shown["sources"]] == [200]
        assert (answer["state"]["done"], answer["state"]["left"]) == (done, 2 - done)
        state = send(anna, shown["id"], note="<b>blurred</b>").json()["state"]
        assert (state["done"], state["left"], state["undo"], state["spent"]) == (
            done + 1,
            1 - done,
            True,
            9.5 * (done + 1),
        )
    stored = asked.ratings("fused")
    assert [dict(rating.scores) for rating in stored] == [SCORES] * 2
    assert stored[0].circles == (Circle(**CIRCLE),)
    assert (stored[0].note, stored[0].observer, stored[0].seconds) == ("<b>blurred</b>", "anna", 9.5)
    assert ask(anna)["showing"] is None
    wait_for(lambda: told == ["fused"])


def test_a_retry_is_fine_another_content_is_not(asked: Store, app: FastAPI) -> None:
    anna = Browser(app, asked)
    showing, id = ask(anna)["showing"]["id"], str(uuid.uuid4())
    for _ in range(2):
        assert send(anna, showing, id=id).status_code == 200
    assert send(anna, showing, id=id, note="other").status_code == 409
    assert len(asked.ratings("fused", effective=False)) == 1


def test_undo_and_skip(asked: Store, app: FastAPI) -> None:
    anna = Browser(app, asked)
    first = ask(anna)["showing"]
    second = ask(anna, skip=(first["id"],))["showing"]
    assert anna.grey(first["picture"]) != anna.grey(second["picture"])
    assert anna.post("/api/skip", {"showing": first["id"]}).json()["state"]["left"] == 2
    assert anna.grey(ask(anna)["showing"]["picture"]) == anna.grey(second["picture"])
    send(anna, second["id"])
    state = anna.post("/api/undo", {"set": anna.set("rate")}).json()["state"]
    assert (state["done"], state["left"], state["undo"]) == (0, 2, False)
    assert asked.ratings("fused") == []


@pytest.mark.parametrize(
    "scores",
    [
        {}, SCORES | {"thermal": 0}, SCORES | {"thermal": 6}, SCORES | {"thermal": 3.5}, SCORES | {"thermal": "3"},
        SCORES | {"thermal": True}, SCORES | {"thermal": None}, SCORES | {"colour": 3}, {"thermal": 3}, [3, 3, 3, 3],
        {name: score for name, score in SCORES.items() if name != "thermal"}, None, SCORES | {"thermal": 10**400},
    ],
)  # fmt: skip
def test_scores_that_nobody_asked_for(asked: Store, app: FastAPI, scores: Any) -> None:
    anna = Browser(app, asked)
    response = send(anna, ask(anna)["showing"]["id"], scores=scores)
    assert response.status_code == 400
    assert asked.ratings("fused", effective=False) == []


@pytest.mark.parametrize(
    "circles",
    [
        [CIRCLE | {"radius": 0}], [CIRCLE | {"radius": -1.0}], [CIRCLE | {"radius": 12.5}], [CIRCLE | {"x": -0.1}],
        [CIRCLE | {"x": 12.1}], [CIRCLE | {"y": 8.1}], [CIRCLE | {"y": 1e308}], [CIRCLE | {"x": "1"}], [{"x": 1, "y": 1}],
        [CIRCLE | {"r": 1}], [[1, 2, 3]], {"x": 1}, "circle", None, [None], [CIRCLE] * 201,
    ],
)  # fmt: skip
def test_malformed_circles(asked: Store, app: FastAPI, circles: Any) -> None:
    anna = Browser(app, asked)
    response = send(anna, ask(anna)["showing"]["id"], circles=circles)
    assert response.status_code == 400
    assert asked.ratings("fused", effective=False) == []


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_json_does_not_have(asked: Store, app: FastAPI, number: str) -> None:
    anna = Browser(app, asked)
    showing = ask(anna)["showing"]["id"]
    content = (
        f'{{"id": "{uuid.uuid4()}", "showing": "{showing}", "scores": {{"thermal": 3, "texture": 3, "artifacts": 3, '
        f'"sharpness": 3}}, "circles": [{{"x": {number}, "y": 1, "radius": 1}}], "note": "", "seconds": 1}}'
    )
    headers = {"X-Loupe-Session": anna.code, "Content-Type": "application/json"}
    assert anna.client.post("/api/rate", content=content, headers=headers).status_code == 400
    assert anna.client.post("/api/rate", content=content.replace(number, "1"), headers=headers).status_code == 200


def test_the_most_that_may_be_drawn_and_written(asked: Store, app: FastAPI) -> None:
    anna = Browser(app, asked)
    edge = {"x": 12, "y": 0, "radius": 12}
    response = send(anna, ask(anna)["showing"]["id"], circles=[CIRCLE] * 199 + [edge], note="中" * 4000)
    assert response.status_code == 200
    [stored] = asked.ratings("fused")
    assert len(stored.circles) == 200
    assert len(stored.note) == 4000
    for note in ("x" * 4001, "a\x00b", 3, None):
        assert send(anna, ask(anna)["showing"]["id"], note=note).status_code == 400


def test_review_is_for_experts(asked: Store, app: FastAPI) -> None:
    asked.add_ratings([llm_rating()])
    anna, eva = Browser(app, asked), Browser(app, asked, "eva", "expert")
    assert [task for task, _ in anna.sets()] == ["rate"]
    assert [task for task, _ in eva.sets()] == ["rate", "review"]
    shown = ask(eva, "review")["showing"]
    where = eva.set("review")
    for response in (
        anna.post("/api/review/next", {"set": where, "skip": []}), send(anna, shown["id"], "review"),
        anna.get(f"/review/{where}"), anna.post("/api/review/next", {"set": anna.set("rate"), "skip": []}),
        eva.post("/api/rate/next", {"set": where, "skip": []}), send(eva, shown["id"], "rate"),
        send(eva, ask(eva)["showing"]["id"], "review"),
    ):  # fmt: skip
        assert response.status_code in (403, 404)
        assert "showing" not in response.text.replace("not shown", "")
    assert len(asked.ratings("fused", effective=False)) == 1


def test_a_role_that_was_taken_back(asked: Store, app: FastAPI) -> None:
    asked.add_ratings([llm_rating()])
    eva = Browser(app, asked, "eva", "expert")
    shown = ask(eva, "review")["showing"]["id"]
    asked.revoke_observer("eva")
    asked.add_observer("eva", "observer")
    assert send(eva, shown, "review").status_code == 403
    fresh = Browser(app, asked, "eva")
    assert send(fresh, shown, "review").status_code == 403
    assert len(asked.ratings("fused", effective=False)) == 1


def test_what_an_expert_sees(asked: Store, app: FastAPI) -> None:
    other = SCORES | {"thermal": 1}
    asked.add_ratings([llm_rating(), llm_rating("b", observer="bob-secret", kind="people", scores=other, circles=())])
    asked.add_ratings([llm_rating("c", observer="carl-secret", kind="people", circles=())])
    eva = Browser(app, asked, "eva", "expert")
    shown = ask(eva, "review")["showing"]
    assert {rating["who"] for rating in shown["ratings"]} == {"LLM", "observer 1", "observer 2"}
    assert shown["ratings"][0]["circles"] in ([{"x": 1.0, "y": 1.0, "radius": 2.0, "artifact": ""}], [])
    assert shown["ratings"][0]["note"] == "<img src=x onerror=alert(1)>"
    assert shown["disagreement"] == {"thermal": 3, "texture": 0, "artifacts": 0, "sharpness": 0}
    assert eva.grey(shown["picture"]) == 0
    received = b"\n".join(eva.received)
    assert all(word not in received for word in (b"secret", b"fused", sha(0).encode(), b"llm-1"))


def test_disagreement_of_gaps() -> None:
    criteria = {criterion.name: criterion for criterion in FUSION_CRITERIA}
    assert disagreement(criteria, [{}, {"thermal": 2}]) == dict.fromkeys(NAMES, 0)
    assert disagreement(criteria, [{"thermal": 5}, {"thermal": 2}, {"texture": 1}])["thermal"] == 3


@pytest.mark.parametrize("verdict", ["accepted", "corrected", "rejected"])
def test_every_verdict(asked: Store, app: FastAPI, verdict: str) -> None:
    asked.add_ratings([llm_rating()])
    eva = Browser(app, asked, "eva", "expert")
    shown, id = ask(eva, "review")["showing"]["id"], str(uuid.uuid4())
    mine = SCORES | {"sharpness": 1}
    sent = {"corrected": mine, "accepted": mine, "rejected": {}}[verdict]
    for _ in range(2):
        answer = send(eva, shown, "review", id=id, verdict=verdict, scores=sent, note="why")
        assert answer.status_code == 200
        assert (answer.json()["state"]["done"], answer.json()["state"]["left"]) == (1, 0)
    review = asked.ratings("fused", effective=False)[-1]
    assert (review.reviews, review.verdict, review.observer, review.note) == ("llm-1", verdict, "eva", "why")
    # what is accepted is the rating itself, whatever the page sent
    assert dict(review.scores) == {"accepted": SCORES, "corrected": mine, "rejected": {}}[verdict]
    assert ask(eva, "review")["showing"] is None
    state = eva.post("/api/undo", {"set": eva.set("review")}).json()["state"]
    assert (state["done"], state["left"]) == (0, 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"verdict": "perfect"}, {"verdict": None}, {"scores": {}}, {"scores": SCORES | {"thermal": 9}},
        {"circles": [CIRCLE | {"x": 99.0}]}, {"verdict": "rejected", "scores": {"thermal": 3}}, {"reviews": "llm-1"},
    ],
)  # fmt: skip
def test_a_malformed_review(asked: Store, app: FastAPI, changes: dict[str, Any]) -> None:
    asked.add_ratings([llm_rating()])
    eva = Browser(app, asked, "eva", "expert")
    assert send(eva, ask(eva, "review")["showing"]["id"], "review", **changes).status_code == 400
    assert len(asked.ratings("fused", effective=False)) == 1


def test_a_rating_taken_back_meanwhile(asked: Store, app: FastAPI) -> None:
    asked.add_ratings([llm_rating()])
    eva = Browser(app, asked, "eva", "expert")
    where, shown = eva.set("review"), ask(eva, "review")["showing"]["id"]
    asked.retract("llm-1", "gpt-secret")
    response = send(eva, shown, "review")
    assert response.status_code == 400
    assert "llm-1" not in response.text
    state = eva.post("/api/state", {"set": where}).json()["state"]
    assert (state["done"], state["left"]) == (0, 0)


def test_a_round_of_an_llm_is_only_reviewed(sqlite_store: Store) -> None:
    register(sqlite_store, kind="llm")
    sqlite_store.add_ratings([llm_rating()])
    app = make_app(sqlite_store)
    anna, eva = Browser(app, sqlite_store), Browser(app, sqlite_store, "eva", "expert")
    assert anna.sets() == []
    assert [task for task, _ in eva.sets()] == ["review"]
    assert send(eva, ask(eva, "review")["showing"]["id"], "review", verdict="accepted").status_code == 200


def test_a_showing_of_a_pair_is_no_picture_to_rate(asked: Store, app: FastAPI) -> None:
    asked.register("r01", "people", make_pairs(1), 1, "Better?")
    anna = Browser(app, asked)
    voting = anna.next(anna.set("compare"))["showing"]["id"]
    rating = ask(anna)["showing"]["id"]
    assert send(anna, voting).status_code == 404
    assert anna.vote(rating).status_code == 404
    assert anna.post("/api/next", {"set": anna.set("rate"), "skip": []}).status_code == 404
    assert ask(anna, skip=(voting,))["showing"] is not None
    assert asked.status("r01").have == 0
    assert asked.ratings("fused", effective=False) == []


def test_a_second_rating_of_the_same_picture_is_told_that_it_does_not_count(asked: Store, app: FastAPI) -> None:
    anna, again = Browser(app, asked), Browser(app, asked)
    one, two = ask(anna)["showing"]["id"], ask(again)["showing"]["id"]
    first = str(uuid.uuid4())
    assert send(anna, one, id=first).json()["state"]["notice"] is None
    assert send(anna, one, id=first).json()["state"]["notice"] is None  # the same one, sent again
    assert "that rating counts, not this one" in send(again, two).json()["state"]["notice"]
    assert [rating.id for rating in asked.ratings("fused")] == [first]


def test_a_second_review_of_the_same_rating_is_told_that_it_does_not_count(asked: Store, app: FastAPI) -> None:
    asked.add_ratings([llm_rating(circles=())])
    eva, ida = Browser(app, asked, "eva", "expert"), Browser(app, asked, "ida", "expert")
    one, two = ask(eva, "review")["showing"]["id"], ask(ida, "review")["showing"]["id"]
    assert send(eva, one, "review").json()["state"]["notice"] is None
    assert "that review counts, not yours" in send(ida, two, "review").json()["state"]["notice"]


def test_a_models_rating_counts_only_when_it_was_reviewed(asked: Store, app: FastAPI) -> None:
    asked.add_ratings([llm_rating(circles=())])
    assert asked.ratings("fused") == []
    assert [rating.id for rating in asked.ratings("fused", unreviewed=True)] == ["llm-1"]
    eva = Browser(app, asked, "eva", "expert")
    shown = ask(eva, "review")["showing"]["id"]
    assert send(eva, shown, "review", verdict="accepted", scores={}, circles=[]).status_code == 200
    assert [rating.id for rating in asked.ratings("fused")] == ["llm-1"]


def test_drafts_have_a_name_of_their_own_for_each_picture_and_observer(asked: Store, app: FastAPI) -> None:
    anna, berta = Browser(app, asked), Browser(app, asked, "berta")
    one = ask(anna)["showing"]
    other = ask(anna, skip=(one["id"],))["showing"]["draft"]
    assert ask(anna)["showing"]["draft"] == one["draft"]  # the same picture, shown again
    theirs = ask(berta)["showing"]
    both = [theirs["draft"], ask(berta, skip=(theirs["id"],))["showing"]["draft"]]
    assert len({one["draft"], other, *both}) == 4


def test_classes_of_artifacts(sqlite_store: Store) -> None:
    options = Options(criteria=FUSION_CRITERIA, classes=("halo", "<b>noise</b>"))
    sqlite_store.register_ratings("fused", "people", items(2), 1, "How good?", options)
    anna = Browser(make_app(sqlite_store), sqlite_store)
    page = anna.get(f"/rate/{anna.set('rate')}").text
    assert "halo" in page and "<b>" not in page.split('id="circles"')[1].split(">")[0]
    shown = ask(anna)["showing"]["id"]
    assert send(anna, shown, circles=[CIRCLE | {"artifact": "blur"}]).status_code == 400
    assert send(anna, shown, circles=[CIRCLE | {"artifact": "halo"}, CIRCLE]).status_code == 200
    assert [circle.artifact for circle in sqlite_store.ratings("fused")[0].circles] == ["halo", ""]
