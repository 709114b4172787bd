"""Ratings of single pictures, circles, and experts' reviews."""

from __future__ import annotations

import dataclasses
import math
import uuid

import pytest
from label_helpers import make_pairs, png, sha, vote

from labelling.exchange.criteria import FUSION_CRITERIA
from labelling.store import (
    Circle,
    InvalidPair,
    InvalidRating,
    InvalidVote,
    Options,
    Rating,
    RatingItem,
    SourceImage,
    Store,
    UnknownRound,
    UnknownVote,
    VoteConflict,
)

OPTIONS = Options(criteria=FUSION_CRITERIA)
GOOD = {"thermal": 4, "texture": 3, "artifacts": 5, "sharpness": 1}
SOURCES = tuple(
    SourceImage(name=name, sha256=sha(90 + i), png=png(90 + i)) for i, name in enumerate(("infrared", "visible"))
)


def items(count: int) -> list[RatingItem]:
    return [RatingItem(sha256=sha(i), png=png(i), sources=SOURCES) for i in range(count)]


def rating(item: int = 0, observer: str = "anna", **changes: object) -> Rating:
    values = {
        "id": str(uuid.uuid4()), "item": sha(item), "observer": observer, "kind": "people", "scores": GOOD,
        "circles": (Circle(x=3.25, y=2.0, radius=1.5),), "note": "", "round": "q01", "seconds": 20.0,
    }  # fmt: skip
    return Rating(**(values | changes))  # type: ignore[arg-type]


def review(of: Rating, verdict: str, observer: str = "eva", **changes: object) -> Rating:
    values = {"id": str(uuid.uuid4()), "observer": observer, "reviews": of.id, "verdict": verdict, "kind": "people"}
    return dataclasses.replace(of, **(values | changes))  # type: ignore[arg-type]


@pytest.fixture
def asked(store: Store) -> Store:
    store.register_ratings("q01", "people", items(3), 2, "How good is this?", OPTIONS)
    return store


def test_registering_ratings(place: str) -> None:
    with Store.open(place) as store:
        first = store.register_ratings("q01", "people", items(3), 2, "How good?", OPTIONS)
    with Store.open(place) as store:
        assert store.register_ratings("q01", "people", items(3)[::-1], 2, "How good?", OPTIONS) == first
        batch = store.batch("q01")
        assert (batch.task, batch.pairs, batch.votes_per_pair, batch.options) == ("ratings", 3, 2, OPTIONS)
        assert store.items("q01") == [sha(0), sha(1), sha(2)]
        assert store.sources("q01", sha(1)) == (("infrared", sha(90)), ("visible", sha(91)))
        assert store.picture(sha(91)) == png(91)
        assert store.picture_size(sha(2)) == (12, 8)
        assert store.pairs("q01") == []
        status = store.status("q01")
        assert (status.have, status.need, status.pairs) == (0, 6, 3)


def test_registrations_that_are_refused(store: Store) -> None:
    criterion = FUSION_CRITERIA[0]
    for bad in ((), (criterion, criterion), (dataclasses.replace(criterion, scale=("a", "b")),)):
        with pytest.raises(ValueError, match="criteri"):
            store.register_ratings("q01", "people", items(1), 1, "How good?", Options(criteria=bad))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no pictures"):
        store.register_ratings("q01", "people", [], 1, "How good?", OPTIONS)
    one = items(1)[0]
    for changes in (
        {"sources": (SOURCES[0], SOURCES[0])},
        {"sha256": "x"},
        {"png": png(7)},
        {"sources": (bad_source(),)},
    ):
        with pytest.raises(InvalidPair):
            store.register_ratings("q01", "people", [dataclasses.replace(one, **changes)], 1, "How good?", OPTIONS)
    with pytest.raises(InvalidPair, match="twice"):
        store.register_ratings("q01", "people", [one, one], 1, "How good?", OPTIONS)
    assert store.rounds() == []


def bad_source() -> SourceImage:
    return SourceImage(name="infrared", sha256=sha(90), png=png(91))


def test_a_rating_comes_back_whole(asked: Store) -> None:
    note = 'it\'s <b>"odd"</b>\x00\n\ud800 – Ω 🙂'
    circles = (Circle(x=0, y=8, radius=12), Circle(x=11.9999999999, y=0.1 + 0.2, radius=1e-9))
    cast = rating(note=note, circles=circles, seconds=None)
    assert asked.add_ratings([cast]) == 1
    (found,) = asked.ratings("q01")
    assert {field: getattr(found, field) for field in vars(cast)} == vars(cast)
    assert found.made_at.endswith("+00:00")


