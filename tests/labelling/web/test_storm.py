"""kill -9 of the real server in the middle of a storm of votes, fifty times: nothing lost, nothing twice."""

from __future__ import annotations

import http.client
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from label_helpers import pair, wait_for
from sqlalchemy import text

from labelling.desk.tokens import observer_link
from labelling.store import Options, Store

ROOT = Path(__file__).parents[3]
KILLS = {"sqlite": 35, "postgresql": 15}
OBSERVERS = ("anna", "berta", "carl", "dora")

# Imports everything once, and then for each line read starts a server in a process of its own: that takes no second.
SERVERS = """
import os, signal, sys
import psycopg, pydantic.v1, sqlalchemy.dialects.postgresql.psycopg, uvicorn.lifespan.on, uvicorn.loops.auto
import uvicorn.protocols.http.auto, uvicorn.protocols.websockets.auto
from labelling.web.app import create_app
from labelling.web.serve import serve
from labelling.store import Store
place, port = sys.argv[1], int(sys.argv[2])
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for _ in sys.stdin:
    process = os.fork()
    if process == 0:
        serve(Store.open(place), port=port, announce=lambda _: None)
        os._exit(0)
    print(process, flush=True)
"""


class Voter(threading.Thread):
    """One observer's page: asks for a pair, votes, and sends the same vote again until it is acknowledged."""

    def __init__(self, port: int, link: str, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.acknowledged: dict[str, str] = {}  # id -> answer
        self.broken = 0  # calls that got no answer
        self.wrong: list[str] = []
        self._port = port
        self._cookie = f"loupe={link.rsplit('/', 1)[1]}"
        self._stopped = stop
        self._connection = self._connect()
        self._code = ""

    def run(self) -> None:
        page = self._call("GET", "/", None)
        place = page[1]["location"]
        found = re.search(r'name="session" content="([^"]+)"', self._call("GET", place, None)[2])
        self._code = found[1] if found else ""
        dice = random.Random(self._cookie)
        while not self._stopped.is_set():
            shown = json.loads(self._call("POST", "/api/next", {"set": place.rsplit("/", 1)[1], "skip": []})[2])[
                "showing"
            ]
            vote = {
                "id": str(uuid.uuid4()),
                "showing": shown["id"],
                "answer": dice.choice(["left", "right"]),
                "seconds": 0.5,
            }
            self._call("POST", "/api/vote", vote)
            self.acknowledged[vote["id"]] = vote["answer"]

    def _call(self, method: str, path: str, body: Any) -> tuple[int, Any, str]:
        """The answer to a call, however many servers it takes."""
        headers = {"Cookie": self._cookie, "X-Loupe-Session": self._code, "Content-Type": "application/json"}
        while True:
            try:
                self._connection.request(method, path, None if body is None else json.dumps(body), headers)
                response = self._connection.getresponse()
                content = response.read().decode()
            except (OSError, http.client.HTTPException):
                self.broken += 1
                self._connection.close()
                self._connection = self._connect()
                time.sleep(0.01)
                continue
            if response.status < 400:
                return response.status, response.headers, content
            self.wrong.append(f"{response.status} {content}")
            if len(self.wrong) > 20:
                raise AssertionError(self.wrong)
            time.sleep(0.05)

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)


@contextmanager
def servers(place: str, port: int, folder: Path) -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", SERVERS, place, str(port)]
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def start(process: subprocess.Popen[str]) -> int:
    """Start the next server; returns its process id."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return int(process.stdout.readline())


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not Path(f"/proc/{pid}/stat").exists(), 20)


def stored(store: Store) -> list[tuple[str, str]]:
    """(id, answer) of every vote and trial."""
    found = []
    with store._reading() as db:
        for table in ("loupe_votes", "loupe_trials"):
            rows = db.execute(text(f'SELECT id, preferred, "left" FROM {table}'))
            found += [(id, "left" if preferred == left else "right") for id, preferred, left in rows]
    return found


@pytest.mark.slow
def test_a_killed_server_loses_no_acknowledged_vote_and_stores_none_twice(place: str, tmp_path: Path) -> None:
    kills = KILLS["postgresql" if place.startswith("postgresql") else "sqlite"]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    stop = threading.Event()
    dice = random.Random(1)
    with Store.open(place) as store, servers(place, port, tmp_path) as process:
        pairs = [pair(i, j) for i in range(90) for j in range(i)]
        store.register("r01", "people", pairs, len(OBSERVERS), "Better?", Options(repeats=0.1, training=2))
        for name in OBSERVERS:
            store.add_observer(name)
        address = f"http://127.0.0.1:{port}"
        voters = [Voter(port, observer_link(store, name, address), stop) for name in OBSERVERS]
        pid = start(process)
        for voter in voters:
            voter.start()
        hit = 0
        try:
            for _ in range(kills):
                before = sum(len(voter.acknowledged) for voter in voters)
                wait_for(lambda before=before: sum(len(voter.acknowledged) for voter in voters) > before, 30)  # type: ignore[misc]
                time.sleep(dice.random() * 0.06)
                broken = sum(voter.broken for voter in voters)
                kill(pid)
                said = [dict(voter.acknowledged) for voter in voters]
                kept = dict(stored(store))
                for acknowledged in said:
                    assert acknowledged.items() <= kept.items()
                hit += sum(voter.broken for voter in voters) > broken
                pid = start(process)
        finally:
            stop.set()
            for voter in voters:
                voter.join(30)  # each has its last vote acknowledged by the last server
            kill(pid)
        kept_ids = [id for id, _ in stored(store)]
        acknowledged = {id: answer for voter in voters for id, answer in voter.acknowledged.items()}
        assert [voter.wrong for voter in voters] == [[]] * len(voters)
        assert len(kept_ids) == len(set(kept_ids))
        assert dict(stored(store)) == acknowledged
        assert hit > kills / 2  # the storm was on: calls broke off
        assert len(acknowledged) >= kills
        if not place.startswith("postgresql"):
            with store._reading() as db:
                assert db.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
