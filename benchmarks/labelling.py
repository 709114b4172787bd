"""Ten observers voting at once on the real server on loopback, with 100,000 registered pairs."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import random
import re
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import uuid
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import postgres
from benchmarks.measure import Result
from labelling.desk.tokens import observer_link
from labelling.store import Options, PairImages, Store, Vote, pair_key

PAIRS = 100_000
OBSERVERS = 10
EARLIER = 10_000  # votes of each observer that are there already, from another round
VOTES = 60  # of each observer, measured
PAUSE = 0.3  # seconds that an observer looks, on average; people take longer
MOST_MS = 100.0  # from vote to next pair, at the 95th percentile
MOST_MB = 300.0  # memory of the server
_SECONDS = 120  # after which an observer stops, however many votes are cast
_PROJECT = Path(__file__).resolve().parent.parent

_SERVER = """
import resource, sys
from pathlib import Path
from labelling.web.serve import serve
from labelling.store import Store
with Store.open(sys.argv[1]) as store:
    serve(store, announce=lambda line: print(line, flush=True))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "darwin" else 1)
status = Path("/proc/self/status")
if status.exists():  # Linux counts in ru_maxrss what the process was before it became this one
    peak = next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))
print("peak", peak, flush=True)
"""


def voting() -> list[Result]:
    """Milliseconds from vote to next pair, and megabytes of the server, on SQLite and on PostgreSQL."""
    with tempfile.TemporaryDirectory() as name:
        results = _measured("SQLite", str(Path(name) / "labels.sqlite"))
    programs = postgres.programs()
    if programs is None:
        print(f"labelling on PostgreSQL is not measured: no server under {postgres.INSTALLED}")
        return results
    with postgres.server(programs) as url:
        return results + _measured("PostgreSQL", url)


def _measured(kind: str, place: str) -> list[Result]:
    filled = _fill(place)
    times, peak = _storm(place)
    p50, p95 = (float(np.percentile(times, q)) * 1000 for q in (50, 95))
    title = f"labelling, {kind}"
    return [
        Result(f"{title}, {PAIRS} pairs registered", filled, "s", 60.0, "goal", filled / 60.0),
        Result(f"{title}, {OBSERVERS} observers, vote to next, p50", p50, "ms", MOST_MS, "limit", p50 / MOST_MS),
        Result(f"{title}, {OBSERVERS} observers, vote to next, p95", p95, "ms", MOST_MS, "limit", p95 / MOST_MS),
        Result(f"{title}, {OBSERVERS} observers, server's peak", peak, "MB", MOST_MB, "limit", peak / MOST_MB),
    ]


def picture(number: int) -> bytes:
    """A PNG of 16 x 16 grey pixels, told from others by a text inside."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 16, 16, 8, 0, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(bytes(17 * 16), 1))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"tEXt", b"number\x00%d" % number) + pixels + chunk(b"IEND", b"")


def pairs(count: int) -> list[PairImages]:
    """`count` pairs of different pictures, which are drawn when the store asks for them."""
    names = [hashlib.sha256(picture(i)).hexdigest() for i in range(2 * count)]
    return [
        PairImages(
            key=pair_key(names[i], names[i + 1]), first_sha256=names[i], second_sha256=names[i + 1],
            first_png=partial(picture, i), second_png=partial(picture, i + 1),
        )
        for i in range(0, 2 * count, 2)
    ]  # fmt: skip


def _fill(place: str) -> float:
    """Register the pairs, and some votes of everybody; returns the seconds that registering took."""
    offered = pairs(PAIRS)
    with Store.open(place) as store:
        begun = time.perf_counter()
        store.register("r01", "people", offered, OBSERVERS, "Which looks better?", Options(repeats=0.1, training=3))
        seconds = time.perf_counter() - begun
        dice = random.Random(0)
        for number in range(OBSERVERS):
            name = f"observer {number}"
            store.add_observer(name)
            store.add_votes(
                [
                    Vote(
                        id=str(uuid.uuid4()), key=pair.key, observer=name, kind="people", preferred=pair.first_sha256,
                        left=pair.second_sha256, round="r00", seconds=1.0,
                    )
                    for pair in dice.sample(offered, EARLIER)
                ]
            )  # fmt: skip
    return seconds


