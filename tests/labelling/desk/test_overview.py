"""The numbers of the watch page, each worked by hand."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from exchange_helpers import answer, sides
from label_helpers import make_pairs, png, sha

from labelling.desk.overview import overview
from labelling.exchange.criteria import FUSION_CRITERIA
from labelling.store import Circle, Options, PairImages, Rating, RatingItem, Store, pair_key

ROOT = Path(__file__).resolve().parents[3]
PAIRS = make_pairs(4)


def only_round(store: Store) -> dict[str, Any]:
    (found,) = overview(store)["rounds"]
    return found


def observers(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {observer["name"]: observer for observer in found["observers"]}


@pytest.fixture
def voted(store: Store) -> Store:
    """Pair 0: three of a mind; 1: ann against bob; 2: two ties; 3: ann alone, who can't tell."""
    store.register("r01", "people", PAIRS, 2, "Which?", Options(repeats=0.5))
    one, two, three, four = PAIRS
    store.add_votes(
        [
            answer(one, "ann", "low", "low", seconds=1.0),
            answer(one, "bob", "low"),
            answer(one, "cy", "low"),
            answer(two, "ann", "high", "low", seconds=2.0),
            answer(two, "bob", "low"),
            answer(three, "ann", "tie", seconds=3.0),
            answer(three, "bob", "tie"),
            answer(four, "ann", "unsure", seconds=4.0),
        ]
    )
    store.add_trials(
        [
            answer(one, "ann", "low", "high", purpose="repeat", seconds=5.0),
            answer(two, "ann", "low", "high", purpose="repeat", seconds=6.0),
            answer(three, "ann", "tie", "high", purpose="repeat", seconds=7.0),
            answer(four, "ann", "low", "low", purpose="repeat", seconds=8.0),
            answer(one, "bob", "high", "low", purpose="training"),
        ]
    )
    return store


def test_votes_and_agreement_of_a_round(voted: Store) -> None:
    """Equal pairs of answers: 6 of 6, 0 of 2, 2 of 2. Values: 4 low, 1 high, 2 tie; Do = 2, De = 2 (4 + 8 + 2) / 6."""
    found = only_round(voted)
    assert (found["round"], found["task"], found["pairs"], found["votes_per_pair"]) == ("r01", "pairs", 4, 2)
    assert (found["have"], found["need"], found["complete"]) == (6, 8, False)
    assert (found["unsure"], found["undecidable"]) == (1, 0)
    assert found["pairwise"] == pytest.approx(8 / 10)
    assert found["alpha"] == pytest.approx(1 - 2 / (28 / 6))
    assert found["have"] == voted.status("r01").have


def test_what_is_said_of_an_observer(voted: Store) -> None:
    """ann's repeats: low again, high then low, tie again, can't tell (not counted)."""
    ann = observers(only_round(voted))["ann"]
    assert (ann["done"], ann["owes"]) == (4, 0)
    assert (ann["repeat_consistency"], ann["repeats"]) == (pytest.approx(2 / 3), 3)
    assert ann["agreement"] == pytest.approx(1 / 2)  # with the others on pair 0, against them on pair 1
    assert ann["left_share"] == pytest.approx(2 / 5)  # votes: left, right; repeats: right, right, left
    assert ann["left_p"] == 1.0
    assert ann["median_seconds"] == pytest.approx(4.5)
    assert ann["suspect"] is None


def test_training_counts_for_nothing(voted: Store) -> None:
    bob = observers(only_round(voted))["bob"]
    assert (bob["done"], bob["owes"], bob["repeats"]) == (3, 1, 0)
    assert bob["repeat_consistency"] is None
    assert bob["median_seconds"] == pytest.approx(2.0)


def test_a_vote_taken_back_is_gone_at_once(voted: Store) -> None:
    only_round(voted)
    voted.retract(f"vote-bob-{PAIRS[1].key[:16]}", "bob")
    found = only_round(voted)
    assert found["have"] == 5
    assert observers(found)["bob"]["owes"] == 2
    assert observers(found)["ann"]["agreement"] == 1.0


