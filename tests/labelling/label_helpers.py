"""Small pictures, pairs and votes for the tests of the label store."""

from __future__ import annotations

import hashlib
import io
import time
import uuid
from collections.abc import Callable

from PIL import Image

from labelling.store import PairImages, Vote, pair_key


def png(value: int) -> bytes:
    """A small grey PNG; another value, another picture."""
    buffer = io.BytesIO()
    Image.new("RGB", (12, 8), (value, value, value)).save(buffer, "PNG")
    return buffer.getvalue()


def sha(value: int) -> str:
    return hashlib.sha256(png(value)).hexdigest()


def pair(a: int, b: int) -> PairImages:
    return PairImages(
        key=pair_key(sha(a), sha(b)), first_sha256=sha(a), second_sha256=sha(b), first_png=png(a), second_png=png(b)
    )


def vote(of: PairImages, observer: str = "anna", **changes: object) -> Vote:
    """A vote for the first picture of a pair, shown left."""
    values = {
        "id": str(uuid.uuid4()), "key": of.key, "observer": observer, "kind": "people", "preferred": of.first_sha256,
        "left": of.first_sha256, "round": "r01", "seconds": 1.25,
    }  # fmt: skip
    return Vote(**(values | changes))  # type: ignore[arg-type]


def make_pairs(count: int) -> list[PairImages]:
    return [pair(2 * i, 2 * i + 1) for i in range(count)]


def wait_for(what: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait until `what()` is true; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            raise AssertionError("waited in vain")
        time.sleep(0.02)