def test_identical_retry_is_fine_and_another_content_is_not(asked: Store) -> None:
    cast = rating()
    assert asked.add_ratings([cast, cast]) == 1
    assert asked.add_ratings([cast]) == 0
    assert asked.add_ratings([dataclasses.replace(cast, circles=list(cast.circles))]) == 0  # type: ignore[arg-type]
    for changes in (
        {"scores": GOOD | {"thermal": 5}},
        {"circles": ()},
        {"note": "x"},
        {"observer": "berta"},
        {"seconds": 1.0},
    ):
        with pytest.raises(VoteConflict, match=cast.id):
            asked.add_ratings([rating(1), dataclasses.replace(cast, **changes)])
    assert len(asked.ratings("q01", effective=False)) == 1


def test_ids_are_not_shared_between_votes_and_ratings(asked: Store) -> None:
    asked.register("r01", "people", make_pairs(1), 1, "Better?")
    cast = rating()
    asked.add_ratings([cast])
    with pytest.raises(VoteConflict):
        asked.add_votes([vote(make_pairs(1)[0], id=cast.id)])
    other = vote(make_pairs(1)[0])
    asked.add_votes([other])
    with pytest.raises(VoteConflict):
        asked.add_ratings([rating(id=other.id)])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scores": {}}, "thermal, texture, artifacts, sharpness"),
        ({"scores": {"thermal": 1}}, "exactly"),
        ({"scores": GOOD | {"beauty": 3}}, "exactly"),
        ({"scores": GOOD | {"thermal": 0}}, "1 to 5"),
        ({"scores": GOOD | {"thermal": 6}}, "1 to 5"),
        ({"scores": GOOD | {"thermal": 2.0}}, "1 to 5"),
        ({"scores": GOOD | {"thermal": True}}, "1 to 5"),
        ({"circles": (Circle(x=-0.1, y=1, radius=1),)}, "centre"),
        ({"circles": (Circle(x=1, y=8.1, radius=1),)}, "centre"),
        ({"circles": (Circle(x=1, y=1, radius=0),)}, "radius"),
        ({"circles": (Circle(x=1, y=1, radius=12.1),)}, "radius"),
        ({"circles": (Circle(x=math.nan, y=1, radius=1),)}, "finite"),
        ({"circles": (Circle(x=1, y=1, radius=math.inf),)}, "finite"),
        ({"circles": (Circle(x="1", y=1, radius=1),)}, "finite"),  # type: ignore[arg-type]
        ({"circles": (Circle(x=10**400, y=1, radius=1),)}, "centre"),
        ({"circles": (Circle(x=1, y=1, radius=1),) * 201}, "200"),
        ({"note": "x" * 4001}, "4000"),
        ({"note": None}, "note"),
        ({"item": sha(7)}, "no picture"),
        ({"item": "../x"}, "sha256"),
        ({"kind": "cats"}, "kind"),
        ({"observer": "a\x00"}, "observer"),
        ({"seconds": -1.0}, "seconds"),
        ({"verdict": "accepted"}, "verdict"),
        ({"reviews": "nothing"}, "verdict"),
        ({"reviews": "nothing", "verdict": "fine"}, "verdict"),
        ({"reviews": "nothing", "verdict": "accepted"}, "no rating"),
    ],
)  # fmt: skip
def test_a_bad_rating_is_refused_with_all_others(asked: Store, changes: dict[str, object], message: str) -> None:
    wrong = dataclasses.replace(rating(), **({"item": sha(0)} | changes))  # type: ignore[arg-type]
    with pytest.raises(InvalidRating, match=message):
        asked.add_ratings([rating(1), wrong])
    assert asked.ratings("q01", effective=False) == []


def test_ratings_need_a_round_of_ratings(asked: Store) -> None:
    asked.register("r01", "people", make_pairs(1), 1, "Better?")
    with pytest.raises(InvalidRating, match="asks about pairs"):
        asked.add_ratings([rating(round="r01")])
    for ask in (lambda: asked.add_ratings([rating(round="q09")]), lambda: asked.ratings("q09"),
                lambda: asked.next_item("q09", "anna"), lambda: asked.next_review("q09", "anna")):  # fmt: skip
        with pytest.raises(UnknownRound):
            ask()


