"""Asking a language model on this machine: every fault, the budget, kills; none lost, none paid twice."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from label_helpers import png, sha, wait_for

from benchmarks.llm_server import FAULTS, Model, Seen, serving
from labelling.exchange.criteria import FUSION_CRITERIA
from labelling.llm import Endpoint, NoKey, Outcome, Pictures, RatedAnswer, Replies, ask, rating_request
from labelling.llm.asking import InvalidAnswer, Request
from labelling.llm.pictures import reduced
from labelling.llm.ratings import parse
from pictures import as_uint8, encode_png, photo_from

QUESTION = "How good is this picture?"
ROOT = Path(__file__).resolve().parents[3]


def picture(sha256: str) -> bytes:
    return next(png(value) for value in range(256) if sha(value) == sha256)


def requests(count: int) -> list[Request[RatedAnswer]]:
    return [rating_request(sha(value), (), FUSION_CRITERIA, QUESTION, ()) for value in range(count)]


def endpoint(address: str, **changes: object) -> Endpoint:
    return Endpoint(**({"model": "m", "base_url": address, "retries": 3} | changes))  # type: ignore[arg-type]


@pytest.fixture
def replies(tmp_path: Path) -> Replies:
    return Replies(tmp_path / "replies")


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def asked(address: str, replies: Replies, count: int = 20, **changes: object) -> Outcome[RatedAnswer]:
    chosen = endpoint(address, **changes)
    return ask(requests(count), chosen, Pictures(picture, chosen.side), replies, "q01")


@pytest.fixture
def server() -> Iterator[tuple[str, Seen]]:
    with serving(Model()) as found:
        yield found


def test_answers_come_once_and_are_kept(server: tuple[str, Seen], replies: Replies) -> None:
    address, seen = server
    first = asked(address, replies, input_price=2.0, output_price=10.0)
    assert len(first.answers) == first.requests == 20 and not first.failed and not first.left
    assert first.money == pytest.approx(20 * (1000 * 2.0 + 100 * 10.0) / 1e6)
    assert first.answers[sha(0)].scores == {one.name: 1 for one in FUSION_CRITERIA}
    assert first.answers[sha(0)].circles == ((0.5, 0.5, 0.25),)
    again = asked(address, replies)
    assert again.answers == first.answers and again.requests == 0 and again.kept == 20 and seen.requests == 20
    other = asked(address, replies, model="another")
    assert other.requests == 20, "another model is another question"


def test_what_is_sent(server: tuple[str, Seen], replies: Replies) -> None:
    address, seen = server
    asked(address, replies, 1, temperature=0.2)
    (body,) = seen.bodies
    system, user = body["messages"]
    for criterion in FUSION_CRITERIA:
        assert criterion.scale[0] in system["content"] and criterion.scale[4] in system["content"]
    assert user["content"][1]["image_url"]["url"].startswith("data:image/png;base64,")
    schema = body["response_format"]["json_schema"]
    assert schema["strict"] and schema["schema"]["properties"]["scores"]["additionalProperties"] is False
    assert body["temperature"] == 0.2 and body["model"] == "m"


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_asked_again(fault: str, replies: Replies) -> None:
    with serving(Model(faults={fault: 1.0})) as (address, seen):
        found = asked(address, replies, 4, attempts=2)
    if fault in ("429", "500", "fenced"):
        assert len(found.answers) == 4 and found.invalid == 0
    else:  # the key of a second attempt is another, and fails the same way
        assert len(found.failed) == 4 and found.invalid == 8 and not found.answers
        reasons = [message["content"] for message in seen.bodies[-1]["messages"] if message["role"] == "user"][1:]
        assert len(reasons) == 1 and "cannot be used" in reasons[0]
    assert max(seen.paid.values()) == 1


def test_a_fault_now_and_then_costs_one_more_question(replies: Replies) -> None:
    with serving(Model(faults={"prose": 0.2, "range": 0.2, "500": 0.1}, seed=3)) as (address, seen):
        found = asked(address, replies, 60, attempts=8)
        assert len(found.answers) == 60 and found.invalid > 10
        assert sum(seen.paid.values()) == found.requests == 60 + found.invalid
        assert asked(address, replies, 60, attempts=8).requests == 0


def test_the_budget_is_never_passed(server: tuple[str, Seen], replies: Replies) -> None:
    address, seen = server
    found = asked(address, replies, requests=7, concurrency=4)
    assert len(found.answers) == 7 == seen.requests and len(found.left) == 13
    assert "7 of 7 requests" in found.stopped
    assert asked(address, replies, requests=7).requests == 0, "what was spent stays spent"
    price = {"input_price": 1000.0, "output_price": 0.0}  # a unit a request
    found = asked(address, replies, requests=1000, money=10.5, concurrency=1, **price)
    assert found.requests == 10, "those before had no price"
    assert "10.00 of 10.50" in found.stopped


def test_a_full_disk_stops_the_spending(
    server: tuple[str, Seen], replies: Replies, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, seen = server

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(replies, "keep", full)
    found = asked(address, replies, concurrency=1)
    assert seen.requests == found.requests == 1 and len(found.answers) == 1 and len(found.left) == 19
    assert found.stopped == f"a reply cannot be kept in {replies.folder} (No space left on device)"


def test_pictures_of_16_bits_are_sent_whole() -> None:
    deep = np.linspace(0, 65535, 64 * 32 * 3).reshape(32, 64, 3).astype(np.uint16)
    for side, size in ((64, (32, 64)), (16, (8, 16))):
        sent = photo_from(Path("sent.png"), reduced(encode_png(deep), side)).pixels
        assert sent.dtype == np.uint8 and sent.shape[:2] == size
        small = (
            np.asarray(as_uint8(deep), float).reshape(size[0], 32 // size[0], size[1], 64 // size[1], 3).mean((1, 3))
        )
        assert np.abs(sent - small).max() <= 1, "scaled, and not clipped at 8 bits"


def test_who_has_no_key_or_a_wrong_one(replies: Replies, monkeypatch: pytest.MonkeyPatch) -> None:
    far = asked("https://example.invalid/v1", replies, 2)
    assert "set OPENAI_API_KEY in the environment" in far.stopped and len(far.left) == 2
    with pytest.raises(NoKey):
        from labelling.llm import client_of

        client_of(Endpoint(model="m"))
    monkeypatch.setenv("OPENAI_API_KEY", "wrong")
    with serving(Model(key="the-key-itself")) as (address, seen):
        found = asked(address, replies, 5, concurrency=1)
        assert "does not accept the key" in found.stopped and len(found.left) == 5 and not seen.paid
        assert "wrong" not in json.dumps(found.stopped)
        monkeypatch.setenv("OPENAI_API_KEY", "the-key-itself")
        assert len(asked(address, replies, 5).answers) == 5
    for path in replies.folder.rglob("*.json"):
        assert "the-key-itself" not in path.read_text()


def test_an_endpoint_that_is_down_or_slow(replies: Replies) -> None:
    down = asked("http://127.0.0.1:9/v1", replies, 3, retries=0)
    assert "cannot be reached" in down.stopped and len(down.left) == 3
    with serving(Model(latency=1.0)) as (address, _):
        slow = asked(address, replies, 2, timeout=0.2, retries=0)
    assert "did not answer in time" in slow.stopped and len(slow.left) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("good", "not a JSON object"),
        ("[]", "exactly scores, circles, note"),
        ('{"scores": {"thermal": 1}, "circles": [], "note": ""}', "scores must have exactly"),
        ('{"scores": SCORES, "circles": [{"x": 0, "y": 0}], "note": ""}', "x, y and radius"),
        ('{"scores": SCORES, "circles": [{"x": 0, "y": 0, "radius": 0}], "note": ""}', "above 0"),
        ('{"scores": SCORES, "circles": [{"x": NaN, "y": 0, "radius": 0.1}], "note": ""}', "must be a number"),
        ('{"scores": SCORES, "circles": [], "note": 3}', "note must be a text"),
        ('{"scores": HALF, "circles": [], "note": ""}', "whole number"),
    ],
)
def test_what_no_answer_is(text: str, said: str) -> None:
    scores = json.dumps({one.name: 3 for one in FUSION_CRITERIA})
    with pytest.raises(InvalidAnswer, match=said):
        parse(text.replace("SCORES", scores).replace("HALF", scores.replace("3", "2.5", 1)), FUSION_CRITERIA)


CHILD = """
import sys
sys.path[:0] = [{root!r}, {tests!r}]
from pathlib import Path
from test_llm_asking import asked, Replies
found = asked({address!r}, Replies(Path({folder!r})), 200, attempts=8, concurrency=8)
print(len(found.answers))
"""


@pytest.mark.slow
def test_a_killed_run_loses_nothing_and_pays_nothing_twice(tmp_path: Path) -> None:
    model = Model(latency=0.03, faults={"prose": 0.04, "429": 0.03, "500": 0.03}, seed=5)
    with serving(model) as (address, seen):
        told = {"root": str(ROOT), "tests": str(Path(__file__).parent), "address": address, "folder": str(tmp_path)}
        helpers = str(Path(__file__).parents[1])
        environment = dict(os.environ, PYTHONPATH=os.pathsep.join([str(ROOT), helpers]))
        command = [sys.executable, "-c", CHILD.format(**told)]
        child = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        wait_for(lambda: len(seen.paid) >= 60, 60)
        child.send_signal(signal.SIGKILL)
        child.wait()
        time.sleep(0.2)
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "200"
        assert set(seen.paid.values()) == {1} and seen.most <= 8 + 8
        kept = len(list(tmp_path.glob("??/*.json")))
        assert kept == len(seen.paid), "every reply that was paid for is kept"
