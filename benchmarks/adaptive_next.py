"""How long does the next pair of an adaptive study take: nine methods, 40 photographs, ten observers, 300 votes?

    python -m benchmarks.adaptive_next

in a temporary folder. Prints milliseconds of the whole step (the vote durably stored, the next pair chosen), and of the
choice alone.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import numpy as np

from labelling.desk.queue import Queue
from labelling.exchange import study
from labelling.store import Options, Store, Vote
from pictures import write_png

METHODS, PHOTOS, OBSERVERS, VOTES = 9, 40, 10, 300


def main() -> None:
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (root / "dvc.yaml").touch()
        os.chdir(root)
        for method in range(METHODS):
            for photo in range(PHOTOS):
                pixels = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
                write_png(root / f"m{method}" / f"p{photo:02}.png", pixels)
        folders = {f"m{method}": root / f"m{method}" for method in range(METHODS)}
        with Store.open(root / "labels.sqlite") as store:
            for goal in ("order", "best"):
                options = Options(budget=VOTES, goal=goal)
                study.create_pairs(store, goal, folders, {}, options=options, question=f"{goal}?")
                _say(goal, _timed(store, goal, random))


def _timed(store: Store, name: str, random: np.random.Generator) -> np.ndarray:
    """(N, 3) milliseconds of each step, of its choice, and of the processor in the choice."""
    queue = Queue(store, name)
    times: list[tuple[float, float, float]] = []
    while True:
        observer = f"observer {random.integers(OBSERVERS)}"
        begun, busy = time.perf_counter(), time.process_time()
        shown = queue.next(observer)
        chosen, busy = time.perf_counter(), time.process_time() - busy
        if shown is None:
            return 1000 * np.array(times)
        left = shown.left or shown.pictures[0]
        answer = {"key": shown.key, "observer": observer, "kind": "people", "round": name, "left": left}
        vote = Vote(id=f"{name} {len(times)}", preferred=shown.pictures[random.integers(2)], seconds=1.0, **answer)
        store.add_votes([vote])
        times.append((time.perf_counter() - begun, chosen - begun, busy))


def _say(goal: str, times: np.ndarray) -> None:
    for column, what in enumerate(("vote and next pair", "next pair", "next pair, of the processor")):
        median, late, worst = (float(np.percentile(times[:, column], q)) for q in (50, 95, 100))
        print(
            f"{goal}: {what}: median {median:.0f} ms, 95 % {late:.0f} ms, longest {worst:.0f} ms ({len(times)} steps)"
        )


if __name__ == "__main__":
    main()