def test_who_has_not_begun_is_shown_and_managers_are_not(voted: Store) -> None:
    voted.add_observer("dora")
    voted.add_observer("chief", role="manager")
    voted.add_observer("gone")
    voted.revoke_observer("gone")
    found = observers(only_round(voted))
    assert set(found) == {"ann", "bob", "cy", "dora"}
    assert (found["dora"]["done"], found["dora"]["owes"], found["dora"]["median_seconds"]) == (0, 1, None)


def test_unanimous_votes_have_no_alpha_and_a_reason(sqlite_store: Store) -> None:
    sqlite_store.register("r01", "people", PAIRS[:1], 2, "Which?")
    sqlite_store.add_votes([answer(PAIRS[0], name, "low") for name in ("ann", "bob")])
    found = only_round(sqlite_store)
    assert (found["alpha"], found["pairwise"], found["complete"]) == (None, 1.0, True)
    assert "no variation" in found["alpha_reason"]


def test_an_empty_store_and_a_round_without_votes(sqlite_store: Store) -> None:
    assert overview(sqlite_store)["rounds"] == []
    sqlite_store.register("r01", "people", PAIRS, 2, "Which?")
    found = only_round(sqlite_store)
    assert (found["have"], found["alpha"], found["pairwise"], found["observers"]) == (0, None, None, [])


def test_a_clicker_is_named(sqlite_store: Store) -> None:
    pairs = make_pairs(40)
    sqlite_store.register("r01", "people", pairs, 3, "Which?")
    for name, seconds in (("ann", 2.0), ("bob", 3.0)):
        sqlite_store.add_votes([answer(pair, name, "low", seconds=seconds) for pair in pairs])
    clicks = [answer(pair, "cy", "low" if i % 2 else "high", seconds=1.0) for i, pair in enumerate(pairs)]
    sqlite_store.add_votes(clicks)
    found = observers(only_round(sqlite_store))
    assert "20 of 40 votes are as the others lean" in found["cy"]["suspect"]
    assert found["ann"]["suspect"] is None


def test_everything_is_json(voted: Store) -> None:
    json.dumps(overview(voted), allow_nan=False)


def rating(item: int, observer: str, scores: tuple[int, int, int, int], **changes: Any) -> Rating:
    names = [criterion.name for criterion in FUSION_CRITERIA]
    values = {
        "id": f"{observer}-{item}", "item": sha(item), "observer": observer, "kind": "people",
        "scores": dict(zip(names, scores, strict=True)), "round": "fusion", "seconds": 9.0,
    }  # fmt: skip
    return Rating(**(values | changes))


def test_ratings(sqlite_store: Store) -> None:
    """Of people, thermal: (1, 1) and (5, 5), alpha 1. Texture: (3, 3) twice, undefined. The rest agree, with variation:
    1 each. The model is one point above ann on one criterion of four, and never in their figures.
    """
    items = [RatingItem(sha256=sha(i), png=png(i)) for i in range(3)]
    sqlite_store.register_ratings("fusion", "people", items, 2, "How good?", Options(criteria=FUSION_CRITERIA))
    sqlite_store.add_ratings(
        [
            rating(0, "ann", (1, 3, 2, 2)),
            rating(0, "bob", (1, 3, 2, 2)),
            rating(1, "ann", (5, 3, 4, 4)),
            rating(1, "cy", (5, 3, 4, 4)),
            rating(1, "gpt", (5, 4, 4, 4), kind="llm", circles=(Circle(x=3, y=3, radius=2),)),
        ]
    )
    accepted = {"reviews": "gpt-1", "verdict": "accepted", "circles": (Circle(x=3, y=3, radius=2),)}
    sqlite_store.add_ratings([rating(1, "bob", (5, 4, 4, 4), id="review", **accepted)])
    found = only_round(sqlite_store)
    assert (found["task"], found["pairs"], found["have"], found["need"]) == ("ratings", 3, 4, 6)
    assert found["criteria"] == {"thermal": 1.0, "texture": None, "artifacts": 1.0, "sharpness": 1.0}
    assert found["alpha"] == pytest.approx(1.0)
    (model,) = found["models"]
    assert (model["name"], model["pictures"], model["difference"]) == ("gpt", 1, 0.25)
    assert found["reviews"] == {"accepted": 1}
    seen = observers(found)
    assert (seen["ann"]["done"], seen["ann"]["owes"]) == (2, 1)
    assert (seen["bob"]["done"], seen["bob"]["owes"]) == (1, 1)
    assert (seen["gpt"]["kind"], seen["gpt"]["owes"]) == ("llm", 0)
    json.dumps(overview(sqlite_store), allow_nan=False)


