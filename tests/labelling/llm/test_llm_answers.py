"""What becomes of a model's answers: votes in both orders, examples from experts, circles in pixels, a file to fine-tune with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from label_helpers import make_pairs, png, sha

from benchmarks.llm_server import Model, serving
from labelling.exchange.criteria import FUSION_CRITERIA
from labelling.llm import (
    Endpoint,
    Example,
    PairAnswer,
    Pictures,
    RatedAnswer,
    examples_of,
    pair_requests,
    rating_request,
    ratings_of,
    start_job,
    training_lines,
    verdicts,
)
from labelling.store import TIE, Circle, StoredRating

PAIR = make_pairs(1)[0]
SHOWN = (PAIR.first_sha256, PAIR.second_sha256)


def rated(value: int, score: int, observer: str = "eva") -> Example:
    scores = {one.name: score for one in FUSION_CRITERIA}
    told = {"id": f"{observer}-{value}", "kind": "people", "round": "q01", "made_at": "", "note": "halo"}
    circles = (Circle(x=6, y=4, radius=3),)
    rating = StoredRating(item=sha(value), observer=observer, scores=scores, circles=circles, **told)  # type: ignore[arg-type]
    return Example(rating, (("infrared", sha(90)),), (12, 8))


@pytest.mark.parametrize(
    ("orders", "chosen", "flips", "decided"),
    [
        (("first", "second"), 0, 0, 1),  # the same picture both times
        (("second", "first"), 1, 0, 1),
        (("first", "first"), None, 1, 0),  # the same side both times
        (("second", "second"), None, 1, 0),
        (("same", "same"), None, 0, 0),
        (("same", "first"), None, 0, 0),  # a near-tie
    ],
)
def test_a_flip_is_a_tie(orders: tuple[str, str], chosen: int | None, flips: int, decided: int) -> None:
    names = [request.name for request in pair_requests(PAIR.key, SHOWN, (), "Which is better?")]
    answers = {name: PairAnswer(better, "") for name, better in zip(names, orders, strict=True)}
    found = verdicts(answers, {PAIR.key: SHOWN}, "Which is better?", "m", "r01")
    (vote,) = found.votes
    assert vote.preferred == (TIE if chosen is None else SHOWN[chosen]) and vote.kind == "llm" and vote.observer == "m"
    assert (found.flips, found.decided) == (flips, decided)
    del answers[names[1]]
    assert verdicts(answers, {PAIR.key: SHOWN}, "Which is better?", "m", "r01").votes == []


def test_both_orders_show_the_pictures_swapped() -> None:
    one, two = pair_requests(PAIR.key, SHOWN, (("infrared", sha(9)),), "Which is better?")
    shown = [
        [part["sha256"] for part in request.messages[1]["content"] if part["type"] == "picture"]
        for request in (one, two)
    ]
    assert shown == [[sha(9), *SHOWN], [sha(9), *SHOWN[::-1]]]


def test_examples_go_from_the_worst_to_the_best() -> None:
    given = [rated(value, score) for value, score in enumerate((3, 1, 5, 2, 4))] + [rated(0, 5, "zoe")]
    scores = [one.rating.scores["thermal"] for one in examples_of(given, 3)]
    assert scores == [1, 3, 5] and [one.rating.scores["thermal"] for one in examples_of(given, 1)] == [3]
    assert examples_of(given, 0) == [] and len(examples_of(given, 9)) == 5, "one a picture"


def test_an_example_is_what_the_expert_said_in_relative_places() -> None:
    request = rating_request(sha(5), (("infrared", sha(91)),), FUSION_CRITERIA, "How good?", [rated(1, 2)])
    roles = [message["role"] for message in request.messages]
    assert roles == ["system", "user", "assistant", "user"]
    said = json.loads(request.messages[2]["content"])
    assert said["circles"] == [{"x": 0.5, "y": 0.5, "radius": 0.25}] and said["scores"]["thermal"] == 2
    assert request.parse(request.messages[2]["content"]).note == "halo", "it is of the form that is asked for"


def test_circles_are_kept_in_pixels() -> None:
    answer = RatedAnswer({one.name: 4 for one in FUSION_CRITERIA}, ((0.5, 0.25, 0.1),), "")
    (found,) = ratings_of({sha(1): answer}, {sha(1): (200, 100)}, "m", "q01")
    assert found.circles == (Circle(x=100, y=25, radius=20),) and found.kind == "llm" and found.observer == "m"
    assert ratings_of({sha(1): answer}, {sha(1): (200, 100)}, "m", "q01")[0].id == found.id


def test_the_file_and_the_job_of_fine_tuning(tmp_path: Path) -> None:
    def picture(sha256: str) -> bytes:
        return next(png(value) for value in range(256) if sha(value) == sha256)

    with serving(Model()) as (address, seen):
        endpoint = Endpoint(model="base", base_url=address)
        lines = list(
            training_lines([rated(2, 5), rated(1, 2)], FUSION_CRITERIA, "How good?", endpoint, Pictures(picture, 512))
        )
        file = tmp_path / "train.jsonl"
        file.write_text("\n".join(lines))
        assert start_job(file, endpoint) == ("ftjob-1", "queued")
        assert b"train.jsonl" in seen.files[0] and seen.jobs == [{"model": "base", "training_file": "file-1"}]
    for line in lines:
        messages = json.loads(line)["messages"]
        assert [message["role"] for message in messages] == ["system", "user", "assistant"]
        assert messages[1]["content"][-1]["image_url"]["url"].startswith("data:image/png;base64,")
