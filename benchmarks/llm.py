"""1,000 ratings by a language model on this machine's own server: eight at once against one by one, faults, and a kill -9.

    python -m benchmarks.llm

The server answers after 0.5 s (0.2 s in the second part). Prints the seconds of either side on 64 pictures, and then of
1,000 pictures with 10 % faults and a kill in the middle: how many answers are there, and how often anything was paid for twice.
"""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import tempfile
import time
from hashlib import sha256
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.llm_server import Model, serving
from labelling.exchange.criteria import FUSION_CRITERIA
from labelling.llm import Endpoint, Outcome, Pictures, RatedAnswer, Replies, ask, rating_request

PICTURES, FEW, SIDE = 1000, 64, 256
FAULTS = {"prose": 0.03, "429": 0.03, "500": 0.02, "range": 0.02}


def png(number: int) -> bytes:
    random = np.random.default_rng(number)
    small = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    held = io.BytesIO()
    Image.fromarray(small).resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(held, "PNG")
    return held.getvalue()


def rate(address: str, folder: Path, count: int, at_once: int) -> Outcome[RatedAnswer]:
    """Rate so many pictures."""
    known = {sha256(content).hexdigest(): content for content in map(png, range(count))}
    endpoint = Endpoint(model="m", base_url=address, concurrency=at_once, attempts=6, requests=10 * PICTURES)
    requests = [rating_request(item, (), FUSION_CRITERIA, "How good is this picture?", ()) for item in known]
    return ask(requests, endpoint, Pictures(known.__getitem__, SIDE), Replies(folder), "bench")


def speed() -> tuple[float, float]:
    """Seconds of eight at once, and of one by one."""
    import openai  # noqa: F401 - its import is no part of either side

    found = []
    with serving(Model(latency=0.5)) as (address, _):
        for at_once in (8, 1):
            with tempfile.TemporaryDirectory() as folder:
                found.append(rate(address, Path(folder), FEW, at_once).seconds)
    return found[0], found[1]


def killed() -> dict[str, float]:
    """1,000 ratings with faults, of which the first run is killed half way."""
    with serving(Model(latency=0.2, faults=FAULTS, seed=4)) as (address, seen), tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.llm", address, folder]
        child = subprocess.Popen(command)
        while len(seen.paid) < PICTURES // 2:
            time.sleep(0.05)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        before = len(list(Path(folder).glob("??/*.json")))
        found = rate(address, Path(folder), PICTURES, 8)
        return {
            "kept at the kill": before,
            "answers": len(found.answers),
            "without an answer that fits": len(found.failed) + len(found.left),
            "answers that did not fit": found.invalid,
            "paid for": sum(seen.paid.values()),
            "paid for twice": sum(count > 1 for count in seen.paid.values()),
            "HTTP requests": seen.requests,
        }


def main() -> None:
    if len(sys.argv) > 2:
        rate(sys.argv[1], Path(sys.argv[2]), PICTURES, 8)
        return
    eight, one = speed()
    print(f"{FEW} ratings: eight at once {eight:.1f} s, one by one {one:.1f} s: {one / eight:.2f} times as fast")
    for what, value in killed().items():
        print(f"{what}: {value}")


if __name__ == "__main__":
    main()