def test_each_picture_goes_to_as_many_raters_as_asked(asked: Store) -> None:
    orders = {}
    for who in ("anna", "berta"):
        orders[who] = []
        while (shown := asked.next_item("q01", who)) is not None:
            assert shown.sources == (("infrared", sha(90)), ("visible", sha(91)))
            orders[who].append(shown.item)
            asked.add_ratings([dataclasses.replace(rating(observer=who), item=shown.item)])
    assert sorted(orders["anna"]) == sorted(orders["berta"]) == sorted(sha(i) for i in range(3))
    assert asked.status("q01").complete
    assert asked.next_item("q01", "carl") is None
    progress = asked.item_progress("q01", "anna")
    assert (progress.done, progress.left, progress.seconds) == (3, 0, 60.0)
    assert asked.item_progress("q01", "carl").left == 0


def test_skipped_pictures_come_last(asked: Store) -> None:
    first = asked.next_item("q01", "anna")
    assert first is not None
    asked.skip_pair("q01", "anna", first.item)
    seen = []
    while (shown := asked.next_item("q01", "anna", skip=seen)) is not None:
        seen.append(shown.item)
    assert seen[-1] == first.item
    assert len(seen) == 3
    assert asked.next_item("q01", "berta", skip=seen) is None
    with pytest.raises(InvalidVote, match="does not ask"):
        asked.skip_pair("q01", "anna", sha(44))


def test_a_rating_taken_back_is_asked_again(asked: Store) -> None:
    cast, other = rating(), rating(1)
    asked.add_ratings([cast, other])
    assert asked.last_answer("q01", "anna") == other.id
    with pytest.raises(UnknownVote):
        asked.retract(other.id, "berta")
    assert asked.retract(other.id, "anna") is True
    assert asked.retract(other.id, "anna") is False
    assert asked.last_answer("q01", "anna") == cast.id
    assert [r.id for r in asked.ratings("q01")] == [cast.id] == [r.id for r in asked.ratings("q01", effective=False)]
    assert asked.status("q01").have == 1
    assert asked.item_progress("q01", "anna").left == 2
    again = rating(1)
    asked.add_ratings([again])
    assert {r.id for r in asked.ratings("q01")} == {cast.id, again.id}


def test_the_first_rating_of_an_observer_counts(asked: Store) -> None:
    first, second = rating(), rating(scores=GOOD | {"thermal": 1})
    asked.add_ratings([first])
    asked.add_ratings([second])
    assert [r.id for r in asked.ratings("q01")] == [first.id]
    assert [r.id for r in asked.ratings("q01", effective=False)] == [first.id, second.id]
    assert asked.status("q01").have == 1


def test_reviews_accept_correct_and_reject(asked: Store) -> None:
    cast = [
        rating(i % 3, who, kind=kind) for i, (who, kind) in enumerate([("anna", "people")] * 3 + [("model", "llm")] * 1)
    ]
    asked.add_ratings(cast)
    better = GOOD | {"thermal": 2}
    reviews = [
        review(cast[0], "accepted"),
        review(cast[1], "corrected", scores=better, circles=(), note="too high"),
        review(cast[2], "rejected", scores={}, circles=()),
        review(cast[3], "rejected", scores=better, observer="erik"),
    ]
    assert asked.add_ratings(reviews) == 4
    effective = {(r.item, r.observer): r for r in asked.ratings("q01")}
    assert {key: r.id for key, r in effective.items()} == {
        (sha(0), "anna"): cast[0].id, (sha(1), "eva"): reviews[1].id, (sha(0), "erik"): reviews[3].id,
    }  # fmt: skip
    assert effective[sha(1), "eva"].scores == better
    kept = asked.ratings("q01", effective=False)
    assert [r.id for r in kept] == [r.id for r in cast + reviews]  # who changed what stays
    assert (kept[5].reviews, kept[5].verdict, kept[5].note) == (cast[1].id, "corrected", "too high")
    assert asked.status("q01").have == 3  # an expert's review and an LLM are no further raters
    asked.retract(reviews[1].id, "eva")
    assert {r.id for r in asked.ratings("q01")} == {cast[0].id, cast[1].id, reviews[3].id}
    asked.retract(cast[0].id, "anna")
    assert {r.id for r in asked.ratings("q01")} == {cast[1].id, reviews[3].id}