def _storm(place: str) -> tuple[list[float], float]:
    """Seconds of every vote with the next pair, and the server's peak in MB."""
    environment = {**os.environ, "PYTHONPATH": str(_PROJECT)}
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [sys.executable, "-c", _SERVER, place], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
        )
        try:
            assert process.stdout is not None
            found = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
            if found is None:
                raise RuntimeError("the labelling server did not start; run `loupe label` to see why")
            with Store.open(place) as store:
                links = [observer_link(store, f"observer {number}", found[0]) for number in range(OBSERVERS)]
            times: list[float] = []
            threads = [threading.Thread(target=_observe, args=(link, times.append)) for link in links]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            process.send_signal(signal.SIGTERM)
            said, _ = process.communicate(timeout=30)
        finally:
            process.kill()
            process.wait()
    if len(times) < OBSERVERS * VOTES / 2:
        raise RuntimeError(f"only {len(times)} votes were cast in {_SECONDS} s: the server is far too slow")
    peak = re.search(r"peak (\d+)", said)
    if peak is None:
        raise RuntimeError("the labelling server ended without telling its memory")
    return times, int(peak[1]) / 2**10


class Observer:
    """A browser of somebody whose personal link leads to one set, over one connection; votes on the left."""

    def __init__(self, link: str) -> None:
        host, token = re.fullmatch(r"http://([^/]+)/o/(.+)", link).groups()  # type: ignore[union-attr]
        self._connection = http.client.HTTPConnection(host, timeout=30)
        self._headers = {"Cookie": f"loupe={token}", "Content-Type": "application/json"}
        place = self.call("GET", "/")[0]["location"]
        code = re.search(rb'name="session" content="([^"]+)"', self.call("GET", place)[1])
        self._headers["X-Loupe-Session"] = "" if code is None else code[1].decode()
        self._set = place.rsplit("/", 1)[1]

    def __enter__(self) -> Observer:
        return self

    def __exit__(self, *error: object) -> None:
        self._connection.close()

    def call(self, method: str, path: str, body: Any = None) -> tuple[Any, bytes]:
        """Headers and content of the answer. Raises RuntimeError for a refusal."""
        self._connection.request(method, path, None if body is None else json.dumps(body), self._headers)
        response = self._connection.getresponse()
        content = response.read()
        if response.status >= 400:
            raise RuntimeError(f"{method} {path.split('/')[1]}: {response.status} {content.decode()}")
        return response.headers, content

    def next(self, *skip: Any) -> Any:
        """The next showing, not those of `skip`."""
        body = {"set": self._set, "skip": [showing["id"] for showing in skip]}
        return json.loads(self.call("POST", "/api/next", body)[1])["showing"]

    def vote(self, showing: Any) -> None:
        vote = {"id": str(uuid.uuid4()), "showing": showing["id"], "answer": "left", "seconds": PAUSE}
        self.call("POST", "/api/vote", vote)


def _observe(link: str, tell: Callable[[float], object]) -> None:
    """One observer: look, vote, get the next pair and its pictures, as a browser does."""
    dice = random.Random(link)
    deadline = time.monotonic() + _SECONDS
    with Observer(link) as observer:
        on_screen = observer.next()
        ahead = observer.next(on_screen)
        for _ in range(VOTES):
            if time.monotonic() > deadline:
                break
            time.sleep(dice.uniform(0, 2 * PAUSE))
            begun = time.perf_counter()
            observer.vote(on_screen)
            on_screen, ahead = ahead, observer.next(ahead)
            tell(time.perf_counter() - begun)
            for side in ("left", "right"):
                observer.call("GET", f"/tile/{ahead[side]['id']}/0/0/0")