def test_reviews(sqlite_store: Store) -> None:
    items = [RatingItem(sha256=sha(i), png=png(i)) for i in range(3)]
    asked = ("How good?", Options(criteria=FUSION_CRITERIA))
    sqlite_store.register_ratings("fusion", "llm", items, 1, *asked)
    given = [rating(i, "some-model", (3, 3, 3, 3), id=f"m{i}", kind="llm") for i in range(3)]
    sqlite_store.add_ratings(given)
    sqlite_store.register_ratings("fusion", "people", items[1:], 1, *asked, task="reviews")
    assert (only_round(sqlite_store)["have"], only_round(sqlite_store)["need"]) == (0, 2)
    for i in (0, 1):
        review = {"reviews": f"m{i}", "verdict": "accepted"}
        sqlite_store.add_ratings([rating(i, "eva", (3, 3, 3, 3), id=f"r{i}", **review)])
    found = only_round(sqlite_store)
    assert (found["task"], found["have"], found["need"], found["complete"]) == ("reviews", 1, 2, False)
    assert found["reviews"] == {"accepted": 2} and found["open"] == 1


def test_a_round_is_computed_again_only_when_something_came_in(voted: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    overview(voted)

    def never(*_: object) -> None:
        raise AssertionError("computed again")

    with monkeypatch.context() as patch:
        patch.setattr("labelling.desk.overview._pairs", never)
        overview(voted)
        voted.add_votes([answer(PAIRS[3], "cy", "low")])
        with pytest.raises(AssertionError, match="computed again"):
            overview(voted)


@pytest.mark.slow
def test_many_pairs_do_not_stall_the_server(sqlite_store: Store) -> None:
    """20,000 pairs with three votes each: a call after a new vote takes well under a second."""
    count = 300  # pictures, each with each of some others
    pictures = [png(i % 256)[:-12] + bytes(f"{i:04}", "ascii") + png(i % 256)[-12:] for i in range(count)]
    shas = [hashlib.sha256(picture).hexdigest() for picture in pictures]
    pairs = [
        PairImages(
            key=pair_key(shas[i], shas[j]), first_sha256=shas[i], second_sha256=shas[j], first_png=pictures[i],
            second_png=pictures[j],
        )
        for i in range(count) for j in range(i)
    ][:20_000]  # fmt: skip
    sqlite_store.register("big", "people", pairs, 3, "Which?")
    for name in ("ann", "bob", "cy"):
        words = [("low", "high")[sides(pair)["low"][0] > name[0]] for pair in pairs]
        votes = [answer(pair, name, word, round="big") for pair, word in zip(pairs, words, strict=True)]
        sqlite_store.add_votes(votes)
    overview(sqlite_store)
    sqlite_store.add_votes([answer(pairs[0], "dora", "low", round="big")])
    begin = time.perf_counter()
    assert only_round(sqlite_store)["have"] == 60_000
    assert time.perf_counter() - begin < 1.0


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys\nfrom labelling.desk.overview import overview\nfrom labelling.store import Store\n"
        "print(sorted({'torch', 'pandas', 'scipy', 'pyarrow', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