def test_what_is_accepted_is_filled_in(asked: Store) -> None:
    cast = rating()
    accepted = review(cast, "accepted", scores={}, circles=())
    assert asked.add_ratings([cast, accepted]) == 2  # also in one call, as an import does
    stored = asked.ratings("q01", effective=False)[1]
    assert (stored.scores, stored.circles) == (GOOD, cast.circles)
    assert asked.add_ratings([accepted]) == 0
    asked.retract(cast.id, "anna")
    assert asked.add_ratings([accepted]) == 0  # a late retry of what is stored stays fine


def test_reviews_that_are_refused(asked: Store) -> None:
    cast, other = rating(), rating(1)
    asked.add_ratings([cast, other])
    accepted = review(cast, "accepted")
    asked.add_ratings([accepted])
    taken_back = rating(2)
    asked.add_ratings([taken_back])
    asked.retract(taken_back.id, "anna")
    for bad, message in (
        (review(cast, "accepted", scores=GOOD | {"thermal": 1}), "corrected"),
        (review(cast, "accepted", circles=()), "corrected"),
        (review(cast, "corrected", scores={}), "exactly"),
        (review(cast, "rejected", scores={"thermal": 1}), "exactly"),
        (review(cast, "corrected", observer="anna"), "of their own"),
        (review(cast, "corrected", reviews=other.id), "that picture"),
        (review(accepted, "corrected", observer="fred"), "cannot be reviewed"),
        (review(taken_back, "corrected"), "taken back"),
    ):
        with pytest.raises(InvalidRating, match=message):
            asked.add_ratings([bad])
    assert len(asked.ratings("q01", effective=False)) == 3


def test_what_is_left_to_review(asked: Store) -> None:
    cast = [rating(0), rating(0, "model", kind="llm"), rating(1), rating(2, "eva")]
    asked.add_ratings(cast)
    shown = asked.next_review("q01", "eva")
    assert shown is not None
    assert (shown.rating.id, [r.id for r in shown.others]) == (cast[0].id, [cast[1].id])
    assert shown.sources == (("infrared", sha(90)), ("visible", sha(91)))
    assert asked.review_progress("q01", "eva").left == 3  # not her own
    second = asked.next_review("q01", "eva", skip=[cast[0].id])
    assert second is not None
    assert second.rating.id == cast[1].id
    asked.skip_pair("q01", "eva", cast[0].id)
    asked.add_ratings([review(cast[1], "corrected", scores=GOOD | {"thermal": 2}, observer="erik")])  # by somebody else
    third = asked.next_review("q01", "eva")
    assert third is not None
    assert third.rating.id == cast[2].id
    mine = review(cast[2], "rejected", scores={}, circles=(), seconds=7.0)
    asked.add_ratings([mine])
    assert asked.next_review("q01", "eva").rating.id == cast[0].id  # type: ignore[union-attr]
    progress = asked.review_progress("q01", "eva")
    assert (progress.done, progress.left, progress.seconds) == (1, 1, 7.0)
    assert asked.last_answer("q01", "eva") == mine.id
    asked.add_ratings([review(cast[0], "accepted")])
    assert asked.next_review("q01", "eva") is None
    assert asked.item_progress("q01", "eva").done == 1


def test_a_batch_of_reviews_waits_for_what_a_model_rated(asked: Store) -> None:
    seed = rating(0, "anna")
    asked.add_ratings([seed])
    asked.register_ratings("q01", "llm", items(4)[1:], 1, "How good is this?", OPTIONS)
    given = [rating(item, "some-model", kind="llm") for item in (1, 2, 3)]
    asked.add_ratings(given)
    assert asked.status("q01").complete
    asked.register_ratings("q01", "people", items(4)[2:], 1, "How good is this?", OPTIONS, task="reviews")
    assert (asked.status("q01").have, asked.status("q01").need) == (0, 2)
    seen = asked.next_review("q01", "eva")
    assert seen is not None and seen.rating.id in {given[1].id, given[2].id}, "no seed, and nothing outside the batch"
    asked.add_ratings([review(given[1], "accepted"), review(given[1], "accepted", "zoe")])
    assert asked.status("q01").have == 1
    asked.add_ratings([review(seed, "accepted")])
    assert asked.status("q01").have == 1, "a person's rating is not what reviews were asked of"
    asked.add_ratings([review(given[2], "rejected", scores={}, circles=())])
    assert asked.status("q01").complete and asked.next_review("q01", "eva") is None
    counted = asked.ratings("q01", unreviewed=True)
    assert {(one.item, one.observer) for one in counted} == {
        (sha(0), "anna"), (sha(1), "some-model"), (sha(2), "some-model"),
    }  # fmt: skip
