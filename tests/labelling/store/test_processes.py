"""Several processes voting at once, and processes killed while they vote: nothing lost, nothing twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from label_helpers import make_pairs, vote
from sqlalchemy import text

from labelling.desk.queue import Queue
from labelling.store import Store

ROOT = Path(__file__).parents[3]

# Votes for ever or `count` times, each vote twice as a page does that did not hear the answer; prints what was acknowledged.
VOTER = """
import sys, uuid
from labelling.desk.queue import Queue
from labelling.store import Store, Vote
place, observer, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
store = Store.open(place)
queue = Queue(store, "r01")
print("ready", flush=True)
cast = 0
while cast != count:
    pair = queue.next(observer)
    if pair is None:
        break
    vote = Vote(id=str(uuid.uuid4()), key=pair.key, observer=observer, kind="people", preferred=pair.pictures[0],
                left=pair.pictures[1], round="r01", seconds=0.5)
    store.add_votes([vote])
    print(vote.id, flush=True)
    store.add_votes([vote])
    cast += 1
"""


def _start(place: str, observer: str, count: int = -1) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", VOTER, place, observer, str(count)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def _stored(store: Store) -> list[str]:
    with store._reading() as db:
        return list(db.execute(text("SELECT id FROM loupe_votes")).scalars())


def test_processes_voting_at_once_lose_nothing_and_store_nothing_twice(place: str) -> None:
    with Store.open(place) as store:
        store.register("r01", "people", make_pairs(15), 3, "Better?")
        processes = [_start(place, observer) for observer in ("anna", "berta", "carl")]
        acknowledged = []
        for process in processes:
            output, _ = process.communicate(timeout=120)
            assert process.returncode == 0
            acknowledged += output.split()[1:]
        assert len(acknowledged) == 45
        assert sorted(_stored(store)) == sorted(acknowledged)
        assert store.status("r01").complete


@pytest.mark.parametrize("attempt", range(4))
def test_kill_loses_no_acknowledged_vote(tmp_path: Path, attempt: int) -> None:
    place = str(tmp_path / "labels.sqlite")
    with Store.open(place) as store:
        store.register("r01", "people", make_pairs(100), 1, "Better?")
    process = _start(place, "anna")
    assert process.stdout is not None
    acknowledged = []
    for line in process.stdout:
        acknowledged.append(line.strip())
        if len(acknowledged) > random.Random(attempt).randrange(3, 40):
            break
    os.kill(process.pid, signal.SIGKILL)
    acknowledged += [line.strip() for line in process.stdout]  # said before the kill
    process.wait()
    with Store.open(place) as store:
        stored = _stored(store)
        with store._reading() as db:
            assert db.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
        assert set(acknowledged[1:]) <= set(stored)
        assert len(stored) == len(set(stored)) <= len(acknowledged)  # at most the one on its way
        assert Queue(store, "r01").progress("anna").done == len(stored)


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_a_killed_server_loses_no_acknowledged_vote(place: str, postgres: Any) -> None:
    with Store.open(place) as store:
        store.register("r01", "people", make_pairs(30), 1, "Better?")
        process = _start(place, "anna", 10)
        output, _ = process.communicate(timeout=60)
        postgres.stop()  # immediate: no checkpoint, as after a crash
        postgres.restart()
        assert sorted(_stored(store)) == sorted(output.split()[1:])


def test_a_forked_child_votes_for_itself(place: str) -> None:
    """Neither connections nor locks nor what was read are shared with the parent."""
    with Store.open(place) as store:
        store.register("r01", "people", make_pairs(2), 1, "Better?")
        queue = Queue(store, "r01")
        shown = queue.next("anna")
        assert shown is not None
        held, done = threading.Event(), threading.Event()

        def hold() -> None:
            with store.log("r01"), store._turn:
                held.set()
                done.wait(60)

        holder = threading.Thread(target=hold)
        holder.start()
        held.wait(60)
        try:
            child = os.fork()
            if child == 0:
                try:
                    pair = Queue(store, "r01").next("anna")
                    assert pair is not None
                    store.add_votes([vote(make_pairs(2)[0]), vote(make_pairs(2)[1])])
                    os._exit(0 if Queue(store, "r01").complete() else 2)
                except BaseException:
                    os._exit(1)
        finally:
            done.set()
            holder.join()
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert queue.complete()
